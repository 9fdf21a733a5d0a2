use std::cell::RefCell;

use gripware_interop::{
    AXUM, Difference, Frame, Front, Layout, NativeOrigin, Place, Site, Socket, scenario,
};
use serde_json::json;

use crate::{
    Expected, agree,
    http::{features, forwarded},
    origin, replaced,
    transcript::Transcript,
    without,
};

const GRIP: (&str, &str) = ("sec-websocket-extensions", "grip");

/// Plays a scenario of an origin that speaks WebSocket itself, behind both.
async fn compare(
    play: impl AsyncFn(&Site, &mut NativeOrigin, &mut Transcript),
    expected: Vec<Expected<'_>>,
) {
    let pushpin = written(Front::Pushpin, &play).await;
    let hub = written(Front::HubProgram, &play).await;
    agree(pushpin, hub, expected);
}

async fn written(
    front: Front,
    play: &impl AsyncFn(&Site, &mut NativeOrigin, &mut Transcript),
) -> String {
    let layout = Layout {
        front,
        origin: AXUM,
    };
    let transcript = RefCell::new(String::new());
    scenario(async || {
        let answer = |request: &_| origin::answer(request).expect("a path that says its answer");
        let mut native = NativeOrigin::start(Place::new().free_address(), answer).await;
        let site = Site::with(layout).native(native.address()).recorded();
        let site = site.start().await;
        let mut log = Transcript::of(&site);
        play(&site, &mut native, &mut log).await;
        transcript.replace(log.end(&site));
    })
    .await;
    transcript.into_inner()
}

/// A client's WebSocket, and the origin's end of it.
async fn opened(site: &Site, native: &mut NativeOrigin, path: &str) -> [Socket; 2] {
    let client = site.socket(path).await;
    let (_, origin) = native.accepts().await;
    [client, origin]
}

fn grip() -> String {
    origin::native(101, &[GRIP], "")
}

#[tokio::test]
async fn a_handshake_with_its_headers() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let headers = [
            ("cookie", "a=1"),
            ("origin", "http://elsewhere"),
            ("authorization", "Bearer x"),
            ("sec-websocket-protocol", "p1, p2"),
            ("meta-user", "forged"),
            ("grip-sig", "forged"),
        ];
        let said = [
            GRIP,
            ("sec-websocket-protocol", "p2"),
            ("x-own", "1"),
            ("set-cookie", "b=2"),
        ];
        let path = origin::native(101, &said, "");
        let mut client = site.try_socket(&path, &headers).await.expect("a WebSocket");
        let (request, mut origin) = native.accepts().await;
        log.request(&request);
        log.socket("opens", &client);
        origin.sends("m:hello").await;
        log.frame("gets", &mut client).await;
    };
    let meta = Expected::of_pushpin(Difference::NATIVE_META, without(&["  meta-user: "]));
    let expected = vec![features(), forwarded(), meta];
    compare(play, expected).await;
}

#[tokio::test]
async fn what_both_sides_say_in_its_kind() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let [mut client, mut origin] = opened(site, native, &grip()).await;
        for text in ["m:text", "m:", "dropped", "c:no JSON", "m:last"] {
            origin.sends(text).await;
        }
        origin.sends("c:{\"type\":\"unknown\"}").await;
        origin.sends_binary(b"m:\x00\xff").await;
        origin.sends_binary(b"c:{\"type\":\"detach\"}").await;
        origin.sends("m:after all").await;
        for _ in 0..5 {
            log.frame("gets", &mut client).await;
        }
        for text in ["one", "", "m:two", "c:{\"type\":\"detach\"}"] {
            client.sends(text).await;
            log.frame_of("origin", "gets", &mut origin).await;
        }
        client.sends_binary(b"\x00\xff").await;
        log.frame_of("origin", "gets", &mut origin).await;
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn prefixes_are_what_the_origin_says() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        for (extension, prefix) in [
            ("grip", "m:"),
            ("grip; message-prefix=\"\"", ""),
            ("grip; message-prefix=\">>\"", ">>"),
            ("grip; message-prefix=p-", "p-"),
        ] {
            let path = origin::native(101, &[("sec-websocket-extensions", extension)], "");
            let [mut client, mut origin] = opened(site, native, &path).await;
            log.socket(extension, &client);
            for text in ["m:a", ">>b", "p-c", "d", "c:{\"type\":\"unknown\"}"] {
                origin.sends(text).await;
            }
            origin.sends(&format!("{prefix}end")).await;
            loop {
                let frame = client.next().await;
                log.note(format!("{extension}: {frame:?}"));
                if frame == Frame::Text("end".to_owned()) {
                    break;
                }
            }
        }
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn control_messages_are_obeyed_and_items_come_in_between() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let [mut client, mut origin] = opened(site, native, &grip()).await;
        for control in [
            r#"{"type":"subscribe","channel":"a","filters":["skip-self","var-subst"]}"#,
            r#"{"type":"subscribe","channel":"b"}"#,
            r#"{"type":"subscribe","channel":"c"}"#,
            r#"{"type":"unsubscribe","channel":"b"}"#,
            r#"{"type":"set-meta","name":"user","value":"anna"}"#,
            r#"{"type":"subscribe"}"#,
        ] {
            origin.sends(&format!("c:{control}")).await;
        }
        origin.sends("m:subscribed").await;
        log.frame("gets", &mut client).await;
        site.subscriptions("a", 1).await;
        site.subscriptions("c", 1).await;
        for item in [
            json!({"channel": "a", "ws-message": {"content": "to %(user)s"}}),
            json!({"channel": "a", "meta": {"sender": "anna"}, "ws-message": {"content": "own"}}),
            json!({"channel": "b", "ws-message": {"content": "no"}}),
            json!({"channel": "c", "ws-message": {"content-bin": "AP8="}}),
            json!({"channel": "c", "ws-message": {"content": "hi", "type": "binary"}}),
            json!({"channel": "c", "ws-message": {"action": "hint"}}),
            json!({"channel": "c", "ws-message": {"content": "last"}}),
        ] {
            site.publish(&item.to_string()).await;
        }
        for _ in 0..4 {
            log.frame("gets", &mut client).await;
        }
        for control in [
            r#"{"type":"send-delayed","content":"one","timeout":1}"#,
            r#"{"type":"send-delayed","content":"two","timeout":60}"#,
            r#"{"type":"flush-delayed"}"#,
        ] {
            origin.sends(&format!("c:{control}")).await;
        }
        log.frame("gets", &mut client).await;
        log.frame("gets", &mut client).await;
        origin
            .sends(r#"c:{"type":"keep-alive","content":"still here","timeout":1}"#)
            .await;
        log.frame("gets", &mut client).await;
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn a_side_closes_with_a_code() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        for (code, reason) in [(1000, ""), (4001, "bye")] {
            let [mut client, mut origin] = opened(site, native, &grip()).await;
            client.closes(code, reason).await;
            // The answer of an end goes out when it reads on.
            log.frame_of("origin", "is closed", &mut origin).await;
            log.frame_of("origin", "ends", &mut origin).await;
            log.frame("is answered", &mut client).await;

            let [mut client, mut origin] = opened(site, native, &grip()).await;
            origin.sends("m:last").await;
            // Pushpin may lose what is on its way when a close comes.
            log.frame("gets", &mut client).await;
            origin.closes(code, reason).await;
            log.frame("is closed", &mut client).await;
            log.frame("ends", &mut client).await;
            log.frame_of("origin", "is answered", &mut origin).await;
        }
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn a_side_vanishes() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let [client, mut origin] = opened(site, native, &grip()).await;
        client.vanishes();
        log.frame_of("origin", "is left", &mut origin).await;

        let [mut client, mut origin] = opened(site, native, &grip()).await;
        origin.sends("m:last").await;
        log.frame("gets", &mut client).await;
        origin.vanishes();
        log.frame("is left", &mut client).await;
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn an_item_closes() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let [mut client, mut origin] = opened(site, native, &grip()).await;
        origin
            .sends(r#"c:{"type":"subscribe","channel":"a"}"#)
            .await;
        site.subscriptions("a", 1).await;
        site.publish(
            r#"{"channel": "a", "ws-message": {"action": "close", "code": 4001, "reason": "bye"}}"#,
        )
        .await;
        log.frame("is closed", &mut client).await;
        log.frame("ends", &mut client).await;
        log.frame_of("origin", "is told", &mut origin).await;
        log.frame_of("origin", "ends", &mut origin).await;
    };
    let told = replaced("told: Close(None)", "told: Close(Some((4001, \"bye\")))");
    let expected = Expected::of_pushpin(Difference::PUBLISHED_CLOSES, told);
    compare(play, vec![expected]).await;
}

#[tokio::test]
async fn a_detached_client_outlives_its_origin() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let [mut client, mut origin] = opened(site, native, &grip()).await;
        origin
            .sends(r#"c:{"type":"subscribe","channel":"a"}"#)
            .await;
        origin.sends("m:before").await;
        log.frame("gets", &mut client).await;
        site.subscriptions("a", 1).await;
        origin.sends(r#"c:{"type":"detach"}"#).await;
        log.frame_of("origin", "is left", &mut origin).await;
        log.frame_of("origin", "ends", &mut origin).await;
        client.sends("to nobody").await;
        site.publish(r#"{"channel": "a", "ws-message": {"content": "item"}}"#)
            .await;
        log.frame("gets", &mut client).await;
        client.closes(4000, "enough").await;
        log.frame("closed", &mut client).await;
    };
    let answer = replaced("(1000, \"\")", "(4000, \"enough\")");
    let expected = Expected::of_pushpin(Difference::NATIVE_DETACHED_CLOSES, answer);
    compare(play, vec![expected]).await;
}

#[tokio::test]
async fn without_the_extension_it_is_the_application_s_own() {
    let play = async |site: &Site, native: &mut NativeOrigin, log: &mut Transcript| {
        let path = origin::native(101, &[("x-own", "1")], "");
        let [mut client, mut origin] = opened(site, native, &path).await;
        log.socket("opens", &client);
        for text in ["m:a", "b", r#"c:{"type":"subscribe","channel":"a"}"#] {
            origin.sends(text).await;
            log.frame("gets", &mut client).await;
            client.sends(text).await;
            log.frame_of("origin", "gets", &mut origin).await;
        }
        client.closes(4002, "enough").await;
        log.frame_of("origin", "is closed", &mut origin).await;
        log.frame_of("origin", "ends", &mut origin).await;
        log.frame("is answered", &mut client).await;
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn a_handshake_that_is_refused() {
    let play = async |site: &Site, _: &mut NativeOrigin, log: &mut Transcript| {
        for (status, headers) in [
            (403, &[("content-type", "text/plain"), ("x-own", "1")][..]),
            (401, &[("www-authenticate", "Basic")]),
            (302, &[("location", "/elsewhere")]),
            (200, &[("content-type", "text/plain")]),
        ] {
            let path = origin::native(status, headers, "no\n");
            let answer = site
                .request("GET", &path)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .send()
                .await;
            log.note(format!("client {path}: {}", answer.status()));
            log.rest(answer).await;
        }
    };
    let headers = without(&[
        "  content-type: ",
        "  location: ",
        "  www-authenticate: ",
        "  x-own: ",
    ]);
    let expected = Expected::of_hub(Difference::NATIVE_REFUSALS, headers);
    compare(play, vec![expected]).await;
}
