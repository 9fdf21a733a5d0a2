//! TLS towards origins, with the roots of the system.

use std::{
    io,
    sync::{Arc, LazyLock},
};

use http::Uri;
use rustls::{
    ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider, pki_types::ServerName,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::socket::{Io, Socket};

/// Made once: the roots are many.
static CONFIG: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(config);

/// Whether there are roots to trust origins by.
pub(super) fn is_possible() -> bool {
    CONFIG.is_some()
}

/// Does the handshake with the host of the address.
pub(super) async fn connect(stream: TcpStream, uri: &Uri) -> io::Result<Socket> {
    let config = CONFIG.as_ref().ok_or(io::ErrorKind::Unsupported)?;
    let host = uri.host().unwrap_or_default();
    // An IPv6 address is written in brackets.
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await?;
    Ok(Socket::Other(Box::new(stream)))
}

fn config() -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read are as good as not there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return None;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

impl Io for TlsStream<TcpStream> {}
