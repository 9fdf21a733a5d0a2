use http::{Uri, uri::PathAndQuery};
use percent_encoding::percent_decode_str;

/// Where a request to an entrance goes, and with which target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Server(Uri),
    Client(String, Uri),
    Clients,
    Metrics,
    None,
}

impl Route {
    /// What is behind the name is passed on as it is, encoded and with its double slash.
    pub(super) fn of(uri: &Uri) -> Self {
        let target = |rest: &str| {
            let rest = if rest.is_empty() { "/" } else { rest };
            let text = match uri.query() {
                Some(query) => format!("{rest}?{query}"),
                None => rest.to_owned(),
            };
            Some(Uri::from(PathAndQuery::try_from(text).ok()?))
        };
        let path = uri.path();
        let rest_of = |prefix: &str| path.strip_prefix(prefix);
        if let Some(rest) = rest_of("/server").filter(|it| it.is_empty() || it.starts_with('/')) {
            return target(rest).map_or(Self::None, Self::Server);
        }
        if let Some(rest) = rest_of("/client/") {
            let end = rest.find('/').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            return target(rest).map_or(Self::None, |target| Self::Client(name, target));
        }
        match path {
            "/metrics" => Self::Metrics,
            "/clients" => Self::Clients,
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, target: &str) -> Route {
        Route::Client(name.to_owned(), target.parse().unwrap())
    }

    fn server(target: &str) -> Route {
        Route::Server(target.parse().unwrap())
    }

    #[test]
    fn a_path_names_an_end_and_a_noun() {
        for (uri, route) in [
            ("/server/time", server("/time")),
            ("/server", server("/")),
            ("/server/", server("/")),
            ("/server/cat//a%2Fb/c?d=e", server("/cat//a%2Fb/c?d=e")),
            ("/client/app/time", client("app", "/time")),
            ("/client/app", client("app", "/")),
            ("/client/app?x", client("app", "/?x")),
            ("/client/%5B::1%5D/a//b", client("[::1]", "/a//b")),
            ("/client//time", client("", "/time")),
            ("/servers", Route::None),
            ("/client", Route::None),
            ("/", Route::None),
            ("/metrics", Route::Metrics),
            ("/clients", Route::Clients),
        ] {
            assert_eq!(Route::of(&uri.parse().unwrap()), route, "{uri}");
        }
    }
}
