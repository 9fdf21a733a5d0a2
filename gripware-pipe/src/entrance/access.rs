use std::net::IpAddr;

use http::{
    HeaderName, Request,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use super::Listener;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Keeps pages in browsers out.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    hosts: Vec<String>,
    is_loopback: bool,
}

impl Access {
    pub(super) fn allow(&mut self, host: &str) {
        self.hosts.push(host.to_ascii_lowercase());
    }

    pub(super) fn at(mut self, listener: &Listener) -> Self {
        self.is_loopback = listener.is_loopback();
        self
    }

    /// Returns why a request is refused.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), &'static str> {
        let headers = request.headers();
        let site = headers.get(SEC_FETCH_SITE);
        if site.is_some_and(|site| site != "none" && site != "same-origin") {
            return Err("a page of another site has made this request");
        }
        let host = request.uri().authority().map(Authority::as_str);
        let host = host.or_else(|| headers.get(HOST)?.to_str().ok());
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = origin.to_str().ok().and_then(|it| it.split_once("://"));
            if origin.is_none_or(|(_, origin)| Some(origin) != host) {
                return Err("a page of another origin has made this request");
            }
        }
        if self.is_loopback && !host.is_none_or(|host| self.is_here(host)) {
            return Err("this host is not known here: allow it with a setting");
        }
        Ok(())
    }

    /// DNS rebinding: a same-origin `GET` carries no `Origin`, and the attacker's name is a
    /// registered domain, which has a dot.
    fn is_here(&self, host: &str) -> bool {
        let Ok(host) = host.parse::<Authority>() else {
            return false;
        };
        let host = host.host().to_ascii_lowercase();
        let inside = host.trim_start_matches('[').trim_end_matches(']');
        !host.contains('.') || inside.parse::<IpAddr>().is_ok() || self.hosts.contains(&host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: &Access, headers: &[(&str, &str)]) -> bool {
        let request = headers
            .iter()
            .fold(Request::get("/"), |request, (name, value)| {
                request.header(*name, *value)
            });
        access.check(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let access = Access {
            hosts: vec!["rpclient.local".to_owned()],
            is_loopback: true,
        };
        for fine in [
            &[][..],
            &[("host", "127.0.0.1:8611")],
            &[("host", "[::1]:8611")],
            &[("host", "localhost:8611")],
            &[("host", "RPclient.local")],
            &[("host", "localhost:1"), ("origin", "http://localhost:1")],
            &[("host", "localhost"), ("sec-fetch-site", "none")],
        ] {
            assert!(check(&access, fine), "{fine:?}");
        }
        for wrong in [
            &[("host", "evil.example")][..],
            &[("host", "a b")],
            &[("host", "localhost"), ("origin", "http://evil.example")],
            &[("host", "localhost"), ("origin", "null")],
            &[("host", "localhost"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!check(&access, wrong), "{wrong:?}");
        }
        // Behind a proxy that passes the host on.
        let elsewhere = Access::default();
        assert!(check(&elsewhere, &[("host", "pipe.example.com")]));
    }
}
