//! The protocol in one page.
//!
//! # Three parties
//! The *client* is a browser or an app. The *proxy* (gripware's hub, Pushpin, Fastly Fanout) keeps
//! the client's connection. The *origin* is the web application: it answers requests, and forgets
//! them. With the hub embedded, proxy and origin are one process, and all of this takes place
//! between them without a socket.
//!
//! # A hold
//! The proxy forwards a request with two headers of its own: `Grip-Sig`, a JWT that proves who
//! sent it, and `Grip-Feature`, what it can do. The origin answers at once, and in the answer it
//! says what becomes of the connection:
//!
//! ```text
//! HTTP/1.1 200 OK
//! Content-Type: text/event-stream
//! Grip-Hold: stream
//! Grip-Channel: news
//! Grip-Keep-Alive: :\n\n; format=cstring; timeout=20
//! ```
//!
//! The proxy takes the `Grip-*` headers out, gives the rest to the client, and keeps the
//! connection. A `stream` hold is appended to; a `response` hold (long-polling) is answered once,
//! by an item or, at the timeout, with the answer that the origin gave.
//!
//! Some things do not fit into a header, such as a channel name with a comma. The same instruction
//! can be a JSON body of type `application/grip-instruct`, with the client's response inside it. A
//! [`Hold`](crate::Hold) knows which form it needs.
//!
//! # An item
//! Later the origin posts an [`Item`](crate::Item) to the proxy's control endpoint:
//!
//! ```text
//! {"items":[{"channel":"news","id":"8","prev-id":"7",
//!            "formats":{"http-stream":{"content":"data: hello\n\n"},
//!                       "ws-message":{"content":"hello"}}}]}
//! ```
//!
//! Each client of the channel gets the format for its kind of hold, and nothing if there is none. A
//! publisher hands the same item to an embedded hub as it is, without a request and without JSON.
//!
//! # Missing nothing
//! An item with an id that was seen in the last minute is dropped. One whose `prev-id` is not the
//! last id waits for the gap to close, and then the proxy asks the origin again: it fetches the
//! `next` link of the hold, with the last id it delivered in `Grip-Last`. Pushpin
//! gives an answer to every client that waits at the same path, so a next link must be the same for
//! all of them. A
//! [`Recovery`](crate::Recovery) takes the cursor from the right place and makes such a link.
//!
//! # A WebSocket
//! The proxy speaks WebSocket with the client, and `POST`s with the origin. A body of type
//! `application/websocket-events` is a list of events, each with the length of its content in bytes,
//! in hexadecimal:
//!
//! ```text
//! POST /chat HTTP/1.1
//! Content-Type: application/websocket-events
//! Connection-Id: 5c384ad4
//! Sec-WebSocket-Extensions: grip
//!
//! OPEN\r\n
//! TEXT 5\r\nhello\r\n
//! ```
//!
//! The answer is a list of events too. `OPEN` in it accepts the client; any answer of another
//! status or type refuses it.
//!
//! ```text
//! HTTP/1.1 200 OK
//! Content-Type: application/websocket-events
//! Sec-WebSocket-Extensions: grip
//!
//! OPEN\r\n
//! TEXT 27\r\nc:{"type":"subscribe","channel":"room"}\r\n
//! TEXT 7\r\nm:HELLO\r\n
//! ```
//!
//! With the extension `grip`, which the answer to `OPEN` has to name, messages to the client start
//! with `m:` and control messages to the proxy with `c:`; without it the client gets both as they
//! stand. A `PING` is answered with a `PONG` of the same content, and a `CLOSE` with a `CLOSE`; a
//! request without events asks whether there is something to send.
//!
//! Between two requests the origin remembers nothing; what it wants back it stores as the
//! connection's meta (`Set-Meta-User: anna` in an answer, `Meta-User: anna` in later requests). A
//! [`WebSocketContext`](crate::ws::WebSocketContext) is one such turn.
