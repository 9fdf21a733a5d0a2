//! Why a text is no GRIP URL, without its secrets.

use thiserror::Error;

use crate::sig::KeyError;

/// Why a text is no [`GripUrl`](super::GripUrl). No key, token or password is in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GripUrlError {
    /// It is longer than [`MAX_URL_LEN`](super::MAX_URL_LEN).
    #[error("a URL of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more than [`MAX_URLS`](super::MAX_URLS).
    #[error("{count} URLs are over the limit of {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// It does not start with `http://` or `https://`.
    #[error("the URL does not start with `http://` or `https://`")]
    Scheme,
    /// The host or the port is missing or malformed. A host with other letters than ASCII has to
    /// be written in its `xn--` form.
    #[error("the host or the port of the URL is missing or malformed")]
    Host,
    /// The path or a parameter of an unknown name has a character that has to be escaped.
    #[error("the path or query of the URL has a character that has to be escaped")]
    Path,
    /// It has a fragment. No server ever sees one, so something else was meant: a `#` in a key is
    /// written `%23`.
    #[error("the URL has a fragment; a `#` in a parameter is written `%23`")]
    Fragment,
    /// The name and password before the host are malformed, or not wanted here.
    #[error("the name and password in the URL are malformed or cannot be used")]
    Userinfo,
    /// One of the four parameters stands where only a control URL is wanted.
    #[error("the parameter `{parameter}` cannot be used here")]
    Unexpected {
        /// The parameter.
        parameter: &'static str,
    },
    /// One of the four parameters stands there twice.
    #[error("the parameter `{parameter}` stands twice in the URL")]
    Duplicate {
        /// The parameter.
        parameter: &'static str,
    },
    /// One of the four parameters has no value.
    #[error("the parameter `{parameter}` has no value")]
    Empty {
        /// The parameter.
        parameter: &'static str,
    },
    /// A value has a `%` without two hexadecimal digits after it, or is no UTF-8 text where it has
    /// to be.
    #[error("the value of the parameter `{parameter}` is not encoded as a URL has it")]
    Encoding {
        /// The parameter.
        parameter: &'static str,
    },
    /// A key cannot be read.
    #[error("the parameter `{parameter}` is no key")]
    Key {
        /// `key` or `verify-key`.
        parameter: &'static str,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The token is empty, or has characters that cannot stand in a header: others than ASCII,
    /// white space, controls.
    #[error("the parameter `key` is no token that a header can carry")]
    Token,
    /// The token is not text, which a bearer token has to be. A secret of any bytes can sign, which
    /// needs an `iss`.
    #[error(
        "the parameter `key` is not text: a bearer token is, and a key that signs needs an `iss`"
    )]
    TokenBytes,
    /// The token is a private or public key, which is not sent to anybody. One that signs needs an
    /// `iss`.
    #[error("the parameter `key` is a key and no bearer token: to sign with it, it needs an `iss`")]
    TokenIsKey,
    /// There is an `iss` and no `key` to sign with.
    #[error("the parameter `iss` needs a `key` to sign with")]
    MissingKey,
    /// `key` is a public key, and only private keys and secrets sign.
    #[error("the parameter `key` is a public key and cannot sign")]
    CannotSign,
    /// There are both a name and password and a `key`.
    #[error("the URL has a name and password and a `key`; only one of them can be sent")]
    TwoCredentials,
    /// The path of a Fastly URL names no service.
    #[error("the URL names no Fastly service; it is `https://api.fastly.com/service/<id>`")]
    FastlyService,
    /// `verify-key` is Fastly's, and there is no `verify-iss` that tells one's own service from
    /// everybody's.
    #[error("Fastly's key is one for all its customers: it needs a `verify-iss`")]
    IssuerRequired,
}
