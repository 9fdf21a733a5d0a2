//! Users, channels, presence, history and private messages for browsers, told what to do over a
//! signed API.
//!
//! It takes the place of [channelstream] 0.7.1, and of 0.2: its JavaScript client and the
//! applications that call it need no change. An application makes a user and a connection known by
//! its backend, hands the connection's id to the browser, which opens a WebSocket or polls, and sends
//! messages by its backend again.
//!
//! It is an application of gripware like any other. A browser's socket is a handler that takes turns,
//! a poll is a hold, a message is an item, and what is known is in `gripware-state`: so the same
//! router works with the hub inside, behind the hub as a program, and behind Pushpin, and several
//! processes are one where they share a state.
//!
//! ```
//! use axum::{Router, routing::get};
//! use gripware_channelstream::ChannelStream;
//! use gripware_hub::Hub;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::builder().max_channels(102).build()?;
//! let channelstream = ChannelStream::builder(&hub.grip(), "the secret of the backend").build();
//! let app = Router::new()
//!     .route("/", get(|| async { "the application's own page" }))
//!     .nest("/channelstream", channelstream.router());
//! // hub.serve(listener, app).await?;
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # The API
//! All bodies are JSON. Each request but those of browsers shows a token, in the header
//! `x-channelstream-secret` or as `?secret=`: that of itsdangerous' `TimestampSigner`, of any value,
//! at most 60 s old. Both epochs of its versions are accepted. The secret itself is not.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /connect` | `username`, and what there may be: `conn_id`, `channels`, `channel_configs`, `fresh_user_state`, `user_state`, `state_public_keys`, `info` | the connection's id, the user's state, and what is known of the channels |
//! | `POST /subscribe`, `/unsubscribe` | `conn_id`, `channels` | its channels, and which of them are new or gone |
//! | `POST /user_state` | `user`, `user_state`, `state_public_keys` | the state, and what has changed |
//! | `POST /user_status` | `user`, `status` | `{}` |
//! | `POST`, `PATCH`, `DELETE /message` | messages, edits, or what is to be deleted | the same, as it was understood |
//! | `POST /channel_config` | settings by channel | what is known of them |
//! | `/info` | nothing, `{"info": {…}}` or `{"channels": […]}` | channels and users |
//! | `GET`, `POST /disconnect` | `conn_id`; without a token | `true` if it was known |
//! | `GET /ws?conn_id=`, `/listen?conn_id=` | without a token | frames |
//! | `/admin`, `/admin/admin.json`, `/metrics`, `/openapi.json` | for the administrator, or with a token | |
//!
//! A message for a `channel` is for all in it; with `pm_users` as well, for those of them who are in
//! it; with `pm_users` alone, for all connections of these users. A body that is not valid is a 422
//! with errors by field.
//!
//! # Differences from channelstream 0.7.1
//! | channelstream | here | why |
//! |---|---|---|
//! | a private message in a channel stands in its history | it does not | whoever connects reads the history |
//! | a second socket of a connection silences the first, whose end then ends the second | the first is closed, and its end changes nothing | the page that has it learns that it hears nothing |
//! | 500 for a body that is no JSON, `null`, or a list where there should be none, and for a poll of no connection | 400 or 422 | the caller has made a mistake, and learns which |
//! | that a connection is not known is told beside what else is wrong | by itself | |
//! | 403 and 401 are pages of HTML, `/listen` says `text/html`, and another method is a 404 | JSON, and says so; 405 | |
//! | a connection's id is a UUID | any text of 256 characters | 0.2 takes any |
//! | `/message` takes a list; `/info` refuses `{"channels": …}`; there is `username`, and no `/user_status` | one message too; both forms; `user` too; `/user_status` too | 0.2 has them, or promises them |
//! | an answer to `/message` comes first, and a message that is lost is not told | the message is with the proxy when the answer comes; 502 where the proxy has not taken it | |
//! | a token of the future is good for ever | for as long as an old one, 60 s | |
//! | a connection that is known may be taken over by `/connect` with another user | 422 | |
//! | JSONP for everybody | where it is switched on ([`jsonp`](ChannelStreamBuilder::jsonp)) | it hands a connection's messages to any page |
//! | secrets have defaults | the secret is required, and without `admin_secret` there is no `/admin` | |
//! | `allow_cors` is looked for anywhere in an origin | it is the page's host, or one above it | `example.com.attacker.net` |
//! | `X-Forwarded-For`, `X-Scheme`, `X-Script-Name` of anybody | of [trusted proxies](ChannelStreamBuilder::trusted_proxies); nesting instead of `X-Script-Name` | a client could say anything |
//! | variables are read where there is no ini file | they win over the file | |
//! | a Flash policy server on port 10843 | none | |
//! | a user's connection ends up to a second after its socket | at once | |
//! | everything is kept for ever, or until the process ends | the limits below | everything is bounded |
//! | `history_size: 0` keeps everything | nothing | |
//! | `total_messages` counts deliveries | counts items | the proxy delivers |
//! | `/static/` has the JavaScript client; `signature_checker` names a class | they are left out | |
//!
//! `wire = 0.2` ([`Wire::First`]) answers as 0.2 does: `/subscribe` with a list, `/info` with the
//! connections of users, `/message` with `null`; frames have `date` beside `timestamp`, and presence
//! is `join` or `part`, as its description promises.
//!
//! # Limits
//! | what | limit | beyond it |
//! |---|---|---|
//! | the body of a request | 1 MiB ([`max_body`](ChannelStreamBuilder::max_body)) | 413 |
//! | messages of a request | 10 000 | 422 |
//! | a frame, with all that it is kept with | 256 KiB | 422 |
//! | channels of a connection | 100 ([`max_channels`](ChannelStreamBuilder::max_channels)) | 422 |
//! | a user's state, or the names of a connection's channels, as JSON | about 16 KiB | 422 |
//! | frames that are kept for whoever has missed them | 100 of a channel, 50 of a user | the oldest are dropped |
//! | history of a channel | `history_size`, at most 10 000 | the oldest are dropped |
//! | users in a list | 10 000 | left out |
//! | a connection without a socket or a poll | 15 s | it ends |
//! | a connection whose proxy is not heard of | 65 s | it ends |
//! | a user without activity | a day | it is forgotten |
//! | a channel that nobody uses; its frames and history after the last of them | 30 days | they are forgotten |
//! | a poll | 5 s | `[]` |
//! | what one turn of a socket, or a poll, sends of what was missed | 900 000 bytes; 1 MiB | left out |
//!
//! # Sockets and polls
//! A socket gets `[]` every 5 s, and what it sends counts as a word of the browser. The proxy asks
//! every 20 s where nothing comes. A call that changes the channels of an open socket has the proxy
//! make a turn, in which the socket subscribes, and waits for that up to a quarter of a second. Pushpin
//! 1.36 refuses the item that asks for such a turn, and has a command socket for it
//! ([`refreshing`](ChannelStreamBuilder::refreshing)). Where that is not set the browser's next frame
//! makes the turn: its heartbeat comes every 10 s, and what it has missed meanwhile comes with it.
//!
//! Until a socket's subscription is in effect, frames pass it by. A hub makes a turn for them at once.
//! Pushpin does not, so what was sent within a quarter of a second is sent again: where `refreshing` is
//! set 50 ms and a second later, otherwise with the browser's next frame. So a frame may come twice, of
//! one `uuid`, but none is lost.
//!
//! A poll that has nothing to hear is held for 5 s. What comes makes the proxy ask again, and the
//! poll is answered 0.25 s later with all that there is, as channelstream does. Behind Pushpin a poll
//! may take 1.2 s more.
//!
//! # Several processes
//! With a [`state`](ChannelStreamBuilder::state) that processes share, any of them may have the next
//! request of a browser or of the backend, and exactly one drops a connection that has ended. Where
//! the hub is inside of each, a relay joins the hubs. The state has to be this application's alone:
//! it removes whoever is no longer present in it.
//!
//! A private message in a channel goes by the proxy's filter `require-sub`, which Pushpin does not
//! apply to WebSockets: behind it, [`address_sockets`](ChannelStreamBuilder::address_sockets). The
//! program does so behind any proxy that is not inside.
//!
//! Behind Pushpin raise `connection_subscription_max`, which is 20, to two more than a connection has
//! channels.
//!
//! [channelstream]: https://github.com/Channelstream/channelstream

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-channelstream/latest")]

mod access;
mod admin;
mod api;
mod app;
mod builder;
mod cors;
mod counts;
mod demo;
mod error;
mod listen;
mod name;
mod nudge;
mod settings;
mod signer;
mod socket;
mod store;
mod sweep;
mod wire;

pub use self::{
    builder::{ChannelStream, ChannelStreamBuilder},
    wire::Wire,
};
