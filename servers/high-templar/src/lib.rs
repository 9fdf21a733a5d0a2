//! Rooms over WebSockets for an API that only speaks HTTP.
//!
//! A browser connects; the backend says once, over HTTP, which rooms its user may enter; the browser
//! subscribes; and whatever the backend sends to RabbitMQ, or by a signed POST, reaches the room. It
//! takes the place of [high-templar] 3.1.0, frame for frame, and adds what that one's description
//! promises: the trigger endpoint, and `*` in rooms.
//!
//! It is an application of gripware like any other. A turn of a client is an ordinary request, rooms
//! are channels, and a trigger is an item: so the same router works with the hub inside, behind the
//! hub as a program, and behind Pushpin.
//!
//! ```
//! use axum::{Json, Router, routing::get};
//! use gripware_hub::Hub;
//! use gripware_templar::{Backend, Rooms, Templar};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The backend is an HTTP address, a unix socket, or a router of this process.
//! let rooms = json!({"allowed_rooms": [{"target": "chat", "customer": "*"}]});
//! let api = Router::new().route("/bootstrap/", get(|| async { Json(rooms) }));
//!
//! // A connection may have as many subscriptions as the hub lets it have channels and meta: 1000.
//! let hub = Hub::builder().max_channels(1001).max_meta(1000).build()?;
//! let templar = Templar::builder(&hub.grip(), Backend::service(api))
//!     .trigger_key("a key that the backend has")?
//!     .rooms(Rooms::Wildcard)
//!     .build()?;
//! let app = templar.router(); // hub.serve(listener, app).await?;
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # The wire
//! | from | frame or request | |
//! |---|---|---|
//! | client | `GET /ws/`, a WebSocket | the backend is asked `GET bootstrap/` with the headers of [`HeaderMapping`]; it answers `{"allowed_rooms": [{…}, …]}`, or another status than 200 |
//! | us | `{"is_authorized": true, "is_authenticated": true, "allowed_rooms": […]}` | or `false` and a close with 1000. A backend that cannot be reached, or answers no JSON, makes the handshake a 500 |
//! | client | `ping` | `pong` |
//! | client | `{"type": "subscribe", "room": {…}, "requestId": …}` | `{"code": "success"}`, or `{"code": "error", "message": …}` |
//! | client | `{"type": "unsubscribe", "requestId": …}` | the same |
//! | client | `{"type": "status", "key": KEY}` | [`Status`], for whoever has a trigger key |
//! | backend | `{"rooms": [{…}, …], "data": …}` to RabbitMQ's exchange `hightemplar` with the routing key `*`, or to `POST /trigger/` | each subscription of the rooms gets `{"type": "publish", "data": …, "requestId": …}` |
//! | backend | `{"recheck": {"cookie": …}}`, `{"recheck": {"user": …}}` or `{"recheck": {"room": {…}}}` to `POST /trigger/` | permissions of the user with that session cookie or [id](TemplarBuilder::user_id_path), or of whoever hears the room, are asked for again; a subscription that is no longer allowed ends with `{"type": "unsubscribed", "requestId": …, "room": {…}}` |
//!
//! A permission allows a room that has the same members, each with the permission's value, or any
//! if that is `"*"`. A refusal is one of `room-not-found`, `no-request-id`, `not-subscribed`,
//! `message-type-not-allowed`, `non-json-message`, `invalid-room`, `invalid-request-id` and
//! `too-many-subscriptions`.
//!
//! `POST /trigger/` is signed as [Standard Webhooks] has it, see [`gripware_core::webhook`], or
//! shows the key as `Authorization: Bearer KEY`. 401: neither; 403: wrong; 409: seen before; 400: no
//! trigger; 502: the proxy has not taken it. In a Django backend, with the key as `TEMPLAR_KEY` and the
//! address as `TEMPLAR_URL` in its settings:
//!
//! ```python
//! import base64, hmac, json, time, urllib.request, uuid
//! from django.conf import settings
//!
//! def trigger(rooms, data):
//!     body = json.dumps({"rooms": rooms, "data": data}).encode()
//!     id, now = str(uuid.uuid4()), str(int(time.time()))
//!     tag = hmac.digest(settings.TEMPLAR_KEY, f"{id}.{now}.".encode() + body, "sha256")
//!     signature = "v1," + base64.b64encode(tag).decode()
//!     headers = {"webhook-id": id, "webhook-timestamp": now, "webhook-signature": signature}
//!     request = urllib.request.Request(settings.TEMPLAR_URL + "/trigger/", body, headers)
//!     urllib.request.urlopen(request, timeout=10).close()
//! ```
//!
//! # Differences from high-templar 3.1.0
//! | high-templar | here | why |
//! |---|---|---|
//! | `is_authorized` alone | `is_authenticated` beside it | its description promises that one |
//! | `status` for every client | for whoever shows the trigger key, else `message-type-not-allowed` | it tells a stranger how many clients there are |
//! | a page of any site may connect with its visitor's cookies | pages of the own host, and those that [`GripBuilder::allowed_origins`](gripware_axum::gripware_publish::GripBuilder::allowed_origins) names | cross-site WebSocket hijacking |
//! | no trigger endpoint | `POST /trigger/`, if there is a key | its description promises it |
//! | JSON that is no object, and `subscribe` without a room, end the connection | `non-json-message`, `invalid-room` | a client learns what is wrong |
//! | `on_connect` runs for refused users too | for those that are let in | who is online is who was let in |
//! | a room and an id are as long as they like, a connection has any number of subscriptions | 4096 and 256 bytes, [`max_subscriptions`](TemplarBuilder::max_subscriptions), 4 request ids of a connection for one room; over them an error frame | everything is bounded |
//! | every frame waits in memory for a slow client | a bounded queue: a slow client is closed with 1013 | one client harms nobody else |
//! | `ws_messages_received` stays 0 | is counted | |
//! | `online_since` in words | in Unix seconds | a machine reads it |
//! | `X-Real-IP` of whoever connects is believed | the hub's own knowledge, unless `--trust-forwarded` | a client could say anything |
//! | a redirect of the backend is followed | it is a refusal | cookies stay where they belong |
//! | `REQUEST_KWARGS` has any argument of aiohttp | `timeout` and `params`; the program names each other one that would do nothing, and ends | a setting that does nothing misleads |
//! | `USER_ID_PATH` is not read in versions 3, nor `FORWARD_IP` | the one names a user whose permissions have changed; the other is `X-Forwarded-For`, as in versions 2 | they stand in the settings of whoever comes from there |
//!
//! # Limits
//! | what | limit | beyond it |
//! |---|---|---|
//! | rooms of a trigger | 10 000 | 400, or dropped where it came from the broker |
//! | a trigger | 1 MiB | 413, or dropped where it came from the broker |
//! | connections that ask the backend at a time | 100 | wait |
//! | answer of the backend | 1 MiB, 30 s | 500 |
//! | signed requests whose ids are remembered | 100 000 in 600 s | 503 |
//! | hooks under way | 256, and 10 000 that wait for users who have gone | left out and counted |
//! | triggers that were fetched from the broker and not dealt with | 256 | stay in the broker |
//!
//! # Several processes
//! | | what is known of connections | triggers of the broker |
//! |---|---|---|
//! | one process, or several with the hub inside each | in the process that has the connection | a queue of its own: each process publishes each trigger to its own clients |
//! | with the hubs inside joined by a relay | the same; for `recheck` by rooms and [`Rooms::Wildcard`], in a [`state`](TemplarBuilder::state) | [`shared`](Broker::shared): one of them publishes each trigger to the clients of all |
//! | behind Pushpin, or the hub as a program | one process: in it; several: in a state | shared |
//!
//! With a state any process may have the next turn of a connection, and one that is started again
//! knows the connections that it had. A turn then takes two or three round trips to it, and a turn
//! that it fails is a 503, with which the proxy closes the connection. Without one, the turn of a
//! connection that another process has opened closes it with 1012, and the client comes back.
//!
//! The rooms that somebody hears are found by presence: each is in one set for all rooms with the
//! names of its members, and in one for each of its first eight values, of which a trigger reads the
//! smallest that has all it fits.
//!
//! Behind Pushpin a connection may have 19 subscriptions, as one may have 20 channels there: it drops
//! the others in silence. For more raise its `connection_subscription_max`, and the limits of the
//! [`Grip`](gripware_axum::Grip) by
//! [`limits_with`](gripware_axum::gripware_publish::GripBuilder::limits_with) as well.
//!
//! `recheck` is made of an item that Pushpin knows from 1.38 on. An older one refuses it, which is a
//! 502 for the backend, and needs its [command socket](TemplarBuilder::command_socket).
//!
//! # Who is online
//! [`Hooks`] tell the backend, and [`NotifyOnline`] is that of high-templar. Each user who was told of as
//! come is told of as gone: after the client has gone, after its idle time, when a proxy has lost it
//! and nothing is heard of it for twice the idle time and a minute, when this process was started again
//! behind a proxy and the client next speaks, and when the program ends. With a state another process
//! tells of the users of one that was killed, for which the headers that the backend sees are kept
//! there, up to 16 KiB. Killed with the hub inside and without a state, nobody knows who was there.
//!
//! # Publishing past all of this
//! A trigger is nothing but items, [`Trigger::items`], which any GRIP publisher may publish. With
//! [`Rooms::Exact`] that is all which happens to one.
//!
//! [high-templar]: https://github.com/CodeYellowBV/high-templar
//! [Standard Webhooks]: https://www.standardwebhooks.com/

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-templar/latest")]

mod amqp;
mod app;
mod backend;
mod build_error;
mod builder;
mod connection;
mod counts;
mod deliver_error;
mod endpoint;
mod frame;
mod handshake;
mod hex;
mod hook_runner;
mod hooks;
mod recheck;
mod room;
mod sessions;
mod trigger;
mod turn;

pub use self::{
    amqp::{Broker, BrokerError},
    backend::{Backend, BackendAddressError},
    build_error::BuildError,
    builder::{Rooms, Templar, TemplarBuilder},
    counts::Status,
    deliver_error::DeliverError,
    handshake::{HeaderMapping, HeaderSource},
    hooks::{HookFuture, Hooks, NotifyOnline, User},
    room::{Room, RoomError},
    trigger::{Trigger, TriggerError},
};
