use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::NameError;

/// Why a certificate was not made or revoked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// There is an authority in the folder.
    #[error("{path} is there: an authority is not replaced")]
    Exists {
        /// Its certificate.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{path}: it cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name is none that a certificate can have.
    #[error("{name:?} cannot be in a certificate")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// The name is that of the authority's own files.
    #[error("{name:?} is the name of the authority itself")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A server and a client would have the same files.
    #[error("{name:?} is the name of a {kind}")]
    Taken {
        /// The name.
        name: String,
        /// `server` or `client`.
        kind: String,
    },
    /// No certificate of this name is valid.
    #[error("there is no valid certificate of {name:?} to revoke")]
    NotIssued {
        /// The name.
        name: String,
    },
    /// A line of the list of certificates cannot be read.
    #[error("{path}, line {line}: it cannot be read")]
    Issued {
        /// The list.
        path: PathBuf,
        /// The line's number.
        line: usize,
    },
    /// The cryptography failed.
    #[error("the certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    |source| AuthorityError::File { path, source }
}
