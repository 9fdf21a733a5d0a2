//! Certificates by the names that they are for.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    client::verify_server_name,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::TlsError;

/// What handshakes choose from. There is one certificate at least.
pub(super) struct Certificates(RwLock<Arc<[Arc<CertifiedKey>]>>);

/// Reads a certificate with those that vouch for it, and its key.
pub(super) fn certified(
    certificates: &[u8],
    private_key: &[u8],
) -> Result<Arc<CertifiedKey>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificates)?;
    if certificates.is_empty() {
        return Err(TlsError::Certificates);
    }
    let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|_| TlsError::PrivateKey)?;
    let certified = CertifiedKey::from_der(certificates, key, &default_provider());
    let certified = certified.map_err(|error| TlsError::Unusable(error.into()))?;
    Ok(Arc::new(certified))
}

impl Certificates {
    pub(super) fn new(first: Arc<CertifiedKey>) -> Self {
        Self(RwLock::new(Arc::new([first])))
    }

    pub(super) fn add(&self, more: Arc<CertifiedKey>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *all = all.iter().cloned().chain([more]).collect();
    }

    pub(super) fn replace(&self, other: &Self) {
        let others = other.all();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = others;
    }

    fn all(&self) -> Arc<[Arc<CertifiedKey>]> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&all)
    }

    /// Returns the certificate for a name.
    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let all = self.all();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let is_for_it =
            |it: &&Arc<CertifiedKey>| name.as_ref().is_some_and(|name| is_for(it, name));
        all.iter().find(is_for_it).or(all.first()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

/// Whether a client that asks for this name would take the certificate, `*.` included (RFC 9525).
fn is_for(certified: &CertifiedKey, name: &ServerName<'_>) -> bool {
    certified
        .end_entity_cert()
        .and_then(ParsedCertificate::try_from)
        .is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.all().len();
        f.debug_struct("Certificates")
            .field("count", &count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> Arc<CertifiedKey> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        certified(certificate.as_bytes(), key.as_bytes()).unwrap()
    }

    #[test]
    fn a_client_gets_the_certificate_of_the_name_it_asks_for() {
        let (first, other, wild) = (
            made(&["a.example"]),
            made(&["b.example", "c.example"]),
            made(&["*.d.example"]),
        );
        let certificates = Certificates::new(Arc::clone(&first));
        certificates.add(Arc::clone(&other));
        certificates.add(Arc::clone(&wild));
        for (name, expected) in [
            (Some("a.example"), &first),
            (Some("c.example"), &other),
            (Some("C.EXAMPLE"), &other),
            (Some("x.d.example"), &wild),
            (Some("x.x.d.example"), &first),
            (Some("nobody.example"), &first),
            (Some("not a name"), &first),
            (None, &first),
        ] {
            let chosen = certificates.choose(name).unwrap();
            assert!(Arc::ptr_eq(&chosen, expected), "{name:?}");
        }
        let renewed = made(&["a.example"]);
        certificates.replace(&Certificates::new(Arc::clone(&renewed)));
        let chosen = certificates.choose(Some("c.example")).unwrap();
        assert!(Arc::ptr_eq(&chosen, &renewed));
    }
}
