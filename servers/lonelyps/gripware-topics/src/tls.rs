//! TLS of whoever connects: whom it trusts, and by which certificate it is known (mutual TLS).
//!
//! ```
//! use gripware_topics::tls::{Tls, TlsError};
//!
//! // The system's authorities, and no certificate.
//! let tls = Tls::default();
//! let wrong = tls.authority(b"no certificate");
//! assert!(matches!(wrong, Err(TlsError::Certificates)));
//! ```

use std::{fmt, io, sync::Arc};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use thiserror::Error;

/// How connections over TLS are made. By default the system's authorities are trusted, and no
/// certificate is shown.
#[derive(Default)]
pub struct Tls {
    authorities: Option<RootCertStore>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// Why connections over TLS cannot be made as is wanted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate in the PEM, or one that cannot be read.
    #[error("the certificates are not in PEM")]
    Certificates,
    /// There is no private key in the PEM, or one that cannot be read.
    #[error("the private key is not in PEM")]
    PrivateKey,
    /// A certificate and its key do not belong together, or are of an unknown kind.
    #[error("the certificate and its key cannot be used")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system's authorities cannot be read.
    #[error("the system's certificates cannot be read")]
    System(#[source] io::Error),
}

impl Tls {
    /// Trusts these authorities in place of the system's: certificates in PEM.
    ///
    /// # Errors
    /// Where there is none, or one cannot be read.
    pub fn authority(mut self, certificates: &[u8]) -> Result<Self, TlsError> {
        let authorities = self.authorities.get_or_insert_with(RootCertStore::empty);
        for certificate in read(certificates)? {
            let added = authorities.add(certificate);
            added.map_err(|_| TlsError::Certificates)?;
        }
        Ok(self)
    }

    /// Shows a certificate to whom it connects: its own first, those that vouch for it behind it, and
    /// its private key, both in PEM.
    ///
    /// # Errors
    /// Where one of them cannot be read. Whether they belong together is found out as the client or
    /// the broadcaster is built.
    pub fn certificate(mut self, certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::PrivateKey)?;
        self.identity = Some((read(certificates)?, key));
        Ok(self)
    }

    /// Makes connections of those that `connector` makes, over TLS where the URL says so.
    ///
    /// # Errors
    /// Where the certificate cannot be used, or the system's authorities cannot be read.
    #[doc(hidden)]
    pub fn wrap<T>(self, connector: T) -> Result<HttpsConnector<T>, TlsError> {
        // Named, so that it does not depend on what else is in the program.
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Unusable(error.into()))?;
        let config = match self.authorities {
            Some(authorities) => config.with_root_certificates(authorities),
            None => hyper_rustls::ConfigBuilderExt::with_native_roots(config)
                .map_err(TlsError::System)?,
        };
        let config = match self.identity {
            None => config.with_no_client_auth(),
            Some((certificates, key)) => config
                .with_client_auth_cert(certificates, key)
                .map_err(|error| TlsError::Unusable(error.into()))?,
        };
        Ok(HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector))
    }
}

fn read(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| TlsError::Certificates)?;
    match certificates.is_empty() {
        true => Err(TlsError::Certificates),
        false => Ok(certificates),
    }
}

/// The key does not print.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field(
                "authorities",
                &self.authorities.as_ref().map(RootCertStore::len),
            )
            .field("has_certificate", &self.identity.is_some())
            .finish()
    }
}
