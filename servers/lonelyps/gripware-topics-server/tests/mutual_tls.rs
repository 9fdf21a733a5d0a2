//! Mutual TLS, both ways: whoever connects is known by its certificate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::{net::SocketAddr, sync::Arc};

use gripware_topics::{
    Auth,
    client::{Client, ClientError},
    tls::Tls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto::aws_lc_rs::default_provider, pki_types::PrivateKeyDer,
        server::WebPkiClientVerifier,
    },
};

use crate::support::{builder, serve_with_hub, soon};

/// Who vouches for both ends.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn issue(&self) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// Who trusts this authority, and has a certificate of it or none.
    fn tls(&self, has_certificate: bool) -> Tls {
        let tls = Tls::default().authority(self.0.pem().as_bytes()).unwrap();
        let (certificate, key) = self.issue();
        match has_certificate {
            true => tls
                .certificate(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
                .unwrap(),
            false => tls,
        }
    }

    /// What asks for a certificate of this authority, in front of what is served at `behind`. Its URL.
    async fn in_front_of(&self, behind: SocketAddr) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let (certificate, key) = self.issue();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut behind = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
                });
            }
        });
        format!("https://localhost:{port}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_certificate_is_let_in_on_both_wires_and_is_delivered_to() {
    let authority = Authority::new();
    let auth = Auth::none();
    let tls = authority.tls(true);
    let broadcaster = serve_with_hub(&auth, |builder| builder.tls(tls)).await;
    let address = broadcaster
        .url
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let url = authority.in_front_of(address).await;

    // The subscriber asks the broadcaster for a certificate as well.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = authority.in_front_of(listener.local_addr().unwrap()).await;
    let client = |has_certificate| {
        Client::builder(auth.clone())
            .broadcaster(&url)
            .unwrap()
            .tls(authority.tls(has_certificate))
            .rounds(1)
    };
    let endpoint = client(true).host(&host).unwrap().build().unwrap();
    tokio::spawn(endpoint.serve(listener));
    let socket = client(true).websocket().build().unwrap();
    let mut over_http = soon(endpoint.subscribe_exact("t")).await.unwrap();
    let mut over_socket = soon(socket.subscribe_exact("t")).await.unwrap();
    for from in [&endpoint, &socket] {
        let (sent, _, _) = soon(async {
            tokio::join!(
                from.notify("t", "x"),
                async { over_http.next().await.map(drop) },
                async { over_socket.next().await.map(drop) },
            )
        })
        .await;
        assert_eq!(sent.unwrap().subscribers, 2);
    }

    for without in [
        client(false).build().unwrap(),
        client(false).websocket().build().unwrap(),
    ] {
        let refused = soon(without.notify("t", "x")).await.unwrap_err();
        assert!(
            matches!(
                refused,
                ClientError::Unreachable(_) | ClientError::Ambiguous(_)
            ),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcaster_without_a_certificate_does_not_deliver() {
    let authority = Authority::new();
    let auth = Auth::none();
    let tls = authority.tls(false);
    let broadcaster = support::serve(&builder(&auth).tls(tls).build().unwrap()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = authority.in_front_of(listener.local_addr().unwrap()).await;
    let endpoint = Client::builder(auth)
        .broadcaster(&broadcaster.url)
        .unwrap()
        .host(&host)
        .unwrap()
        .build()
        .unwrap();
    tokio::spawn(endpoint.serve(listener));
    let mut subscription = soon(endpoint.subscribe_exact("t")).await.unwrap();
    // What came would be confirmed as it is taken.
    let sent = async {
        tokio::select! {
            sent = endpoint.notify("t", "x") => sent,
            () = async { while subscription.next().await.is_some() {} } => unreachable!(),
        }
    };
    assert_eq!(soon(sent).await.unwrap().subscribers, 0);
}
