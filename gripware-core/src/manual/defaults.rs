//! What is set how, and why.
//!
//! # From the environment
//! | variable | meaning | unset |
//! |---|---|---|
//! | `GRIP_URL` | one or more GRIP URLs, separated by white space: where to publish, and who may sign | nothing is published or trusted |
//! | `GRIP_PREFIX` | put before every channel name, so that two applications share a proxy | none |
//! | `GRIP_PROXY_REQUIRED` | `true`: only requests from a proxy are answered | `false` |
//!
//! # A GRIP URL
//! `<control URI>?iss=…&key=…&verify-iss=…&verify-key=…`
//!
//! | part | meaning |
//! |---|---|
//! | control URI | where items are posted, with `/publish/` added |
//! | `key` | a bearer token; with `iss`, the key that signs a JWT; for Fastly, the API token |
//! | `verify-key` | what the proxy's signatures are checked with: a secret, a PEM, a JWK or a JWK set, each also as `base64:` |
//! | `verify-iss` | whose signatures are taken; without it, anybody's who has the key |
//! | anything else | stays in the control URI |
//!
//! # Bounds
//! Those that proxies have are in [`Limits`](crate::Limits), each with its reason. Beyond them a
//! proxy answers with a 502 that says nothing, or drops in silence; here they are errors.
//!
//! # Choices
//! | choice | because |
//! |---|---|
//! | without a verify key nothing is trusted | one URL without a key would otherwise open all of them |
//! | no leeway for `exp` | proxies sign for an hour ahead; only a clock that is fast by more than that needs it |
//! | a hold without a proxy is a 501 | the client would otherwise get an answer that looks complete |
//! | `HEAD` is never held | a proxy would keep a connection that nothing can be sent on |
//! | the prefix `m:` is always on | with an empty one, a text that a client sent and the origin echoes could become a control message |
