//! What pages of other hosts may do: read answers, as no cookie counts for anything here.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{access, app::App, error::ApiError};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS, PUT, DELETE, PATCH");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Depth, User-Agent, X-File-Size, X-Requested-With, If-Modified-Since, \
     X-File-Name, Cache-Control, Pragma, Origin, Connection, Referer, Cookie",
);

/// Adds the headers of channelstream to every answer, and answers preflight requests.
pub(crate) async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let (parts, body) = request.into_parts();
    let mut response = if parts.method == Method::OPTIONS {
        ().into_response()
    } else if let Err(error) = access::check_https(app.settings(), &parts) {
        ApiError::from(error).into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    // An instruction to the proxy has it too, for the client.
    extend(
        response.headers_mut(),
        &app.settings().cors,
        origin.as_ref(),
    );
    response
}

fn extend(headers: &mut HeaderMap, hosts: &[String], origin: Option<&HeaderValue>) {
    if is_allowed(hosts, origin) {
        let any = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    let old_explorers = HeaderName::from_static("xdomainrequestallowed");
    headers.insert(old_explorers, HeaderValue::from_static("1"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    let day = HeaderValue::from_static("86400");
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, day);
}

/// Whether the page of an origin may read answers: where hosts are named, of these and of those below
/// them.
fn is_allowed(hosts: &[String], origin: Option<&HeaderValue>) -> bool {
    if hosts.is_empty() {
        return true;
    }
    let origin = origin.and_then(|origin| origin.to_str().ok());
    let Some((_, authority)) = origin.and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    hosts.iter().any(|host| {
        let host = host.split_once("://").map_or(&**host, |(_, host)| host);
        let without_port = authority
            .rsplit_once(':')
            .map_or(authority, |(name, _)| name);
        [authority, without_port].into_iter().any(|authority| {
            authority
                .strip_suffix(host)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_named_hosts_may_read_answers() {
        let hosts = ["example.com".to_owned(), "http://localhost:5000".to_owned()];
        let is_allowed = |origin: &str| {
            let origin = HeaderValue::from_str(origin).unwrap();
            is_allowed(&hosts, Some(&origin))
        };
        for origin in [
            "https://example.com",
            "https://chat.example.com:8443",
            "http://localhost:5000",
        ] {
            assert!(is_allowed(origin), "{origin}");
        }
        // channelstream looks for the name anywhere.
        for origin in [
            "https://example.com.attacker.net",
            "https://notexample.com",
            "http://localhost:5001",
            "null",
        ] {
            assert!(!is_allowed(origin), "{origin}");
        }
    }
}
