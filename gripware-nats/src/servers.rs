//! Which servers a URL names, and how they are dialled.

use std::{fmt, path::PathBuf};

use async_nats::{Auth, ServerAddr};
use gripware_relay::{BrokerError, BrokerErrorKind, RelayUrl};
use percent_encoding::percent_decode_str;

/// What a URL says.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) addresses: Vec<ServerAddr>,
    pub(crate) auth: Auth,
    pub(crate) ca: Option<PathBuf>,
}

impl Servers {
    pub(crate) fn read(url: &RelayUrl) -> Result<Self, BrokerError> {
        let settings = |message: String| {
            BrokerError::new(BrokerErrorKind::Settings, &url.to_string(), message)
        };
        let mut addresses = Vec::new();
        for (index, one) in url.expose_without_parameters().split(',').enumerate() {
            // What its parser says may have the text in it.
            let address: ServerAddr = one
                .parse()
                .map_err(|_| settings(format!("server {} cannot be read", index + 1)))?;
            addresses.push(address);
        }
        if let Some((name, _)) = url.parameters().find(|(name, _)| *name != "ca") {
            return Err(settings(format!("there is no parameter `{name}`")));
        }
        let ca = url.parameter("ca").map(PathBuf::from);
        if let Some(file) = &ca {
            std::fs::metadata(file)
                .map_err(|error| settings(format!("{}: {error}", file.display())))?;
        }
        let auth = addresses.first().map(auth).unwrap_or_default();
        let auth = auth.ok_or_else(|| settings("the credentials are not UTF-8".to_owned()))?;
        Ok(Self {
            addresses,
            auth,
            ca,
        })
    }
}

/// The credentials of a server's URL; `None` where they are not UTF-8.
fn auth(address: &ServerAddr) -> Option<Auth> {
    let decoded = |text| percent_decode_str(text).decode_utf8().ok();
    let user = match address.username() {
        Some(user) => Some(decoded(user)?.into_owned()),
        None => None,
    };
    let mut auth = Auth::new();
    match address.password() {
        Some(password) => {
            auth.username = user;
            auth.password = Some(decoded(password)?.into_owned());
        }
        None => auth.token = user,
    }
    Some(auth)
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers")
            .field("addresses", &self.addresses.len())
            .field("auth", &"[redacted]")
            .field("ca", &self.ca)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Servers, BrokerError> {
        Servers::read(&url.parse().unwrap())
    }

    #[test]
    fn credentials_are_decoded_and_never_print() {
        let servers = read("nats://us%40er:p%2Fs3cret@a:1,nats://b").unwrap();
        assert_eq!(servers.addresses.len(), 2);
        assert_eq!(servers.auth.username.as_deref(), Some("us@er"));
        assert_eq!(servers.auth.password.as_deref(), Some("p/s3cret"));
        assert!(!format!("{servers:?}").contains("s3cret"));

        let token = read("tls://t0ken@a").unwrap();
        assert_eq!(token.auth.token.as_deref(), Some("t0ken"));
        assert!(token.addresses[0].tls_required());
    }

    #[test]
    fn what_cannot_be_used_is_refused_at_once() {
        for url in [
            "nats://s3cret@host:many",
            "nats://a,http://b",
            "nats://a?unknown=1",
            "nats://a?ca=/nowhere.pem",
        ] {
            let error = read(url).unwrap_err();
            assert_eq!(error.kind(), BrokerErrorKind::Settings);
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
