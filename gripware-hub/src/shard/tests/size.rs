use std::{rc::Rc, sync::Arc};

use gripware_core::proxy::Resync;

use super::{
    super::{connection::Connection, subscribe::Follower},
    line::answer,
    *,
};
use crate::{
    channels::encoded_item::EncodedItem,
    session::{
        WsSession, links::Links, response::ResponseSession, stream::StreamSession,
        subscription::Subscription, websocket::WebSocketSession,
    },
};

#[test]
fn a_held_client_is_small() {
    let sizes = [
        ("connection", size_of::<Connection>()),
        ("subscription", size_of::<Subscription>()),
        ("follower", size_of::<Follower>()),
        ("response", size_of::<ResponseSession>()),
        ("stream", size_of::<StreamSession>()),
        ("resync", size_of::<Resync<Arc<EncodedItem>>>()),
        ("links", size_of::<Links>()),
        ("websocket", size_of::<WebSocketSession>()),
        ("websocket session", size_of::<WsSession>()),
    ];
    println!("{sizes:?}");
    let of = |name| sizes.iter().find(|it| it.0 == name).unwrap().1;
    for kind in ["response", "stream", "websocket"] {
        let all = of("connection") + of("subscription") + of("follower") + of(kind);
        println!("{kind}: {all} bytes, and the headers that it keeps");
        assert!(all <= 900, "{kind}: {all} bytes");
    }
}

#[test]
fn a_held_client_owns_no_more_room_than_it_uses() {
    TestShard::play(async |line: TestShard| {
        let held = answer("Grip-Hold: stream\nGrip-Channel: a", "");
        let _client = line.stream(held, 100).await;
        let connection = line.shard.by_id.borrow().values().next().map(Rc::clone);
        let connection = connection.unwrap();
        connection.with(|state| {
            assert_eq!(state.session.client.subscriptions.capacity(), 1);
            assert_eq!(state.unread.capacity(), 0);
        });
    });
}
