//! Who may call the API: from where, and with which token.

use std::{
    net::{IpAddr, SocketAddr},
    time::SystemTime,
};

use axum::extract::ConnectInfo;
use gripware_core::GripContext;
use http::{HeaderMap, StatusCode, request::Parts};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    settings::{Callers, Settings},
    signer::TokenError,
};

/// The header of a token. It may stand in the query as `secret` too.
const TOKEN: &str = "x-channelstream-secret";

/// Why a caller may not do what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum AccessError {
    #[error("this address may not call the API")]
    Address,
    #[error("there is no token")]
    NoToken,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the token is for another path")]
    Path,
    #[error("only HTTPS is allowed")]
    Https,
}

impl AccessError {
    pub(crate) fn answer(self) -> (StatusCode, Value) {
        tracing::warn!("a request was refused: {self}");
        match self {
            Self::Address | Self::NoToken => {
                (StatusCode::FORBIDDEN, json!({"request": "Forbidden"}))
            }
            // Which of them is for the log.
            Self::Token(_) | Self::Path => (
                StatusCode::UNAUTHORIZED,
                json!({"request": "Bad Signature"}),
            ),
            Self::Https => (
                StatusCode::NOT_ACCEPTABLE,
                json!({"request": "SSL is required"}),
            ),
        }
    }
}

/// Whether a request may use the API.
pub(crate) fn check(settings: &Settings, parts: &Parts) -> Result<(), AccessError> {
    if let Callers::From(addresses) = &settings.callers {
        let address = client(settings, parts).ok_or(AccessError::Address)?;
        if !addresses.contains(&address) {
            return Err(AccessError::Address);
        }
    }
    let in_query = query(parts, "secret");
    let in_header = parts.headers.get(TOKEN);
    let token = match (in_header, &in_query) {
        (Some(token), _) => token.to_str().map_err(|_| TokenError::Malformed)?,
        (None, Some(token)) => token,
        (None, None) => return Err(AccessError::NoToken),
    };
    let now = SystemTime::now();
    let value = settings.signer.unsign(token, now, settings.max_age)?;
    if settings.binds_paths && value != parts.uri.path() {
        return Err(AccessError::Path);
    }
    Ok(())
}

/// Whether a request came encrypted, where that is asked for. A proxy in front says so.
pub(crate) fn check_https(settings: &Settings, parts: &Parts) -> Result<(), AccessError> {
    if !settings.needs_https {
        return Ok(());
    }
    let forwarded = ["x-forwarded-proto", "x-scheme", "x-url-scheme"]
        .into_iter()
        .filter_map(|name| parts.headers.get(name))
        .any(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let is_told_by_a_proxy = is_from_trusted(settings, parts) && forwarded;
    match is_told_by_a_proxy || parts.uri.scheme_str() == Some("https") {
        true => Ok(()),
        false => Err(AccessError::Https),
    }
}

/// The address of whoever sends a request: of the proxies that are trusted, the one before the
/// first.
fn client(settings: &Settings, parts: &Parts) -> Option<IpAddr> {
    let mut hops = hops(parts);
    let last = hops.pop()?;
    if !is_trusted(settings, last) {
        return Some(last);
    }
    while let Some(hop) = hops.pop() {
        if !is_trusted(settings, hop) {
            return Some(hop);
        }
    }
    Some(last)
}

fn is_from_trusted(settings: &Settings, parts: &Parts) -> bool {
    let last = hops(parts).pop();
    last.is_some_and(|address| is_trusted(settings, address))
}

fn is_trusted(settings: &Settings, address: IpAddr) -> bool {
    settings.trusted_proxies.contains(&address)
}

/// Addresses that a request came through, the nearest last. The GRIP proxy tells them; of a request
/// that came past it there is the connection's alone, with what it claims before it.
fn hops(parts: &Parts) -> Vec<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| address.ip().to_canonical());
    let is_proxied = parts
        .extensions
        .get::<GripContext>()
        .is_some_and(GripContext::is_proxied);
    let mut hops = forwarded_for(&parts.headers);
    // The hub inside of this process tells the same address both ways.
    if let Some(peer) = peer
        && (!is_proxied || hops.is_empty())
    {
        hops.push(peer);
    }
    if peer.is_none() && !is_proxied {
        hops.clear();
    }
    hops
}

fn forwarded_for(headers: &HeaderMap) -> Vec<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let addresses = lines.flat_map(|line| line.split(','));
    // What is no address is nobody whom somebody trusts.
    let unspecified = IpAddr::from([0, 0, 0, 0]);
    addresses
        .map(|text| {
            let address: Result<IpAddr, _> = text.trim_ascii().parse();
            address.map_or(unspecified, |address| address.to_canonical())
        })
        .collect()
}

/// A parameter of the query.
pub(crate) fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// A request of an address, with the headers that there are.
    fn request(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::new(());
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let (mut parts, ()) = request.into_parts();
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            parts.headers.append(name, value.parse().unwrap());
        }
        parts
    }

    fn settings() -> Settings {
        Settings {
            callers: Callers::From(vec!["192.0.2.1".parse().unwrap()]),
            trusted_proxies: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
            ..Settings::new("secret")
        }
    }

    #[test]
    fn who_calls_is_who_connects_or_whom_a_trusted_proxy_tells() {
        for (peer, told, may_call) in [
            ("192.0.2.1:1", &[][..], true),
            ("[::ffff:192.0.2.1]:1", &[], true),
            ("192.0.2.2:1", &[], false),
            // Anybody can claim to be somebody else.
            ("192.0.2.2:1", &["192.0.2.1"], false),
            ("192.0.2.1:1", &["192.0.2.2"], true),
            ("10.0.0.1:1", &["192.0.2.1"], true),
            ("10.0.0.1:1", &["192.0.2.1, 10.0.0.2"], true),
            ("10.0.0.1:1", &["192.0.2.1", "10.0.0.2"], true),
            ("10.0.0.1:1", &["192.0.2.2"], false),
            ("10.0.0.1:1", &["192.0.2.1, 192.0.2.2"], false),
            ("10.0.0.1:1", &["192.0.2.1, unknown"], false),
            ("10.0.0.1:1", &[], false),
        ] {
            let headers: Vec<_> = told.iter().map(|told| ("x-forwarded-for", *told)).collect();
            let checked = check(&settings(), &request(peer, &headers));
            // The next that is missing.
            let expected = match may_call {
                true => AccessError::NoToken,
                false => AccessError::Address,
            };
            assert_eq!(checked, Err(expected), "{peer} {told:?}");
        }
        let nobody = Request::new(()).into_parts().0;
        assert_eq!(check(&settings(), &nobody), Err(AccessError::Address));
        let anybody = Settings {
            callers: Callers::Anybody,
            ..settings()
        };
        assert_eq!(check(&anybody, &nobody), Err(AccessError::NoToken));
    }

    #[test]
    fn a_token_is_in_the_header_or_in_the_query_and_is_not_the_secret() {
        let settings = settings();
        let token = settings.signer.sign("/info", SystemTime::now());
        let of = |header: Option<&str>, query: &str| {
            let header = header.map(|token| (TOKEN, token));
            let mut parts = request("192.0.2.1:1", header.as_slice());
            parts.uri = format!("/connect?{query}").parse().unwrap();
            parts
        };
        let in_query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("secret", &token)
            .finish();
        assert_eq!(check(&settings, &of(Some(&token), "")), Ok(()));
        assert_eq!(check(&settings, &of(None, &in_query)), Ok(()));
        for parts in [
            of(Some("secret"), ""),
            of(None, "secret=secret"),
            // The header is what counts.
            of(Some("secret"), &in_query),
            of(Some(""), ""),
        ] {
            let refused = check(&settings, &parts);
            assert!(matches!(refused, Err(AccessError::Token(_))), "{refused:?}");
        }
        let bound = Settings {
            binds_paths: true,
            ..settings
        };
        assert_eq!(check(&bound, &of(Some(&token), "")), Err(AccessError::Path));
    }

    #[test]
    fn https_is_what_a_trusted_proxy_says() {
        let needed = Settings {
            needs_https: true,
            ..settings()
        };
        for (peer, header, is_https) in [
            ("10.0.0.1:1", ("x-forwarded-proto", "https"), true),
            ("10.0.0.1:1", ("x-url-scheme", "HTTPS"), true),
            ("10.0.0.1:1", ("x-forwarded-proto", "http"), false),
            ("192.0.2.1:1", ("x-forwarded-proto", "https"), false),
        ] {
            let parts = request(peer, &[header]);
            let checked = check_https(&needed, &parts);
            assert_eq!(checked.is_ok(), is_https, "{peer} {header:?}");
            assert_eq!(check_https(&settings(), &parts), Ok(()));
        }
    }
}
