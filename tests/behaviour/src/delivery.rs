//! Whole round trips: what one client sets off, others get.

use gripware_test::Proxy;

use crate::Server;

async fn publish(proxy: &Proxy, what: &str, body: &'static str) {
    let answer = proxy.post(&format!("/publish/{what}")).body(body).await;
    answer.assert_status(200);
}

pub async fn an_item_reaches_all_kinds_of_holds(server: &Server) {
    for prefix in ["", "app-"] {
        let proxy = server.start_with_prefix(prefix).await;
        let poll = proxy.get("/hold/response?channel=a").hold().await;
        let named = proxy.get("/hold/instruct?mode=response&channel=a&channel=a%2Cb");
        let named = named.hold().await;
        let mut stream = proxy.get("/hold/stream?channel=a").hold().await;
        let mut events = proxy.get("/sse?channel=b").hold().await;
        let mut ws = proxy.open("/ws/room?channel=a&user=anna").await.accepted();
        stream.expect("[open]\n");
        events.expect("event: open\ndata: {}\n\n");

        publish(&proxy, "all?channel=a&code=201", "hi\n").await;
        for poll in [&poll, &named] {
            let answer = poll.answer();
            answer.assert_status(201).assert_text("hi\n");
            answer.assert_header("content-type", "text/plain");
        }
        stream.expect("hi\n");
        ws.expect_text("hi\n");
        events.expect_nothing();
    }
}

pub async fn a_room_hears_everybody_but_the_sender(server: &Server) {
    let proxy = server.start().await;
    let enter = |user: &str| format!("/ws/room?channel=a&user={user}&filter=skip-self");
    let mut anna = proxy.open(&enter("anna")).await.accepted();
    let mut ben = proxy.open(&enter("ben")).await.accepted();
    let mut cleo = proxy.open("/ws/room?channel=b&user=cleo").await.accepted();
    anna.text("hi").await;
    anna.expect_nothing();
    ben.expect_text("hi");
    cleo.expect_nothing();

    ben.close(1000, "").await;
    anna.text("ben?").await;
    assert_eq!(ben.receive(), None);
}

pub async fn an_item_closes_streams_and_sockets(server: &Server) {
    let proxy = server.start().await;
    let stream = proxy.get("/hold/stream?channel=a").hold().await;
    let mut room = proxy.open("/ws/room?channel=a&user=u").await.accepted();
    publish(&proxy, "close?channel=a&code=4001&reason=over", "").await;
    assert!(!stream.is_open());
    room.expect_close(4001, "over");
    assert!(
        room.transcript().contains("CLOSE 6\n"),
        "the client's answer is told: {room:?}"
    );
}

pub async fn a_hint_repeats_the_request(server: &Server) {
    let proxy = server.start().await;
    let poll = proxy.get("/hold/response?channel=a").hold().await;
    publish(&proxy, "hint?channel=a", "").await;
    assert!(poll.is_open());
    publish(&proxy, "http-response?channel=a", "x").await;
    poll.answer().assert_text("x");

    let mut stream = proxy.get("/feed/b").hold().await;
    proxy.refuse_items("lost");
    proxy.post("/feed/b").body("one").await.assert_status(502);
    proxy.take_items();
    stream.expect_nothing();
    publish(&proxy, "hint?channel=feed-b", "").await;
    // It does not follow the last id, so it counts as something missed.
    stream.expect("one\n");
}

pub async fn a_refresh_asks_for_every_socket(server: &Server) {
    let proxy = server.start().await;
    let mut first = proxy.open("/ws/room?channel=a&user=u").await.accepted();
    let mut second = proxy.open("/ws/room?channel=a&user=v").await.accepted();
    publish(&proxy, "refresh?channel=a", "").await;
    for ws in [&mut first, &mut second] {
        assert_eq!(ws.transcript().matches("> POST ").count(), 2, "{ws:?}");
        ws.expect_nothing();
    }
}
