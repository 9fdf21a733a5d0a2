//! Mutual TLS 1.3, and whom to trust after the handshake too.

use std::sync::Arc;

use rustls::{
    ClientConfig, ServerConfig,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs::default_provider},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::TLS13,
};

use crate::{
    Name,
    identity::{IdentityError, Pem},
};

/// HTTP/2 with the roles turned around: the client that dials answers requests
/// (draft-bt-httpbis-reverse-http, section 3).
pub(crate) const REVERSE: &[u8] = b"h2-reverse";

/// The same under the name of draft-thomson-ptth-potato, section 4.2: "2h" upside down.
pub(crate) const POTATO: &[u8] = &[0xd5, 0x87, 0xc9, 0xa5];

/// HTTP/2 (RFC 9113, section 3.2): the client that dials makes requests.
pub(crate) const FORWARD: &[u8] = b"h2";

/// What a server needs for its handshakes.
pub(crate) struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    pub(crate) pem: Arc<Pem>,
}

/// What a client needs for its handshakes.
pub(crate) struct ClientTls {
    pub(crate) reverse: Arc<ClientConfig>,
    pub(crate) forward: Arc<ClientConfig>,
    verifier: Arc<WebPkiServerVerifier>,
    pub(crate) pem: Arc<Pem>,
}

/// Named, so that it does not depend on what else is in the program.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn unusable(error: impl Into<crate::BoxError>) -> IdentityError {
    IdentityError::Unusable(error.into())
}

impl ServerTls {
    pub(crate) fn new(pem: Arc<Pem>) -> Result<Self, IdentityError> {
        let parsed = pem.parse()?;
        let roots = Arc::new(parsed.roots);
        let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if let Some(revoked) = parsed.revoked {
            verifier = verifier.with_crls(revoked);
        }
        let verifier = verifier.build().map_err(unusable)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(parsed.chain, parsed.key)
            .map_err(unusable)?;
        config.alpn_protocols = [REVERSE, POTATO, FORWARD].map(<[u8]>::to_vec).into();
        // A resumed session would not have its certificate verified again.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(Self {
            config: Arc::new(config),
            verifier,
            pem,
        })
    }

    /// Whether a client's certificates would be accepted now.
    pub(crate) fn trusts(&self, chain: &[CertificateDer<'_>]) -> bool {
        chain.split_first().is_some_and(|(own, others)| {
            let now = UnixTime::now();
            self.verifier.verify_client_cert(own, others, now).is_ok()
        })
    }
}

impl ClientTls {
    pub(crate) fn new(pem: Arc<Pem>) -> Result<Self, IdentityError> {
        let parsed = pem.parse()?;
        let roots = Arc::new(parsed.roots);
        let mut verifier = WebPkiServerVerifier::builder_with_provider(roots, provider());
        if let Some(revoked) = parsed.revoked {
            verifier = verifier.with_crls(revoked);
        }
        let verifier = verifier.build().map_err(unusable)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_webpki_verifier(Arc::clone(&verifier))
            .with_client_auth_cert(parsed.chain, parsed.key)
            .map_err(unusable)?;
        config.resumption = Resumption::disabled();
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Ok(Self {
            reverse: speaking(REVERSE),
            forward: speaking(FORWARD),
            verifier,
            pem,
        })
    }

    /// Whether a server's certificates would be accepted now.
    pub(crate) fn trusts(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> bool {
        chain.split_first().is_some_and(|(own, others)| {
            let now = UnixTime::now();
            let verified = self
                .verifier
                .verify_server_cert(own, others, name, &[], now);
            verified.is_ok()
        })
    }
}

/// The names of a client: the DNS names in its certificate, without those that are wildcards.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<Name> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    let names = certificate.valid_dns_names();
    let mut names: Vec<_> = names
        .filter_map(|name| Name::try_from(name).ok())
        .take(MAX_NAMES)
        .collect();
    names.dedup();
    names
}

/// The most names of one certificate that count.
const MAX_NAMES: usize = 16;
