//! Whom clients have to have a certificate of (mutual TLS).

use std::sync::Arc;

use rustls::{
    RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::TlsError;

/// Reads the authorities, and returns what asks clients for a certificate of one of them.
pub(super) fn verifier(authorities: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        let added = authority.map(|authority| roots.add(authority));
        let added = added.map_err(|_| TlsError::ClientAuthorities)?;
        added.map_err(|error| TlsError::Unusable(error.into()))?;
    }
    if roots.is_empty() {
        return Err(TlsError::ClientAuthorities);
    }
    let provider = Arc::new(default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| TlsError::Unusable(error.into()))
}
