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
//! proxy and origin can use one. Use TLS there, or a network of your own.
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
//! # What is not defended
//! The control endpoint of Pushpin has no authentication: who reaches it can publish. Keep it on
//! loopback or in a network of your own.
