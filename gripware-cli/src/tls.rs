//! Certificates from files, which are read again when they change.

use std::{fs, io, time::Duration};

use clap::Args;
use gripware_core::ErrorChain;
use gripware_hub::{HubBuilder, Tls};
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
    /// The certificates for the control address, as --tls-cert. Needs --control-tls-key
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    control_tls_cert: Vec<String>,
    /// Their private keys, as --tls-key
    #[arg(long, value_name = "FILE", value_parser = parse::text)]
    control_tls_key: Vec<String>,
}

/// The certificates of one address.
#[derive(Debug)]
pub(crate) struct Certificates {
    names: [&'static str; 2],
    files: Vec<[String; 2]>,
    read: Vec<Pair>,
    tls: Tls,
    /// Why they could not be read again, so that it is said once.
    problem: String,
}

/// A certificate and its key.
type Pair = [Vec<u8>; 2];

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
        let names = ["--tls-cert", "--tls-key"];
        let clients = Certificates::open(names, self.tls_cert, self.tls_key)?;
        let names = ["--control-tls-cert", "--control-tls-key"];
        let control = Certificates::open(names, self.control_tls_cert, self.control_tls_key)?;
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
        names: [&'static str; 2],
        certificates: Vec<String>,
        keys: Vec<String>,
    ) -> Result<Option<Self>, Failure> {
        let [certificate, key] = names;
        if certificates.len() != keys.len() {
            let name = format!("{certificate} and {key}");
            return Err(wrong(&name, "they need each other"));
        }
        if certificates.is_empty() {
            return Ok(None);
        }
        let files = certificates.into_iter().zip(keys);
        let files: Vec<_> = files.map(|(certificate, key)| [certificate, key]).collect();
        let all = || -> Result<_, String> {
            let read = read(&files)?;
            Ok((tls(&read)?, read))
        };
        let (tls, read) = all().map_err(|why| wrong(certificate, why))?;
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
        let files = self.files.clone();
        let Ok(read) = spawn_blocking(move || read(&files)).await else {
            return;
        };
        let [name, _] = self.names;
        match read.and_then(|read| Ok((tls(&read)?, read))) {
            Ok((_, read)) if read == self.read => {}
            Ok((tls, read)) => {
                self.tls.replace(&tls);
                self.read = read;
                tracing::info!("{name}: new certificates are shown from now on");
            }
            Err(why) => {
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

fn read(files: &[[String; 2]]) -> Result<Vec<Pair>, String> {
    let content = |path: &String| -> Result<_, String> {
        let why = |error: io::Error| format!("{path}: {error}");
        fs::read(path).map_err(why)
    };
    let pairs = files.iter();
    pairs
        .map(|[certificate, key]| Ok([content(certificate)?, content(key)?]))
        .collect()
}

fn tls(pairs: &[Pair]) -> Result<Tls, String> {
    let mut tls = None;
    for [certificate, key] in pairs {
        let added = match &tls {
            None => Tls::from_pem(certificate, key).map(|first| tls = Some(first)),
            Some(tls) => tls.add_pem(certificate, key),
        };
        added.map_err(|error| ErrorChain(&error).to_string())?;
    }
    tls.ok_or_else(|| "there is none".to_owned())
}
