//! Logins: streams of one user, WebSockets that are authenticated once, and pages of other sites.
//!
//! # A stream of one user
//! A handler sees the cookie or the `Authorization` of a request as without GRIP, and holds a channel
//! of the user. What differs is recovery: a proxy follows the next link of the hold itself, after
//! 120 s without an item or when something is missing. It has no cookie, and it gives the answer to
//! every client that waits at the same path, whatever stands behind a `?`. A link to the same resource
//! is then answered with 401, and the client is cut off.
//!
//! So a private stream has a second route, whose path ends with a capability: signed by the
//! application, for one user and one channel, good for an hour.
//!
//! 1. Give the application a key, [`LinkKey::new`](crate::LinkKey::new) with 32 random bytes that
//!    outlive a restart. With the hub inside that is
//!    `Hub::builder().grip_with(|grip| grip.link_key(key)).from_env()?`, without it
//!    `Grip::builder().env()?.link_key(key)`.
//! 2. Make the link with `cx.private_link("/notifications", user, channel)` in place of a path.
//! 3. Serve `/notifications/{capability}` with a handler that takes a `PrivateStream`, and no login.
//!
//! The example is at `PrivateStream` of the adapter. In a debug build a warning says so once when a
//! request with a cookie is given a link that is not private.
//!
//! | who | can | cannot |
//! |---|---|---|
//! | the client | | see the link: a proxy takes it out of the answer |
//! | the proxy, and who reads its traffic or logs of paths | follow the link until it expires, and so read that user's stream and what the handler gives of its past | open another channel or another user's, prolong the link, learn the key |
//! | a user who has logged out | be sent items as long as the connection lasts, as without GRIP | |
//!
//! A logout does not end a link: where that matters, the handler of the link looks up whether the
//! user may still read, and [`Item::close`](crate::Item::close) is published to the channel of the user. Exchanging the key
//! ends all links; clients come back with their logins.
//!
//! # A WebSocket with a login
//! A proxy repeats the headers of the opening with every request about a connection. A layer that
//! checks a token in them every time ends the connection when the token expires, and keeps from the
//! handler that it ended. Put `OnOpening` around that layer: the user is authenticated once, the
//! handler keeps what it found in the connection's meta
//! ([`insert_meta_json`](crate::ws::WebSocketContext::insert_meta_json)), and it is there in every later
//! request ([`meta_json`](crate::ws::WebSocketContext::meta_json)). Meta is stored by the proxy and
//! comes with its signature; a client can neither set nor see it.
//!
//! A page cannot set headers for a WebSocket. Its login is the cookie, which comes by itself, or a
//! token in the query (`new WebSocket("/rooms/blue?token=…")`), which stands in logs of requests:
//! let it be good for a minute, made by a route with the login. In a subprotocol it is in no
//! path; the handler then names another that the page offers, by
//! [`select_protocol`](crate::ws::WebSocketContext::select_protocol).
//!
//! # The two kinds of meta
//! A connection has meta of two kinds, which know nothing of each other:
//!
//! | | [`insert_meta`](crate::ws::WebSocketContext::insert_meta), [`insert_meta_json`](crate::ws::WebSocketContext::insert_meta_json) | [`set_filter_meta`](crate::ws::WebSocketContext::set_filter_meta) |
//! |---|---|---|
//! | for | the application | the proxy's filters |
//! | read by | handlers, in each later request ([`meta`](crate::ws::WebSocketContext::meta)) | the proxy, for each item; it never comes back |
//! | travels as | header `Set-Meta-…`, then `Meta-…` with each request | control message `set-meta` |
//! | holds for | WebSockets | WebSockets; [`Hold::meta`](crate::Hold::meta) is the same for a hold |
//! | such as | who has logged in, the rooms that were joined | `user`, which the filter `skip-self` compares with the [`sender`](crate::Item::sender) of an item |
//!
//! Whoever wants messages not to come back to their sender needs the second, and whoever wants to
//! know who somebody is the first; a chat sets both.
//!
//! # All connections of one user
//! Subscribe each to a channel of the user, such as `user-anna`, whatever else it follows. What is
//! published there reaches all of them, on every node, and one call closes them all:
//!
//! ```
//! use gripware_core::{Item, WsMessage};
//!
//! let private = WsMessage::text("only for you");
//! // publisher.publish("user-anna", private).await?;
//! let kick = Item::close(4001, "kicked");
//! // publisher.publish("user-anna", kick).await?;
//! # assert!(Item::from(private).check().is_ok() && kick.check().is_ok());
//! ```
//!
//! [`Item::close`](crate::Item::close) closes WebSockets with the code and the reason and ends streams;
//! a page that is not to come back looks at the code, and a stream that comes back asks for the login
//! anew. Who is connected is told by the hub: `Hub::connections_of("user-anna")`, or
//! `GET /connections?channel=user-anna` of its control API, where `DELETE` closes them.
//!
//! # Pages of other sites
//! *Cross-site WebSocket hijacking.* A browser lets any page open a WebSocket to any host, and sends
//! the cookies of that host. So an opening with an `Origin` whose host is not that of the request is
//! refused with 403 before the handler runs; see
//! [`AllowedOrigins`](crate::ws::AllowedOrigins) for pages of other hosts. A server in front has to
//! pass the client's `Host` on (nginx: `proxy_set_header Host $host`). What has no `Origin` is no
//! browser. Sockets that are passed through to the application's own WebSocket server
//! (`WebSocketUpgrade`) are its own affair.
//!
//! An event stream of another site is read by a page only if CORS allows it, as any other response.
