//! Peers of another kind: HTTP/2 is all that they have to speak.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::{convert::Infallible, fs, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use gripware_pipe::Body;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use support::{Site, get, name, until, within};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::ServiceExt;

/// Dials with the certificate of `app`, and says which protocols it speaks.
async fn dial(
    site: &Site,
    server: SocketAddr,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let read = |name: &str| fs::read(site.path(name)).unwrap();
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(&read("ca.crt.pem")).unwrap();
    roots.add(authority).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read("app.crt.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("app.key.pem")).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(server).await?;
    connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    let path = request.uri().path().to_owned();
    Ok(Response::new(Full::from(path)))
}

#[tokio::test]
async fn whoever_speaks_reversed_http_2_is_a_client() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    site.authority.client("app", 1).unwrap();
    let app = server.client(&name("app"));
    for protocol in [&b"h2-reverse"[..], "\u{547}\u{265}".as_bytes()] {
        let stream = within(dial(&site, address, &[protocol])).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let serving = builder.serve_connection(TokioIo::new(stream), service_fn(answer));
        let serving = tokio::spawn(serving);
        until("it is a client", || app.is_connected()).await;
        assert_eq!(get(&app, "/a//b?c").await.unwrap().1, "/a//b");
        serving.abort();
        until("it is none", || !app.is_connected()).await;
    }
}

#[tokio::test]
async fn whoever_speaks_http_2_calls_the_server() {
    let site = Site::new();
    let (_server, address, _serving) = site.server().await;
    site.authority.client("app", 1).unwrap();
    let stream = within(dial(&site, address, &[b"h2", b"http/1.1"]))
        .await
        .unwrap();
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/cat//a/b").body(Empty::<Bytes>::new());
    let response = within(sender.send_request(request.unwrap())).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"result_from_server":"ab"}"#);
}

#[tokio::test]
async fn other_protocols_are_refused() {
    let site = Site::new();
    let (_server, address, _serving) = site.server().await;
    site.authority.client("app", 1).unwrap();
    let error = within(dial(&site, address, &[b"http/1.1"]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
    // Without any the handshake is fine, and then it is closed.
    let mut stream = within(dial(&site, address, &[])).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    let _ = within(read).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_client_that_floods_its_server_harms_no_other() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let (_other, _dialling) = site.client("other", address).await;
    site.authority.client("app", 1).unwrap();
    let mut connections = Vec::new();
    // More connections than one client may have: the oldest end.
    for _ in 0..12 {
        let stream = within(dial(&site, address, &[b"h2"])).await.unwrap();
        let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        connections.push((sender, tokio::spawn(connection)));
    }
    until("the oldest have ended", || {
        connections[..4]
            .iter()
            .all(|(_, connection)| connection.is_finished())
    })
    .await;
    let (sender, _) = connections.last_mut().unwrap();
    for _ in 0..2000 {
        let request = Request::get("https://localhost/time").body(Empty::<Bytes>::new());
        // It is begun and given up: rapid reset.
        let calling = sender.send_request(request.unwrap());
        let _ = tokio::time::timeout(std::time::Duration::ZERO, calling).await;
    }
    let other = server.client(&name("other"));
    for _ in 0..10 {
        let request = Request::get("/time").body(Body::empty()).unwrap();
        assert_eq!(
            within(other.clone().oneshot(request))
                .await
                .unwrap()
                .status(),
            200
        );
    }
}
