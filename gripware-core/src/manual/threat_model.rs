//! Who attacks what, and what stands in the way.
//!
//! # What is trusted
//! A request is the proxy's word when its `Grip-Sig` was made with a configured key, has not
//! expired, and names the configured issuer. Nothing else is: no header, no address. Of a request
//! that fails this, no `Grip-*`, `Meta-*` or `Connection-Id` header is believed.
//!
//! # A client that reaches the origin past the proxy
//! It can send any header. Without a valid signature it gets plain responses only: a hold becomes
//! a 501, WebSocket events a 403. A missing, forged and expired signature look the same from
//! outside; the log tells them apart.
//!
//! # A client that wants to be the proxy
//! - The algorithm comes from the key, never from the token: a public key is no HMAC secret, and
//!   `none` is no algorithm.
//! - A key that cannot be read stops the application from starting. It never becomes a shared
//!   secret made of its own text.
//! - Comparisons of signatures take constant time.
//! - Only tokens that were verified are remembered, whole, in a bounded memory, and their `exp` is
//!   looked at again every time. An attacker cannot fill it.
//!
//! # Another customer of the same edge
//! Fastly signs for all its customers with one key. Who checks the signature but not the issuer
//! takes requests that came through anybody's service. The issuer is mandatory there.
//!
//! # A replayed token
//! A token is not bound to a request, and lives for an hour. Whoever can read the traffic between
//! proxy and origin can use one. Use TLS there, or a network of your own. The tokens of an embedded
//! hub leave the process only with `front`, over loopback.
//!
//! # Content that becomes an instruction
//! - Channel names, ids, meta and links are checked for control characters before they are
//!   written; in JSON bodies too, where proxies do not check header values.
//! - Messages to a WebSocket always carry the prefix `m:`, so that no echoed text is a control
//!   message.
//! - A next link's answer is shared between clients. [`Recovery`](crate::Recovery) makes links
//!   from the path alone; put nothing about one user behind a `?`.
//!
//! # Exhaustion
//! Every body, list, queue and memory has a bound. Lengths are checked before anything is taken.
//! Input never panics: decoders are fuzzed, and no unchecked index is in them.
//!
//! # Secrets
//! Keys, tokens and passwords print as `[redacted]`, in errors as well. Credentials are not sent
//! over plain HTTP to anything but this machine.
//!
//! # What a client can do to the hub
//! The hub meets the public directly, embedded or as a program. Which attacks were tried, and with
//! what result, is in [attacks](super::attacks).
//! - *Headers.* `Grip-*`, `Meta-*` and `Connection-Id` of clients are removed, and so is what names
//!   their address, unless `trust_forwarded` says that a server in front has set it. `Grip-*` of the
//!   application's answers never reach a client.
//! - *Two requests in one.* A connection leaves the HTTP server only after the body of its request
//!   has been read to the end, so that what is left of one is never taken for the next. `Host` is
//!   there once, or the request is refused; `TRACE` is refused, as it would show the signature.
//! - *Slow heads and bodies.* A head has 60 s and 64 KiB, over HTTP/2 as over HTTP/1.1, and so has a
//!   connection that asks for nothing. A body is the application's to read, in its own time: a layer
//!   with a timeout bounds that, as without a hub. `max_connections` bounds how many there are that
//!   are not held.
//! - *Not reading (slow consumers).* A queue has 1 MiB and 10 000 messages; then the client is
//!   disconnected. Items are shared between all who wait for them. An answer that is not held ends
//!   when the client takes less than 16 KiB of it in 60 s.
//! - *Keeping the application busy.* One address has up to 256 requests in progress, and 128 turns of
//!   WebSockets; more wait in line, and addresses take turns. Behind a server in front these are the
//!   server's, unless `trust_forwarded` says that it names the clients.
//! - *Sending while held.* Whoever sends more than 16 KiB ahead is cut off. A WebSocket is not read
//!   beyond 200 000 bytes or 1024 messages that the application has not taken (backpressure), and is
//!   still noticed when it leaves. A message has 512 KiB, however it is cut into frames, and 60 s
//!   without progress.
//! - *Floods.* Of the frames of a WebSocket 128 messages are read at a time, then others have their
//!   turn; of many pings the latest is answered. An HTTP/2 connection that sends control frames,
//!   resets or empty frames at a rate no honest client has is ended with `ENHANCE_YOUR_CALM`.
//! - *Large heads.* A request is held with up to 16 KiB of head, since that is kept and sent again.
//! - *Pretending to be the hub.* `application/websocket-events` from a client is refused with 403, and
//!   a path that leaves the origin's base path with 400.
//! - *Holding many.* Held connections have no bound but the system's: how many one address may have
//!   is for a firewall, a web server in front, or the handler to say.
//! - *Making the hub ask.* Turns of WebSockets, next links and repeats are 1024 at a time in all, and
//!   a client has one under way. Empty pages of a next link are followed by a pause that grows.
//!
//! # What an application can do to the hub
//! It is trusted with its clients, and not with the process: channels, meta, links, control messages
//! and bodies have bounds, links lead to the application and nowhere else, and what is no
//! instruction is a 502 with a line in the log. Handlers of an embedded application run in the same
//! process; one that blocks its runtime delays requests, but no client that is held.
//!
//! # Who reaches the control API
//! Who may publish, may say anything to every client, close connections and read channel names. The
//! hub's control API is on loopback by default; with `--control-key`, every request but `GET /` needs
//! the key, which is compared in constant time. Without a key, requests that pages in browsers send
//! are refused, by `Origin`, `Sec-Fetch-Site` and host names that were made to point to this
//! machine. A head has 5 s there, a body 16 MiB (`max_item`) and 30 s. It has 256 connections, of which at
//! most 128 have shown no key: publishers find a place whatever others do. An embedded hub has no
//! control API unless it is asked for one.
//!
//! # What is not defended
//! - The control endpoint of Pushpin has no authentication: who reaches it can publish. Keep it on
//!   loopback or in a network of your own.
//! - Between the program and the application the hub speaks plain HTTP, and the control API does unless
//!   it has a certificate. Use loopback, a unix socket, or a network of your own.
//! - The hub does not count requests: a limit for each client belongs into the application, or in
//!   front.
