//! Where the hub behaves otherwise than Pushpin, and why.
//!
//! The hub speaks Pushpin's protocol, and an application cannot tell which of the two is in front of
//! it, but for what is listed here. Each difference is meant. Compared are Pushpin 1.36 and, where
//! a row says so, later ones.
//!
//! # Holds
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | asks a response hold's request again a second after the channel gets its first subscriber, and a stream's next link likewise | asks again only where an item was published after what the origin knew: its id is another than the `prev-id` of the answer | the repeat is for brokers that take a moment to pass a subscription on; here items are published in the same process, and a subscription counts from its first moment |
//! | forgets a channel's last id with its last subscriber | remembers it for 60 s more ([`id_memory`](crate::HubBuilder::id_memory)), of up to 4096 channels in each of 64 maps, and so it does for an item with an id that came while nobody followed the channel | a long-poll that comes back finds out about what was published between two polls |
//! | one answer to a next link serves all whose path and last ids are equal | the query and the host have to be equal too | a query may have a token, and one client's data would go to another |
//! | at most 10 next links a second in all | as many at once as [`max_asks`](crate::HubBuilder::max_asks) says | recovery of thousands of streams took minutes |
//! | a response hold that ends with `Grip-Timeout` ends up to 1.2 s later | at the time | |
//! | keep-alives come up to a second early | at the time; one is left out while the client has not read what is there | |
//! | `HEAD` of a stream is held | it is answered | nothing could be appended to |
//! | a link to another host is fetched from there | there is no such link: a next link that names another host is none, and a gone link is not sent | the hub has one origin, and a response should not make it ask anybody else |
//! | says why it refused an instruction in the answer with `debug=true` | the same with [`development`](crate::HubBuilder::development), and always in the log | a 502 that says nothing is what users ask about most |
//! | `Grip-Session-*` | ignored | sessions need a server of their own, and no library uses them |
//! | filters `http-check`, `http-modify` (2.0) | let everything pass, as filters of unknown names do | a request for each item and subscriber is what a hub is there to avoid |
//! | gone links since 1.41 | yes | |
//!
//! # WebSockets
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | compares `application/websocket-events` byte for byte | without case and parameters | frameworks add a charset by themselves, and the client would be dropped for it |
//! | gives close codes to the client as they are; 0 is what libraries send where they mean none | one that must not be on the wire becomes 1000 | browsers fail on it |
//! | drops the client without a close where the origin fails after `OPEN`, or does not answer a close | closes with 1011, or answers the close with the client's own code | the client learns whose fault it is, and that the connection has not been lost |
//! | takes an answer that is cut off in the middle of an event | closes with 1011 | half a message is a wrong one |
//! | drops the client when more than 200 000 bytes wait for the origin | stops reading from it until the origin has caught up | what was sent is not lost, and the client notices by itself |
//! | messages above some 16 kB stall (fixed in 1.38) | any size, in one frame | |
//! | a text that is not UTF-8 goes to the client | closes with 1011; in an item it is a 400 | the client would fail the connection and blame the proxy |
//! | a client's message of any size up to the queue | up to [`max_message`](crate::HubBuilder::max_message), and beyond it close code 1009 | |
//! | a subprotocol that the client did not offer is passed on | 502 | the client would fail the handshake |
//! | pings of a client that is detached go nowhere | they are answered | nobody else would, and clients give up |
//! | `Keep-Alive-Interval` of less than 20 s is 20 s | the same, and [`min_keep_alive_interval`](crate::HubBuilder::min_keep_alive_interval) changes it | |
//! | `Content-Bytes-Accepted`, `refresh` (since 1.41, 1.38) | yes | |
//! | WebSockets over HTTP/1.1 | and over HTTP/2 (RFC 8441) | |
//!
//! # Items
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | drops what is over 2500 deliveries a second, or 25 000 waiting items | whoever publishes waits: the answer to a publish comes when there is room ([`backlog_bytes`](crate::HubBuilder::backlog_bytes)) | nothing that was accepted is dropped in silence |
//! | drops an item where 100 wait for an earlier one | gives up on the gap: the one that has waited longest goes on | |
//! | drops what a slow client has no room for | disconnects it, or drops and counts ([`SlowClients`](crate::SlowClients)) | a client that has missed something should know |
//! | a status code below 100, a close code that must not be sent, CR or LF in a header, a text that is not UTF-8, a ping over 125 bytes: passed on | 400 | clients fail on it, and a header of an item would become two |
//! | remembers an id for good where `id_cache_ttl` is not set | 60 s, of up to 10 000 items in each channel | |
//! | a filter may make a content of any length | at most 1 000 000 bytes longer; beyond it the item is not delivered | |
//!
//! # The control API
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | closes the connection after each answer, needs `Content-Length` | keeps it, takes chunked bodies | a publisher saves a handshake for each item |
//! | has no authentication | a key, where one is set; without one, requests of pages in browsers are refused | a page from anywhere can reach a port on the loopback interface |
//! | an answer does not say whether anybody was there | `Grip-Subscribers` says how many | |
//! | ZeroMQ on three more ports | none | the control API and the in-process publisher are faster |
//!
//! # In front of clients
//! | Pushpin | the hub | because |
//! |---|---|---|
//! | passes `X-Forwarded-For` of clients on, as its rules say | replaces it, unless [`trust_forwarded`](crate::HubBuilder::trust_forwarded) is set | anybody could pretend to have another address |
//! | adds an `Accept-Encoding` of its own, and decompresses | none goes to the origin | what is published later could not be appended to a compressed body |
//! | `TRACE` is passed on | 405 | the answer would show the client the signature |
//! | routes, several origins, a proxy that trusts another (`upstream_key`) | one origin | the application's router decides, or another hub beside this one |
