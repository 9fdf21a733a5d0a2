//! The control API: where items are published, and where one looks into the hub.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | `Pushpin API`: it is there |
//! | `GET /ready` | 200 if clients are to be sent here, 503 if not: the hub ends, or does not hear its other nodes |
//! | `POST /publish/` | takes `{"items":[…]}` (GRIP 3.1, 3.2) |
//! | `POST /recover/` | makes held clients ask the origin what they missed |
//! | `GET /metrics` | counters and gauges, as text for Prometheus |
//! | `GET /nodes` | the nodes of the relay, or this one, and how many connections and channels each has |
//! | `GET /channels` | the channels that somebody is subscribed to |
//! | `GET /connections` | the clients that are held |
//! | `GET /connections?channel=NAME` | those that are subscribed to a channel |
//! | `DELETE /connections?channel=NAME` | ends those: WebSockets are closed with `code` and `reason`, 1000 and nothing unless the query has others, streams end, and the application is asked again for the requests of long polls |
//! | `DELETE /connections/{id}` | ends one of them |
//! | `POST /connections/{id}/publish/` | items for one of them, which need no `channel` |
//!
//! The first three answer byte for byte as Pushpin does, but for what Pushpin cannot do:
//! connections are kept alive, bodies may come in chunks, and an answer to a publish has two more
//! headers. `Grip-Subscribers` is how many subscribers the items were for, in all;
//! `Grip-Subscribers-Each` says it of each item, in their order, of up to 100 items.
//!
//! Connections of a channel are ended by an item, [`Item::close`](gripware_core::Item::close): after
//! the items that were published before, and with a relay on all nodes. `Grip-Subscribers` of the 204
//! says how many there were.
//!
//! Channels and connections are listed in pages of up to 1 000 entries, the channels by name and the
//! connections from the oldest on. Where another page follows, the answer has
//! `Link: <?after=CURSOR>; rel="next"`.
//!
//! With a relay these lists are those of all nodes: subscribers are added up, and connections go by the
//! names of their nodes, each with its `node`, and those of other nodes with their first 100 channels. A
//! connection is ended, and items for it are handed to it, wherever it is held. `Grip-Nodes: 2/3` says
//! that two nodes of three have answered, so that a list is partial; a connection that is at none of
//! them is 504 then, not 404. `GET /metrics` is about this node, and so are the counts of what is
//! published, unless the query has `count=all`: then the other nodes are asked before the items are
//! published, as a long poll that one answers is gone afterwards, and `Grip-Nodes` says how many have
//! answered. It is for up to 1 000 items.
//!
//! A publish is answered once every item is accepted. Where the hub has more items waiting than it
//! takes, the answer comes later: nothing is dropped.
//!
//! With a relay, accepted says that the broker has it, and every node that is connected gets it. Where
//! the broker takes it not in time the answer is 503, or 504 if it is not known whether it did; 413 if
//! the item is larger than the broker takes. Of several items, those before have been accepted.
//!
//! # Who may ask
//! With a key, whoever sends `Authorization: Bearer KEY`, as publishers do for `?key=KEY` in
//! `GRIP_URL`. `GET /` and `GET /ready` need none.
//!
//! Without a key, everybody who reaches the address, as with Pushpin: keep it on the loopback
//! interface or in a network of its own. Browsers reach loopback addresses too, and a page from
//! anywhere can make them send requests. So a request that says that a page sent it (`Origin`, or
//! `Sec-Fetch-Site` with another value than `none`) is refused, and so is one that came over the
//! loopback interface for a host name with a dot, as one does when the page's own name was made to
//! point to this machine. `localhost`, addresses and names without a dot are fine.
//!
//! # Bounds
//! | what | bound | beyond it |
//! |---|---|---|
//! | head of a request | 10 000 bytes, 64 headers | 431 |
//! | body | 1 000 000 bytes | 400 |
//! | time for the handshake of TLS | 5 s | closed |
//! | time to send a head, from its first byte | 5 s | closed |
//! | time idle, of a connection that is known | 60 s | closed |
//! | time from the beginning, or from the last answer, to the end of a head, of one that is not | 5 s | closed |
//! | time to send a body | 30 s | 408 |
//! | time without progress of an answer | 30 s | closed |
//! | connections | 256 | 503 with `Retry-After: 1` |
//! | connections that are not known | 128, and fewer where known ones have more than half | the oldest of them gets 503 with `Retry-After: 1` |
//! | clients that are told 503 at a time | 64 | closed without an answer |
//!
//! A connection is known once it has sent the key. Where no key is set, it is known once a request
//! was read to its end, `GET /` and those of pages aside: there, whoever reaches the address is
//! trusted. So connections that are silent or slow (slowloris) keep no publisher out: a new
//! connection takes the place of the oldest unknown one, and is known with its first head.

mod accept;
mod access;
mod answer;
mod body;
mod closing;
mod connection;
mod count;
mod list;
mod options;
mod places;
mod publish;
mod route;
mod server;
mod service;
mod target;
mod timed;

pub use self::access::ControlKeyError;
pub(crate) use self::{access::ControlKey, options::ControlOptions, server::serve};

#[cfg(test)]
mod tests;
