//! HTTPS of clients and of the control API: the handshake comes before anything else is read of a
//! connection.

mod certificates;

use std::{fmt, io, sync::Arc};

use rustls::{ServerConfig, crypto::aws_lc_rs::default_provider};
use thiserror::Error;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::certificates::Certificates;
use crate::socket::{Io, Socket};

/// The certificates that clients see, for HTTPS with TLS 1.2 or 1.3. They may choose HTTP/2 or
/// HTTP/1.1.
///
/// Of several, a client gets the first that is for the name it asks for (SNI), and the first of all
/// where none is or it names none. Clones share the certificates, so that whoever keeps one can
/// [`replace`](Self::replace) them while a hub serves.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    /// For what speaks no HTTP/2.
    http1_acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
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
        let first = certificates::certified(certificates, private_key)?;
        let certificates = Arc::new(Certificates::new(first));
        let acceptor = |protocols: &[&[u8]]| {
            // Named, so that it does not depend on what else is in the program.
            let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| TlsError::Unusable(error.into()))?
                .with_no_client_auth()
                .with_cert_resolver(Arc::clone(&certificates) as _);
            config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
            Ok(TlsAcceptor::from(Arc::new(config)))
        };
        Ok(Self {
            acceptor: acceptor(&[b"h2", b"http/1.1"])?,
            http1_acceptor: acceptor(&[b"http/1.1"])?,
            certificates,
        })
    }

    /// Adds a certificate for other names, as [`from_pem`](Self::from_pem) takes one.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn add_pem(&self, certificates: &[u8], private_key: &[u8]) -> Result<(), TlsError> {
        let more = certificates::certified(certificates, private_key)?;
        self.certificates.add(more);
        Ok(())
    }

    /// Shows the certificates of `other` from now on, such as renewed ones. Clients that are connected
    /// keep their connections.
    pub fn replace(&self, other: &Self) {
        self.certificates.replace(&other.certificates);
    }

    pub(crate) async fn accept(&self, socket: Socket) -> io::Result<Socket> {
        let stream = self.acceptor.accept(socket).await?;
        Ok(Socket::Other(Box::new(stream)))
    }

    pub(crate) async fn accept_http1(&self, socket: Socket) -> io::Result<Socket> {
        let stream = self.http1_acceptor.accept(socket).await?;
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
