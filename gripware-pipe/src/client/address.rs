use std::{fmt, str::FromStr};

use rustls::pki_types::ServerName;
use thiserror::Error;

/// Where a server is: `HOST:PORT`. The host is the name that its certificate has to have, a DNS name
/// or an IP address.
///
/// ```
/// use gripware_pipe::ServerAddress;
///
/// let address: ServerAddress = "pipe.example.com:8600".parse()?;
/// assert_eq!(address.host(), "pipe.example.com");
/// assert!("pipe.example.com".parse::<ServerAddress>().is_err());
/// # Ok::<(), gripware_pipe::ServerAddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

/// Why a text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no HOST:PORT, such as pipe.example.com:8600 or [::1]:8600")]
pub struct ServerAddressError {
    text: String,
}

impl ServerAddress {
    /// Returns the host, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        let wrong = || ServerAddressError {
            text: text.to_owned(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(wrong)?;
        let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let host = inside.unwrap_or(host);
        let is_v6 = host.contains(':');
        if is_v6 != inside.is_some() || ServerName::try_from(host).is_err() {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for right in ["localhost:1", "127.0.0.1:8600", "[::1]:8600", "a-b.c:65535"] {
            let address: ServerAddress = right.parse().unwrap();
            assert_eq!(address.to_string(), right);
        }
        for wrong in [
            "", "a", ":1", "a:0", "a:65536", "a:b", "::1:8600", "[a]:1", "[::1]", "a b:1", "h/p:1",
        ] {
            assert!(wrong.parse::<ServerAddress>().is_err(), "{wrong}");
        }
    }
}
