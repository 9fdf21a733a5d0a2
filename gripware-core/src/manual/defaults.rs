//! What is set how, and why.
//!
//! # From the environment
//! | variable | meaning | unset |
//! |---|---|---|
//! | `GRIP_URL` | one or more GRIP URLs, separated by white space: where to publish, and who may sign | an embedded hub holds the clients; without one, nothing is published or trusted |
//! | `GRIP_PREFIX` | put before every channel name, so that two applications share a proxy | none |
//! | `GRIP_PROXY_REQUIRED` | `true`: only requests from a proxy are answered | `false` |
//! | `GRIP_ALLOW_INSECURE_CREDENTIALS` | `true`: `key` of a URL is sent over plain HTTP to other machines as well, and each start logs a warning; only for a network where nobody else can listen | `false`: such a URL is an error |
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
//!
//! # The hub
//! Its limits, with what happens beyond each, stand in the documentation of `gripware-hub`. Of
//! its choices:
//!
//! | choice | because |
//! |---|---|
//! | a key of its own, made up at the start | nothing has to be set for signatures to be checked, and nobody else can have it |
//! | `GRIP_URL` wins over the embedded hub | the same build runs everywhere, and a proxy that is there is meant to be used |
//! | the program listens on loopback, and signs nothing without a key | Pushpin's ports and Pushpin's behaviour, but for its well-known secret |
//! | a client whose queue is full is disconnected | one that drops in silence leaves a page that looks right and is not |
//! | 1 MiB and 10 000 messages for each client | seconds of a fast channel, for one who is on a train; a thousand of them are a GiB at the worst |
//! | a publisher waits at 16 MiB | it is the one who can slow down |
//! | 5 s for an item's predecessor, 60 s for ids | as Pushpin's, on which retries and batches of publishers rely |
//! | 20 s at least between polls of a WebSocket | as Pushpin's: with 10 000 idle clients it is 500 requests a second |
//! | 5 s to end | what service managers allow is 10 s or more |
//! | `X-Forwarded-*` of clients is replaced | it is an address that anybody can write |
//! | reasons for a 502 go to the log | they name channels; `development` gives them to the client |
