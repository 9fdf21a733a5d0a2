//! The paths of the control API and their methods.

use http::Method;

/// What a path of the control API stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Root,
    Ready,
    Publish,
    Recover,
    Metrics,
    Nodes,
    Channels,
    Connections,
    /// With the text of its id.
    Connection(&'a str),
    PublishTo(&'a str),
}

impl<'a> Route<'a> {
    /// Returns the route of a path, with or without its last slash.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        Some(match path {
            "" => Self::Root,
            "ready" => Self::Ready,
            "publish" => Self::Publish,
            "recover" => Self::Recover,
            "metrics" => Self::Metrics,
            "nodes" => Self::Nodes,
            "channels" => Self::Channels,
            "connections" => Self::Connections,
            _ => {
                let rest = path.strip_prefix("connections/")?;
                match rest.split_once('/') {
                    None => Self::Connection(rest),
                    Some((id, "publish")) => Self::PublishTo(id),
                    Some(_) => return None,
                }
            }
        })
    }

    /// The methods that it takes, as in an `Allow` header.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Root | Self::Ready | Self::Metrics | Self::Nodes | Self::Channels => "GET, HEAD",
            Self::Connections => "GET, HEAD, DELETE",
            Self::Publish | Self::Recover | Self::PublishTo(_) => "POST",
            Self::Connection(_) => "DELETE",
        }
    }

    /// Returns `true` if it needs no key, and makes nobody known: it says nothing of the clients.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Root | Self::Ready)
    }

    /// Returns `true` if the body of its requests is read.
    pub(super) fn has_body(self) -> bool {
        matches!(self, Self::Publish | Self::Recover | Self::PublishTo(_))
    }

    pub(super) fn allows(self, method: &Method) -> bool {
        self.allowed()
            .split(", ")
            .any(|allowed| method.as_str() == allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_with_and_without_its_last_slash() {
        for (path, route) in [
            ("/", Some(Route::Root)),
            ("/ready", Some(Route::Ready)),
            ("/publish", Some(Route::Publish)),
            ("/publish/", Some(Route::Publish)),
            ("/recover/", Some(Route::Recover)),
            ("/nodes", Some(Route::Nodes)),
            ("/connections/", Some(Route::Connections)),
            ("/connections/a", Some(Route::Connection("a"))),
            ("/connections/a/publish/", Some(Route::PublishTo("a"))),
            ("//", Some(Route::Root)),
            ("", None),
            ("*", None),
            ("/publish//", None),
            ("/publish/x", None),
            ("/connections/a/b", None),
            ("/connections/a/publish/b", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
