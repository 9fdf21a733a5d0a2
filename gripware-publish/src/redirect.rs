//! Redirections of a control endpoint, such as from `/publish` to `/publish/`.

use http::{HeaderMap, StatusCode, Uri, header::LOCATION};

/// How many redirections of one request are followed. One or two are honest; more are a circle.
pub(crate) const MAX_REDIRECTS: usize = 3;

/// Returns where an answer sends a request on to; `None` if it does not, or if that is elsewhere.
///
/// Only 307 and 308 keep method and body (RFC 9110, section 15.4). Another scheme, host or port may
/// be another party, which would get the credentials and the items.
pub(crate) fn target(from: &Uri, status: StatusCode, headers: &HeaderMap) -> Option<Uri> {
    if !matches!(
        status,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    ) {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let scheme = from.scheme_str()?;
    let authority = from.authority()?;
    let location = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let to: Uri = location.parse().ok()?;
    let has_userinfo = to.authority()?.as_str().contains('@');
    (!has_userinfo && is_same_origin(from, &to)).then_some(to)
}

fn is_same_origin(a: &Uri, b: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme() == b.scheme() && host(a) == host(b) && port(a) == port(b)
}

fn port(uri: &Uri) -> Option<u16> {
    let default = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some(uri.port_u16().unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &str, status: u16, location: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        target(&from.parse().unwrap(), status, &headers).map(|uri| uri.to_string())
    }

    #[test]
    fn a_request_is_sent_on_within_its_host() {
        for (location, to) in [
            ("/v2/publish/", "http://h:5561/v2/publish/"),
            ("/publish/?a=1", "http://h:5561/publish/?a=1"),
            ("http://H:5561/publish/", "http://H:5561/publish/"),
            ("//h:5561/x", "http://h:5561/x"),
        ] {
            for status in [307, 308] {
                let followed = follow("http://h:5561/publish", status, location);
                assert_eq!(followed.as_deref(), Some(to), "{location}");
            }
        }
        assert!(follow("https://h/publish", 308, "https://h:443/x").is_some());
    }

    #[test]
    fn no_other_party_gets_the_credentials() {
        for location in [
            "http://other:5561/publish/",
            "http://h:5562/publish/",
            "https://h:5561/publish/",
            "//other/publish/",
            "///other/publish/",
            "http://h:5561@other/publish/",
            "http://u@h:5561/publish/",
            "http://h.:5561/publish/",
            "publish/",
            "",
            "ftp://h:5561/",
        ] {
            let followed = follow("http://h:5561/publish", 307, location);
            assert_eq!(followed, None, "{location}");
        }
        for status in [200, 301, 302, 303, 304, 400, 503] {
            assert_eq!(follow("http://h/publish", status, "/x"), None, "{status}");
        }
        assert_eq!(follow("https://h/publish", 308, "http://h/x"), None);
    }
}
