//! Clients over TLS: the handshake comes before anything else is read of a connection.

use std::{fmt, io, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use thiserror::Error;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::socket::{Io, Socket};

/// The certificate that clients see, for HTTPS with TLS 1.2 or 1.3. They may choose HTTP/2 or
/// HTTP/1.1.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

/// Why clients could not be received over TLS.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate in the PEM, or one that cannot be read.
    #[error("the certificates are not in PEM")]
    Certificates,
    /// There is no private key in the PEM, or one that cannot be read.
    #[error("the private key is not in PEM")]
    PrivateKey,
    /// They do not belong together, or are of an unknown kind.
    #[error("the certificate and its key cannot be used")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Tls {
    /// Takes a certificate with those that vouch for it, the server's own first, and its private
    /// key, both in PEM.
    ///
    /// # Errors
    /// Where one of them cannot be read, or they do not belong together.
    pub fn from_pem(certificates: &[u8], private_key: &[u8]) -> Result<Self, TlsError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::Certificates)?;
        if certificates.is_empty() {
            return Err(TlsError::Certificates);
        }
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|_| TlsError::PrivateKey)?;
        let unusable = |error: rustls::Error| TlsError::Unusable(error.into());
        // Named, so that it does not depend on what else is in the program.
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) async fn accept(&self, socket: Socket) -> io::Result<Socket> {
        let stream = self.acceptor.accept(socket).await?;
        Ok(Socket::Other(Box::new(stream)))
    }
}

impl Io for TlsStream<Socket> {
    fn is_hung_up(&self) -> bool {
        self.get_ref().0.is_hung_up()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
        time::{sleep, timeout},
    };
    use tokio_rustls::TlsConnector;

    use super::*;

    #[test]
    fn what_is_no_certificate_with_its_key_is_refused() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        assert!(Tls::from_pem(certificate.as_bytes(), key.as_bytes()).is_ok());
        let error = Tls::from_pem(b"", key.as_bytes()).unwrap_err();
        assert!(matches!(error, TlsError::Certificates), "{error}");
        let error = Tls::from_pem(certificate.as_bytes(), certificate.as_bytes()).unwrap_err();
        assert!(matches!(error, TlsError::PrivateKey), "{error}");
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let error = Tls::from_pem(certificate.as_bytes(), other.as_bytes()).unwrap_err();
        assert!(matches!(error, TlsError::Unusable(_)), "{error}");
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed_although_nothing_is_read() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = "localhost".try_into().unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            connector.connect(name, stream).await.unwrap()
        };
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            tls.accept(Socket::Tcp(stream)).await.unwrap()
        };
        let (mut client, socket) = tokio::join!(client, server);
        client.write_all(&[b'x'; 10_000]).await.unwrap();
        client.flush().await.unwrap();
        assert!(!socket.is_hung_up());
        drop(client);
        let noticed = async {
            while !socket.is_hung_up() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(20), noticed).await.unwrap();
    }
}
