use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject as _},
};
use thiserror::Error;

/// The most bytes that one file may have. A list of 20 000 revoked certificates has 1 MB.
const MAX_FILE: u64 = 16 << 20;

/// Who one end is, and whom it trusts: a certificate authority, a certificate with its key, and a
/// list of certificates that are revoked. All are in PEM.
///
/// Files are read again at every [`refresh`](crate::Settings::refresh), so that renewed certificates
/// and new revocations count without a restart. Where they cannot be read then, those from before
/// stay.
#[derive(Clone)]
pub struct Identity(Source);

#[derive(Clone)]
enum Source {
    Given(Arc<Pem>),
    Files(Files),
}

#[derive(Clone, Debug)]
struct Files {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    revoked: Option<PathBuf>,
}

/// The texts. They are compared to see whether anything has changed.
#[derive(PartialEq, Eq)]
pub(crate) struct Pem {
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    revoked: Option<Vec<u8>>,
}

/// The same, parsed.
pub(crate) struct Parsed {
    pub(crate) roots: RootCertStore,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) revoked: Option<Vec<CertificateRevocationListDer<'static>>>,
}

/// Why an identity cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{path}: it cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no certificate of an authority in the PEM, or one that cannot be read.
    #[error("the certificate authority is no certificate in PEM")]
    Authority,
    /// There is no certificate in the PEM, or one that cannot be read.
    #[error("the certificate is none in PEM")]
    Certificate,
    /// There is no private key in the PEM, or one that cannot be read.
    #[error("the private key is none in PEM")]
    Key,
    /// There is no list in the PEM (an X.509 CRL), or one that cannot be read. An empty file is no
    /// list: it may be one that is being written.
    #[error("the revoked certificates are no list (X509 CRL) in PEM")]
    Revoked,
    /// They do not belong together, or are of an unknown kind.
    #[error("the certificate, its key and its authority cannot be used together")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Identity {
    /// Takes the certificates of one or more authorities, a certificate with those that vouch for
    /// it, and its private key.
    #[must_use]
    pub fn from_pem(authority: &[u8], certificate: &[u8], key: &[u8]) -> Self {
        Self(Source::Given(Arc::new(Pem {
            authority: authority.to_vec(),
            certificate: certificate.to_vec(),
            key: key.to_vec(),
            revoked: None,
        })))
    }

    /// Takes the same from files.
    pub fn from_files(
        authority: impl Into<PathBuf>,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        Self(Source::Files(Files {
            authority: authority.into(),
            certificate: certificate.into(),
            key: key.into(),
            revoked: None,
        }))
    }

    /// Adds the file of a certificate revocation list (RFC 5280, section 5). From then on every
    /// certificate has to be of an authority that the file has a list of. Without effect on an
    /// identity that is not of files.
    #[must_use]
    pub fn with_revoked_file(mut self, path: impl Into<PathBuf>) -> Self {
        if let Source::Files(files) = &mut self.0 {
            files.revoked = Some(path.into());
        }
        self
    }

    /// Blocks for as long as the files need.
    pub(crate) fn read(&self) -> Result<Arc<Pem>, IdentityError> {
        match &self.0 {
            Source::Given(pem) => Ok(Arc::clone(pem)),
            Source::Files(files) => Ok(Arc::new(Pem {
                authority: read(&files.authority)?,
                certificate: read(&files.certificate)?,
                key: read(&files.key)?,
                revoked: files.revoked.as_deref().map(read).transpose()?,
            })),
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.0, Source::Given(_))
    }
}

impl Pem {
    /// Whether it differs from the other in revocations at most.
    pub(crate) fn is_same_identity(&self, other: &Self) -> bool {
        self.authority == other.authority
            && self.certificate == other.certificate
            && self.key == other.key
    }

    pub(crate) fn parse(&self) -> Result<Parsed, IdentityError> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&self.authority) {
            let root = root.map_err(|_| IdentityError::Authority)?;
            roots.add(root).map_err(|_| IdentityError::Authority)?;
        }
        if roots.is_empty() {
            return Err(IdentityError::Authority);
        }
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::Certificate)?;
        if chain.is_empty() {
            return Err(IdentityError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| IdentityError::Key)?;
        let revoked = self.revoked.as_deref().map(|revoked| {
            let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(revoked)
                .collect::<Result<_, _>>()
                .map_err(|_| IdentityError::Revoked)?;
            if lists.is_empty() {
                return Err(IdentityError::Revoked);
            }
            Ok(lists)
        });
        Ok(Parsed {
            roots,
            chain,
            key,
            revoked: revoked.transpose()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let failed = |source| IdentityError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let length = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    if length.map_err(failed)? as u64 > MAX_FILE {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Given(_) => f.write_str("Identity([redacted])"),
            Source::Files(files) => f.debug_tuple("Identity").field(files).finish(),
        }
    }
}
