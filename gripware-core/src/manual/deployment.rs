//! Running it: behind Pushpin, behind Fastly.
//!
//! # Behind Pushpin
//! Clients connect to Pushpin (port 7999), Pushpin forwards to the application, and the
//! application publishes to Pushpin's control port (5561).
//!
//! ```text
//! # /etc/pushpin/routes
//! * 127.0.0.1:8080,over_http
//!
//! # /etc/pushpin/pushpin.conf
//! [proxy]
//! sig_iss=pushpin
//! sig_key=a-long-random-secret
//! [handler]
//! message_rate=1000000
//! message_hwm=1000000
//! id_cache_ttl=60
//! ```
//!
//! ```sh
//! GRIP_URL='http://127.0.0.1:5561/?verify-iss=pushpin&verify-key=a-long-random-secret'
//! ```
//!
//! - `over_http` turns WebSockets into `POST`s. Without it they are passed on as they are.
//! - As shipped, Pushpin delivers at most 2 500 messages a second in all and drops the rest in
//!   silence; the two settings above lift that.
//! - `id_cache_ttl` is what makes a retry harmless: an item that comes a second time within those
//!   seconds is dropped. It is in the configuration that Pushpin ships with, and without the line
//!   nothing is dropped.
//! - The secret that Pushpin ships with, `changeme`, is everybody's. Change it.
//! - Debian's zurl refuses origins on loopback: `deny=127.*,…` in `/etc/zurl.conf`.
//! - The control port has no authentication. Leave it on loopback.
//! - With several Pushpins, put all their URLs into `GRIP_URL`: each item goes to every one.
//!
//! # Behind Fastly Fanout
//! ```sh
//! GRIP_URL='https://api.fastly.com/service/SERVICE_ID?key=API_TOKEN'
//! ```
//! The public key is built in, and the issuer is `fastly:SERVICE_ID`. The origin needs a
//! certificate that the public trusts.
//!
//! # Around the application
//! - Nothing between proxy and origin may change a WebSocket answer: no charset added to its
//!   content type, no redirect, no 204 in place of 200.
//! - A reverse proxy between them must let `Grip-*`, `Meta-*`, `Set-Meta-*`, `Connection-Id` and
//!   `Keep-Alive-Interval` through, in both directions.
//! - Response holds are asked for twice: for its first subscriber a proxy repeats the request about
//!   a second later. Handlers of holds must be idempotent, and must not invent a new channel each
//!   time.
