//! HTTPS of clients and of the control API: the handshake comes before anything else is read of a
//! connection.

mod certificates;
mod clients;

use std::{
    fmt, io,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{NoServerSessionStorage, danger::ClientCertVerifier},
};
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
    configs: Arc<RwLock<Configs>>,
    certificates: Arc<Certificates>,
}

/// What the next handshake is done with.
#[derive(Clone)]
struct Configs {
    any: Arc<ServerConfig>,
    /// For what speaks no HTTP/2.
    http1: Arc<ServerConfig>,
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
    /// There is no certificate in the PEM of who vouches for clients, or one that cannot be read.
    #[error("the authorities of clients are not in PEM")]
    ClientAuthorities,
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
        let configs = Configs::new(&certificates, None)?;
        Ok(Self {
            configs: Arc::new(RwLock::new(configs)),
            certificates,
        })
    }

    /// Asks clients for a certificate that one of these authorities, in PEM, vouches for (mutual TLS).
    /// Who has none is refused in the handshake.
    ///
    /// Which of these clients it is, the application is not told. Sessions are not resumed, so that
    /// every handshake looks whether the certificate is still good; revocation lists are not looked at.
    /// Called again, the authorities of the last call count. Default: no certificate is asked for.
    ///
    /// # Errors
    /// Where there is none, or one cannot be read or used.
    pub fn client_authorities(&self, authorities: &[u8]) -> Result<(), TlsError> {
        let verifier = clients::verifier(authorities)?;
        self.set(Configs::new(&self.certificates, Some(verifier))?);
        Ok(())
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

    /// Shows the certificates of `other` from now on, such as renewed ones, and asks clients for theirs
    /// as it does. Clients that are connected keep their connections.
    pub fn replace(&self, other: &Self) {
        self.certificates.replace(&other.certificates);
        self.set(other.configs().showing(&self.certificates));
    }

    pub(crate) async fn accept(&self, socket: Socket) -> io::Result<Socket> {
        let stream = TlsAcceptor::from(self.configs().any).accept(socket).await?;
        Ok(Socket::Other(Box::new(stream)))
    }

    pub(crate) async fn accept_http1(&self, socket: Socket) -> io::Result<Socket> {
        let stream = TlsAcceptor::from(self.configs().http1)
            .accept(socket)
            .await?;
        Ok(Socket::Other(Box::new(stream)))
    }

    fn configs(&self) -> Configs {
        let configs = self.configs.read();
        configs.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, configs: Configs) {
        let current = self.configs.write();
        *current.unwrap_or_else(PoisonError::into_inner) = configs;
    }
}

impl Configs {
    fn new(
        certificates: &Arc<Certificates>,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Self, TlsError> {
        // Named, so that it does not depend on what else is in the program.
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Unusable(error.into()))?;
        let asks = clients.is_some();
        let config = match clients {
            Some(clients) => config.with_client_cert_verifier(clients),
            None => config.with_no_client_auth(),
        };
        let mut config = config.with_cert_resolver(Arc::clone(certificates) as _);
        if asks {
            // A resumed session would not have its certificate verified again.
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(NoServerSessionStorage {});
        }
        Ok(Self::of(&config))
    }

    /// With the certificates of another hub.
    fn showing(&self, certificates: &Arc<Certificates>) -> Self {
        let mut config = ServerConfig::clone(&self.any);
        config.cert_resolver = Arc::clone(certificates) as _;
        Self::of(&config)
    }

    fn of(config: &ServerConfig) -> Self {
        let speaking = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
            Arc::new(config)
        };
        Self {
            any: speaking(&[b"h2", b"http/1.1"]),
            http1: speaking(&[b"http/1.1"]),
        }
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
        let config = client_config(made.cert.der().clone(), None);
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

    #[tokio::test]
    async fn a_client_without_a_certificate_of_the_authorities_is_refused() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let own = || Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let tls = own();
        let error = tls.client_authorities(key.as_bytes()).unwrap_err();
        assert!(matches!(error, TlsError::ClientAuthorities), "{error}");

        let (ours, others) = (authority(), authority());
        tls.client_authorities(ours.pem().as_bytes()).unwrap();
        let handshake = async |tls: &Tls, vouched_for: Option<&Authority>| {
            let config = client_config(made.cert.der().clone(), vouched_for);
            let (client, server) = tokio::io::duplex(64 * 1024);
            let name = "localhost".try_into().unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            let server = Socket::Other(Box::new(hyper_util::rt::TokioIo::new(
                hyper_util::rt::TokioIo::new(server),
            )));
            let (_client, accepted) =
                tokio::join!(connector.connect(name, client), tls.accept(server));
            accepted.is_ok()
        };
        assert!(handshake(&tls, Some(&ours)).await);
        assert!(!handshake(&tls, Some(&others)).await);
        assert!(!handshake(&tls, None).await);

        // As where a file is read again.
        let renewed = own();
        renewed.client_authorities(others.pem().as_bytes()).unwrap();
        tls.replace(&renewed);
        assert!(handshake(&tls, Some(&others)).await);
        assert!(!handshake(&tls, Some(&ours)).await);
    }

    type Authority = rcgen::CertifiedIssuer<'static, rcgen::KeyPair>;

    fn authority() -> Authority {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap()
    }

    /// A client that trusts a certificate, and has one of an authority or none.
    fn client_config(
        trusted: rustls::pki_types::CertificateDer<'static>,
        vouched_for: Option<&Authority>,
    ) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some(authority) = vouched_for else {
            return config.with_no_client_auth();
        };
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["client".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        let key = key.serialize_der().try_into().unwrap();
        config
            .with_client_auth_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}
