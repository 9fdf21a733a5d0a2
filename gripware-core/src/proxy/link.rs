//! Where a next or gone link leads (GRIP 1.8): a URI reference, resolved as browsers do.

use http::{Uri, uri::PathAndQuery};
use url::{Position, Url};

/// Stands for the host of the response while a link is resolved, so that one that names a host is
/// told from one that does not. It is nobody's name (RFC 6761), and no request goes there.
const OWN_HOST: &str = "own.invalid";

/// Which hosts a link may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkScope {
    /// That of the response. Scheme and default port do not count: TLS may end before the proxy.
    SameHost,
    /// Any: all of them are the one origin that there is.
    AnyHost,
}

/// Resolves a link against the address of the response that it came with.
///
/// The target is at the same origin: it has the scheme and the host of `base`, which may have
/// neither. Of the link come path and query, without dot segments and with whatever a request's
/// target cannot have percent-encoded.
///
/// Returns `None` if the link names a host that is not in `scope`, or a user, if it has a scheme
/// other than `http` and `https`, and if it is no URI reference. A proxy that has one origin asks
/// nobody else, whatever an answer says (SSRF).
///
/// ```
/// use gripware_core::proxy::{LinkScope, resolve_link};
/// use http::Uri;
///
/// let base = Uri::from_static("http://app.example/feeds/news?after=1");
/// let resolve = |link| resolve_link(&base, link, LinkScope::SameHost).map(|uri| uri.to_string());
/// assert_eq!(resolve("?after=2").as_deref(), Some("http://app.example/feeds/news?after=2"));
/// assert_eq!(resolve("../news/2").as_deref(), Some("http://app.example/news/2"));
/// assert_eq!(resolve("http://elsewhere.example/"), None);
/// ```
#[must_use]
pub fn resolve_link(base: &Uri, link: &str, scope: LinkScope) -> Option<Uri> {
    let path = base.path_and_query().map(PathAndQuery::as_str);
    // That of `OPTIONS *` has no slash.
    let path = path.filter(|it| it.starts_with('/')).unwrap_or("/");
    let scheme = base.scheme_str().unwrap_or("http");
    let current = Url::parse(&format!("{scheme}://{OWN_HOST}{path}")).ok()?;
    let target = current.join(link).ok()?;
    let is_web = matches!(target.scheme(), "http" | "https");
    let names_user = !target.username().is_empty() || target.password().is_some();
    let names_host = target.host_str() != Some(OWN_HOST);
    let is_inside = !names_host || scope == LinkScope::AnyHost || is_host_of(base, &target);
    if !is_web || names_user || !is_inside {
        return None;
    }
    let mut parts = base.clone().into_parts();
    let path = &target[Position::BeforePath..Position::AfterQuery];
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether a target has the host and the port of an address. Ports that a scheme has by default
/// are all the same.
fn is_host_of(base: &Uri, target: &Url) -> bool {
    let Some(authority) = base.authority() else {
        return false;
    };
    let scheme = base.scheme_str().unwrap_or("http");
    Url::parse(&format!("{scheme}://{authority}"))
        .is_ok_and(|own| own.host() == target.host() && own.port() == target.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(base: &str, link: &str, scope: LinkScope) -> Option<String> {
        let target = resolve_link(&base.parse().unwrap(), link, scope)?;
        Some(target.to_string())
    }

    #[test]
    fn a_link_leads_from_the_address_of_its_response() {
        for (link, target) in [
            ("/n?a=1", "/n?a=1"),
            ("n", "/a/n"),
            ("./n", "/a/n"),
            ("../n", "/n"),
            ("../../n", "/n"),
            ("/c/../n", "/n"),
            ("%2e%2e/n", "/n"),
            ("/c//n", "/c//n"),
            ("?after=2", "/a/b?after=2"),
            ("n?u=http://x", "/a/n?u=http://x"),
            ("n#part", "/a/n"),
            ("/%6e%2F;x", "/%6e%2F;x"),
            ("/a b", "/a%20b"),
            ("http://app.example", "/"),
            ("http://app.example:80/n", "/n"),
            ("https://APP.example/n", "/n"),
            ("//app.example/n", "/n"),
        ] {
            let got = resolve("http://app.example/a/b?c=/d/", link, LinkScope::SameHost);
            let target = format!("http://app.example{target}");
            assert_eq!(got.as_deref(), Some(&*target), "{link}");
        }
    }

    #[test]
    fn a_link_to_another_host_leads_nowhere() {
        for link in [
            "http://elsewhere.example/",
            "https://elsewhere.example/",
            "//elsewhere.example/n",
            "///elsewhere.example/n",
            "/\\elsewhere.example/n",
            "http://app.example:81/n",
            "http://app.example@elsewhere.example/n",
            "http://me@app.example/n",
            "http://app.example.elsewhere.example/n",
            "ftp://app.example/n",
            "mailto:n",
            "http://",
        ] {
            let got = resolve("http://app.example/a/b", link, LinkScope::SameHost);
            assert_eq!(got, None, "{link}");
        }
    }

    #[test]
    fn without_a_host_only_the_scope_says_what_is_inside() {
        let any = LinkScope::AnyHost;
        assert_eq!(resolve("/a/b", "n", any).as_deref(), Some("/a/n"));
        let link = "https://app.example/n";
        assert_eq!(resolve("/a/b", link, any).as_deref(), Some("/n"));
        assert_eq!(resolve("/a/b", link, LinkScope::SameHost), None);
        assert_eq!(resolve("/a/b", "ftp://app.example/n", any), None);
    }

    #[test]
    fn the_hosts_of_clients_do_not_matter_to_relative_links() {
        for base in ["http://1.2.3.4.5/a", "http://xn--/a", "*"] {
            let got = resolve(base, "n", LinkScope::SameHost);
            assert!(got.is_some_and(|it| it.ends_with("/n")), "{base}");
        }
    }
}
