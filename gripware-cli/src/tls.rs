//! Certificates from files, which are read again when they change.

use std::{fs, time::Duration};

use clap::Args;
use gripware_core::ErrorChain;
use gripware_hub::{HubBuilder, Tls, TlsError};
use gripware_program::{Failure, parse};
use tokio::task::spawn_blocking;

use crate::run::wrong;

/// How often files are looked at.
pub(crate) const REFRESH: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsFlags {
    /// The certificates for the clients' address, in PEM. Needs --tls-key. Given several times, each
    /// with its key, clients get the one for the name that they ask for, and the first where none is.
    /// These files are read again every 10 s and on SIGHUP
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    tls_cert: Vec<String>,
    /// The private key of the first certificate in each --tls-cert, in PEM, in their order
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    tls_key: Vec<String>,
    /// Asks clients for a certificate (mutual TLS) that one of the authorities in this file vouches for, in
    /// PEM; who has none is refused. Needs --tls-cert. It is read again as they are
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    tls_client_ca: Option<String>,
    /// The certificates for the control address, as --tls-cert. Needs --control-tls-key
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    control_tls_cert: Vec<String>,
    /// Their private keys, as --tls-key
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    control_tls_key: Vec<String>,
    /// Asks who publishes for a certificate, as --tls-client-ca. Needs --control-tls-cert
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    control_tls_client_ca: Option<String>,
}

/// The certificates of one address.
#[derive(Debug)]
pub(crate) struct Certificates {
    names: Names,
    files: Files,
    read: Read,
    tls: Tls,
    /// Why they could not be read again, so that it is said once.
    problem: String,
}

/// The flags of one address.
#[derive(Clone, Copy, Debug)]
struct Names {
    certificate: &'static str,
    key: &'static str,
    authorities: &'static str,
}

const CLIENTS: Names = Names {
    certificate: "--tls-cert",
    key: "--tls-key",
    authorities: "--tls-client-ca",
};

const CONTROL: Names = Names {
    certificate: "--control-tls-cert",
    key: "--control-tls-key",
    authorities: "--control-tls-client-ca",
};

/// Where certificates with their keys are, and who vouches for clients.
#[derive(Clone, Debug)]
struct Files {
    pairs: Vec<[String; 2]>,
    authorities: Option<String>,
}

/// What is in the files.
#[derive(Debug, PartialEq)]
struct Read {
    pairs: Vec<[Vec<u8>; 2]>,
    authorities: Option<Vec<u8>>,
}

/// What is wrong with a file, and which flag has named it.
#[derive(Debug)]
struct Wrong {
    name: &'static str,
    why: String,
}

impl TlsFlags {
    /// Whether the control address speaks TLS.
    pub(crate) fn has_control(&self) -> bool {
        !self.control_tls_cert.is_empty()
    }

    /// Sets the hub's certificates, and returns them with their files.
    pub(crate) fn apply(
        self,
        mut builder: HubBuilder,
    ) -> Result<(HubBuilder, Vec<Certificates>), Failure> {
        let clients = (self.tls_cert, self.tls_key, self.tls_client_ca);
        let clients = Certificates::open(CLIENTS, clients)?;
        let control = (
            self.control_tls_cert,
            self.control_tls_key,
            self.control_tls_client_ca,
        );
        let control = Certificates::open(CONTROL, control)?;
        if let Some(clients) = &clients {
            builder = builder.tls_with(clients.tls.clone());
        }
        if let Some(control) = &control {
            builder = builder.control_tls(control.tls.clone());
        }
        Ok((builder, clients.into_iter().chain(control).collect()))
    }
}

impl Certificates {
    fn open(
        names: Names,
        (certificates, keys, authorities): (Vec<String>, Vec<String>, Option<String>),
    ) -> Result<Option<Self>, Failure> {
        if certificates.len() != keys.len() {
            let name = format!("{} and {}", names.certificate, names.key);
            return Err(wrong(&name, "they need each other"));
        }
        if certificates.is_empty() {
            return match authorities {
                Some(_) => {
                    let what = format_args!("it needs {}", names.certificate);
                    Err(wrong(names.authorities, what))
                }
                None => Ok(None),
            };
        }
        let pairs = certificates.into_iter().zip(keys);
        let files = Files {
            pairs: pairs.map(|(certificate, key)| [certificate, key]).collect(),
            authorities,
        };
        let all = || -> Result<_, Wrong> {
            let read = files.read(names)?;
            Ok((read.tls(names)?, read))
        };
        let (tls, read) = all().map_err(|Wrong { name, why }| wrong(name, why))?;
        let problem = String::new();
        Ok(Some(Self {
            names,
            files,
            read,
            tls,
            problem,
        }))
    }

    /// Reads the files again, and shows what is new. Where that cannot be used, the old ones stay.
    pub(crate) async fn refresh(&mut self) {
        let (files, names) = (self.files.clone(), self.names);
        let Ok(read) = spawn_blocking(move || files.read(names)).await else {
            return;
        };
        match read.and_then(|read| Ok((read.tls(names)?, read))) {
            Ok((_, read)) if read == self.read => {}
            Ok((tls, read)) => {
                self.tls.replace(&tls);
                self.read = read;
                tracing::info!(
                    "{}: new certificates are shown from now on",
                    names.certificate
                );
            }
            Err(Wrong { name, why }) => {
                if why != self.problem {
                    tracing::warn!("{name}: {why}; the old certificates stay");
                }
                self.problem = why;
                return;
            }
        }
        self.problem.clear();
    }
}

impl Files {
    fn read(&self, names: Names) -> Result<Read, Wrong> {
        let content = |name, path: &String| {
            fs::read(path).map_err(|error| Wrong {
                name,
                why: format!("{path}: {error}"),
            })
        };
        let pairs = self.pairs.iter().map(|[certificate, key]| {
            let name = names.certificate;
            Ok([content(name, certificate)?, content(name, key)?])
        });
        let authorities = self.authorities.as_ref();
        Ok(Read {
            pairs: pairs.collect::<Result<_, _>>()?,
            authorities: authorities
                .map(|path| content(names.authorities, path))
                .transpose()?,
        })
    }
}

impl Read {
    fn tls(&self, names: Names) -> Result<Tls, Wrong> {
        let wrong = |name, error: TlsError| Wrong {
            name,
            why: ErrorChain(&error).to_string(),
        };
        let mut tls = None;
        for [certificate, key] in &self.pairs {
            let added = match &tls {
                None => Tls::from_pem(certificate, key).map(|first| tls = Some(first)),
                Some(tls) => tls.add_pem(certificate, key),
            };
            added.map_err(|error| wrong(names.certificate, error))?;
        }
        let tls = tls.ok_or_else(|| Wrong {
            name: names.certificate,
            why: "there is none".to_owned(),
        })?;
        if let Some(authorities) = &self.authorities {
            let asked = tls.client_authorities(authorities);
            asked.map_err(|error| wrong(names.authorities, error))?;
        }
        Ok(tls)
    }
}
