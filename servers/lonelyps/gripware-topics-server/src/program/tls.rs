//! Certificates from files: those that subscribers see and are asked for, and those of deliveries.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use gripware_core::ErrorChain;
use gripware_hub::HubBuilder;
use gripware_program::{ConfigError, Failure};
use gripware_topics::tls::Tls;

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsOptions {
    /// Serve over HTTPS with this certificate, those that vouch for it behind it, in PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Ask whoever connects for a certificate of these authorities, in PEM (mutual TLS)
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Deliver to subscribers with certificates of these authorities, in PEM, not of the system's
    #[arg(long, value_name = "FILE")]
    deliver_ca: Option<PathBuf>,
    /// Show subscribers that are delivered to this certificate, in PEM (mutual TLS)
    #[arg(long, value_name = "FILE")]
    deliver_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE")]
    deliver_key: Option<PathBuf>,
}

impl TlsOptions {
    /// Whether it serves over HTTPS by itself.
    pub(super) fn is_served(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Sets what subscribers see and are asked for.
    pub(super) fn serve(&self, hub: HubBuilder) -> Result<HubBuilder, Failure> {
        const AUTHORITIES: &str = "--tls-client-ca";
        let pair = read_pair(("--tls-cert", &self.tls_cert), ("--tls-key", &self.tls_key))?;
        let Some((certificate, key)) = pair else {
            return match &self.tls_client_ca {
                Some(_) => Err(Failure::setting(AUTHORITIES, "it needs --tls-cert")),
                None => Ok(hub),
            };
        };
        let tls = gripware_hub::Tls::from_pem(&certificate, &key);
        let tls = tls.map_err(|error| Failure::setting("--tls-cert", ErrorChain(&error)))?;
        if let Some(authorities) = &self.tls_client_ca {
            let asked = tls.client_authorities(&read(AUTHORITIES, authorities)?);
            asked.map_err(|error| Failure::setting(AUTHORITIES, ErrorChain(&error)))?;
        }
        Ok(hub.tls_with(tls))
    }

    /// What deliveries are made with.
    pub(super) fn deliver(&self) -> Result<Tls, Failure> {
        let mut tls = Tls::default();
        if let Some(authorities) = &self.deliver_ca {
            const NAME: &str = "--deliver-ca";
            let trusting = tls.authority(&read(NAME, authorities)?);
            tls = trusting.map_err(|error| Failure::setting(NAME, ErrorChain(&error)))?;
        }
        let pair = read_pair(
            ("--deliver-cert", &self.deliver_cert),
            ("--deliver-key", &self.deliver_key),
        )?;
        if let Some((certificate, key)) = pair {
            let known = tls.certificate(&certificate, &key);
            let wrong = |error| Failure::setting("--deliver-cert", ErrorChain(&error));
            tls = known.map_err(wrong)?;
        }
        Ok(tls)
    }
}

type Flag<'a> = (&'static str, &'a Option<PathBuf>);

/// A certificate and its key.
type Pair = (Vec<u8>, Vec<u8>);

/// Reads a certificate and its key, of which there is none without the other.
fn read_pair(certificate: Flag<'_>, key: Flag<'_>) -> Result<Option<Pair>, Failure> {
    match (certificate, key) {
        ((_, None), (_, None)) => Ok(None),
        ((name, Some(certificate)), (key_name, Some(key))) => {
            Ok(Some((read(name, certificate)?, read(key_name, key)?)))
        }
        ((name, _), (key_name, _)) => {
            let name = format!("{name} and {key_name}");
            Err(Failure::setting(&name, "they need each other"))
        }
    }
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let why = |error| ConfigError::new(format_args!("{name}: {}: {error}", path.display()));
    fs::read(path).map_err(why)
}
