//! How clients are received: the table of what can be set of it.

use http::request::Parts;

use crate::{origin::Routes, setting};

/// How an application gets the handshakes of WebSockets.
#[derive(Clone, Debug)]
pub(crate) enum Handshakes {
    /// As events alone (GRIP 2.2).
    Events,
    /// As they are.
    Native,
    /// As they are, with the offer to answer with events; and as events where it takes no GET.
    Either,
    /// The same, for an application in this process.
    Within,
    /// As events, or as they are where the route says so.
    ByRoute(Routes),
    /// As they are, but where the route names a service.
    ByAddress(Routes),
}

impl Handshakes {
    /// Whether this one is asked for by events alone.
    pub(super) fn are_events(&self, request: &Parts) -> bool {
        match self {
            Self::Events => true,
            Self::Native | Self::Either | Self::Within => false,
            Self::ByRoute(routes) => !routes.are_native(request, false),
            Self::ByAddress(routes) => !routes.are_native(request, true),
        }
    }

    pub(super) fn are_offers(&self) -> bool {
        matches!(self, Self::Either | Self::Within)
    }
}

setting::settings! {
    /// How clients are received.
    options: struct Options {
        /// Clients come over HTTPS, and no other way.
        #[cfg(feature = "tls")]
        tls: Option<crate::tls::Tls> = None,
        /// How the application gets the handshakes of WebSockets.
        handshakes: Handshakes = Handshakes::Events,
        /// Whether turns of WebSockets run on the threads that hold them.
        turns_on_own_threads: bool = false,
    }

    "Trust" {
        /// whether what a client says in `X-Forwarded-For` and the like is passed on and added to. It is
        /// right only behind a proxy that sets them itself. Otherwise it is replaced, so that nobody can
        /// pretend to have another address.
        trust_forwarded: Switch = false;
    }

    "Origin" {
        /// whether an application at another address gets the handshakes of WebSockets as they are, and
        /// speaks WebSocket itself; otherwise it gets them as events (WebSocket-over-HTTP), as from
        /// Pushpin with `over_http`. It is for [`Hub::forward`](crate::Hub::forward): under
        /// [`Hub::serve`](crate::Hub::serve) and [`Hub::front`](crate::Hub::front) each handler
        /// decides.
        native_websockets: Switch = false;
    }

    "Clients" {
        /// how long the head of a request may take, and how long an idle connection is kept.
        header_timeout as head_timeout: Time = 60 s, at least 1 ms;
        /// the largest head of a request. A larger one gets 431, and so does one of HTTP/1.x
        /// with more than 256 headers. In HTTP/2 a header counts for 32 bytes more than it has.
        max_header_size as max_head: Size = 64 KiB, at least 8 KiB;
        /// how many requests may be in progress on one HTTP/2 connection; clients that are held count.
        /// It is what browsers are told, which let more requests wait.
        max_streams: Count = 250, at least 1, at most 4_294_967_295;
        /// how long a client may leave an answer untaken that is not held. An answer whose client takes
        /// less than 16 KiB of it in this time, and not all that waits, is ended: an HTTP/1.1 connection
        /// is closed, a stream of HTTP/2 reset. Time in which the application has nothing to send does
        /// not count.
        answer_timeout: Time = 60 s, at least 1 ms;
        /// how many requests of one client address may be in progress at the application, from the
        /// moment that it is asked until its answer has ended; clients that are held do not count. More
        /// wait for up to 10 s, and then get 503 with `Retry-After`. An IPv6 address counts as its /64.
        ///
        /// The address is the other end of the connection; with
        /// [`trust_forwarded`](Self::trust_forwarded) it is the last one in `X-Forwarded-For`. So where
        /// a proxy is in front, either set that, or this to what all of the proxy's clients may have.
        /// Clients on a unix socket have no limit. A large number is no limit.
        max_client_requests: Count = 256, at least 1;
        /// how many connections may be open that are not held. More wait until one ends.
        max_connections: Limit = none "as many as the system allows", at least 1, at most 100_000_000;
    }
}

impl Options {
    /// Whether clients come over TLS.
    pub(super) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}
