//! What a backend and browsers get, beyond what the script beside the original plays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use axum::{Router, routing::get};
use gripware_channelstream::Wire;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::Site;

#[tokio::test]
async fn what_nobody_can_mean_is_a_clear_4xx() {
    let site = Site::new().await;
    let deep = "[".repeat(100_000);
    let many = format!("[{}]", vec!["{}"; 10_001].join(","));
    for path in [
        "/connect",
        "/subscribe",
        "/unsubscribe",
        "/user_state",
        "/user_status",
        "/message",
        "/channel_config",
        "/info",
        "/disconnect",
    ] {
        for body in [
            &b"{"[..],
            b"\xff\xfe",
            b"null",
            b"\"text\"",
            b"[[]]",
            b"[null]",
            b"{\"username\": {}, \"conn_id\": [], \"channels\": {}, \"user\": 1, \"info\": []}",
            br#"{"a": {"store_history": {}}, "conn_id": "\ud800", "username": "\ud800"}"#,
            deep.as_bytes(),
            many.as_bytes(),
        ] {
            let start = String::from_utf8_lossy(body.get(..20).unwrap_or(body));
            let methods = match path {
                "/message" => &[Method::POST, Method::PATCH, Method::DELETE][..],
                _ => &[Method::POST],
            };
            for method in methods {
                let answer = site.raw(method.clone(), path, body.to_vec()).await;
                let (status, text) = (answer.status, &answer.text);
                assert!(
                    status.is_client_error(),
                    "{method} {path} {start}: {status} {text}"
                );
                assert!(answer.json().is_object(), "{method} {path} {start}: {text}");
            }
        }
        let large = vec![b' '; (1 << 20) + 1];
        let answer = site.raw(Method::POST, path, large).await;
        assert_eq!(answer.status, 413, "{path}");
    }
    for path in [
        "/listen",
        "/listen?conn_id=",
        "/listen?conn_id=%ff",
        "/ws?conn_id=1",
        "/ws",
    ] {
        let answer = site.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
}

#[tokio::test]
async fn values_that_are_too_long_to_be_kept_are_refused() {
    let site = Site::new().await;
    let long = "x".repeat(20_000);
    let state = json!({"username": "a", "user_state": {"k": long}});
    let (status, told) = site.refused("/connect", state).await;
    assert_eq!(status, 422);
    assert!(
        told["request"][0]
            .as_str()
            .unwrap()
            .contains("over the limit"),
        "{told}"
    );
    let long = "x".repeat(300_000);
    site.call("/connect", json!({"username": "a", "channels": ["c"]}))
        .await;
    let message = json!([{"user": "a", "channel": "c", "message": {"text": long}}]);
    assert_eq!(site.refused("/message", message).await.0, 422);
}

#[tokio::test]
async fn a_connection_has_as_many_channels_as_it_may_have() {
    let site = Site::with(|builder| builder.max_channels(2)).await;
    let too_many = json!({"username": "a", "channels": ["1", "2", "3"]});
    let told = json!({"channels": ["Longer than maximum length 2."]});
    assert_eq!(
        site.refused("/connect", too_many).await,
        (422, told.clone())
    );
    let mut browser = site.open("a", &["1", "2"]).await;
    let more = json!({"conn_id": browser.id, "channels": ["3"]});
    assert_eq!(site.refused("/subscribe", more).await, (422, told));
    browser.is_quiet().await;
}

/// Names with what stands between the entries of a list, or may stand in no channel's name.
#[tokio::test]
async fn users_and_channels_may_have_any_name() {
    let site = Site::new().await;
    let room = "a \"room\",\r\n\u{0}with %(user)s ☃";
    let names = ["anna,bob", "anna", "bob", " anna ", "b\nob"];
    let mut browsers = Vec::new();
    for name in names {
        browsers.push(site.open(name, &[room]).await);
    }
    let message = |n: u64| json!({"user": "x", "channel": room, "message": {"n": n}});
    for (n, name) in (0..).zip(names) {
        let mut only_for = message(n);
        only_for["pm_users"] = json!([name]);
        let mut not_for = message(100 + n);
        not_for["exclude_users"] = json!([name]);
        site.call("/message", json!([only_for, not_for])).await;
        for (other, browser) in names.iter().zip(&mut browsers) {
            let heard = if *other == name { n } else { 100 + n };
            assert_eq!(
                browser.hears().await,
                json!({"n": heard}),
                "{name:?} {other:?}"
            );
        }
    }
}

#[tokio::test]
async fn who_has_missed_something_gets_it_once_and_nothing_that_is_for_others() {
    let site = Site::new().await;
    let connected = site
        .call(
            "/connect",
            json!({"username": "anna", "channels": ["room"]}),
        )
        .await;
    let message = |n: u64, more: Value| {
        let mut message = json!({"user": "x", "channel": "room", "message": {"n": n}});
        message
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        message
    };
    let messages = json!([
        message(1, json!({})),
        message(2, json!({"exclude_users": ["anna"]})),
        message(3, json!({"pm_users": ["bob"]})),
        message(4, json!({"pm_users": ["anna"]})),
        message(5, json!({"channel": null, "pm_users": ["anna"]})),
    ]);
    site.call("/message", messages).await;
    let mut browser = site.socket(connected["conn_id"].as_str().unwrap()).await;
    for n in [1, 4, 5] {
        let frame = browser.next().await.unwrap();
        assert_eq!(
            (&frame["message"]["n"], &frame["catchup"]),
            (&json!(n), &json!(true))
        );
    }
    browser.is_quiet().await;
    site.call("/message", json!([message(6, json!({}))])).await;
    assert_eq!(browser.next().await.unwrap()["catchup"], json!(false));
}

#[tokio::test]
async fn no_history_has_a_private_message() {
    let site = Site::new().await;
    let settings = json!({"room": {"store_history": true}});
    site.call("/channel_config", settings).await;
    let messages = json!([
        {"user": "x", "channel": "room", "message": {"n": 1}},
        {"user": "x", "channel": "room", "message": {"n": 2}, "pm_users": ["anna"]},
        {"user": "x", "channel": "room", "message": {"n": 3}, "no_history": true},
    ]);
    site.call("/message", messages).await;
    let info = site.call("/info", json!({"channels": ["room"]})).await;
    let history = info["channels"]["room"]["history"].as_array().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history.first().unwrap()["message"], json!({"n": 1}));
}

#[tokio::test]
async fn a_channel_without_frames_replays_nothing() {
    let site = Site::new().await;
    site.call("/channel_config", json!({"room": {"store_frames": false}}))
        .await;
    let connected = site
        .call(
            "/connect",
            json!({"username": "anna", "channels": ["room"]}),
        )
        .await;
    let message = json!([{"user": "x", "channel": "room", "message": {"n": 1}}]);
    site.call("/message", message.clone()).await;
    let mut browser = site.socket(connected["conn_id"].as_str().unwrap()).await;
    browser.is_quiet().await;
    site.call("/message", message).await;
    assert_eq!(browser.hears().await, json!({"n": 1}));
}

#[tokio::test]
async fn a_connection_belongs_to_one_user_and_to_its_newest_socket() {
    let site = Site::new().await;
    let mut first = site.open("anna", &["room"]).await;
    let other = json!({"username": "bob", "conn_id": first.id});
    assert_eq!(site.refused("/connect", other).await.0, 422);
    let mut second = site.socket(&first.id).await;
    first.is_closed().await;
    // Its end is told late, and ends nothing.
    let message = json!([{"user": "x", "channel": "room", "message": {"n": 1}}]);
    site.call("/message", message).await;
    assert_eq!(second.hears().await, json!({"n": 1}));
    second.is_quiet().await;
    let gone = json!({"conn_id": second.id});
    assert_eq!(site.call("/disconnect", gone.clone()).await, json!(true));
    assert_eq!(site.call("/disconnect", gone).await, json!(false));
    second.is_closed().await;
}

#[tokio::test]
async fn jsonp_is_for_those_who_have_switched_it_on() {
    for (allowed, status) in [(false, 422), (true, 200)] {
        let site = Site::with(|builder| builder.jsonp(allowed)).await;
        let connected = site
            .call("/connect", json!({"username": "a", "channels": ["c"]}))
            .await;
        let id = connected["conn_id"].as_str().unwrap();
        site.call(
            "/message",
            json!([{"user": "a", "channel": "c", "message": {}}]),
        )
        .await;
        let answer = site
            .get(&format!("/listen?conn_id={id}&callback=a.b"))
            .await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.text.starts_with("a.b([{"), allowed);
        let script = format!("/listen?conn_id={id}&callback=alert(1)//");
        assert_eq!(site.get(&script).await.status, 422);
    }
}

#[tokio::test]
async fn a_token_may_have_to_sign_the_path() {
    let site = Site::with(|builder| builder.sign_paths(true)).await;
    // The token of the tests signs this one.
    site.call("/connect", json!({"username": "a"})).await;
    assert_eq!(site.refused("/info", json!({"channels": []})).await.0, 401);
}

#[tokio::test]
async fn the_administrator_signs_in_and_sees_everything() {
    let site = Site::with(|builder| builder.admin("admin", "p4ssword", None)).await;
    let _browser = site.open("anna", &["room"]).await;
    let page = site.get("/admin").await;
    assert_eq!(
        (page.status.as_u16(), &page.headers["location"]),
        (303, &"/admin/sign_in".parse().unwrap())
    );
    let sign_in = |password: &'static str| {
        Request::post("/admin/sign_in")
            .header("host", "a")
            .body(Full::from(format!("username=admin&password={password}")))
            .unwrap()
    };
    assert_eq!(site.request(sign_in("wrong")).await.status, 403);
    let signed_in = site.request(sign_in("p4ssword")).await;
    assert_eq!(signed_in.status, 303);
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for (path, told) in [
        ("/admin", "<h1>"),
        ("/admin/admin.json", r#""user":"anna""#),
        ("/openapi.json", "\"swagger\""),
        ("/metrics", "\nchannelstream_connections 1\n"),
    ] {
        let request = |cookie: &str| {
            let request = Request::get(path)
                .header("host", "a")
                .header("cookie", cookie);
            request.body(Full::default()).unwrap()
        };
        let answer = site.request(request(cookie)).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text.contains(told), "{path}: {}", answer.text);
        let forged = site
            .request(request("channelstream_admin=admin.aaaa.bbbb"))
            .await;
        assert_ne!(forged.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_application_has_it_beside_its_own_routes() {
    let site = Site::mounted(
        |builder| builder.admin("admin", "p4ssword", None),
        |router| {
            let own = get(|| async { "the application's own" });
            Router::new().route("/", own).nest("/live/stream", router)
        },
    )
    .await;
    assert_eq!(site.get("/").await.text, "the application's own");
    let body = json!({"username": "anna", "channels": ["room"]});
    let connected = site.call("/live/stream/connect", body).await;
    let id = connected["conn_id"].as_str().unwrap();
    let mut browser = site.socket_at("/live/stream/ws", id).await;
    let message = json!([{"user": "x", "channel": "room", "message": {"n": 1}}]);
    site.call("/live/stream/message", message).await;
    assert_eq!(browser.hears().await, json!({"n": 1}));
    let page = site.get("/live/stream/admin").await;
    assert_eq!(page.headers["location"], "/live/stream/admin/sign_in");
}

#[tokio::test]
async fn with_the_wire_of_0_2_answers_and_frames_are_as_it_has_them() {
    let site = Site::with(|builder| builder.wire(Wire::First)).await;
    let connected = json!({"username": "anna", "conn_id": "of 0.2", "channels": ["a"]});
    let answer = site.call("/connect", connected).await;
    assert_eq!(answer, json!({"conn_id": "of 0.2", "status": 1}));
    let mut browser = site.socket("of%200.2").await;
    let subscribed = site
        .call(
            "/subscribe",
            json!({"conn_id": "of 0.2", "channels": ["b"]}),
        )
        .await;
    assert_eq!(subscribed, json!(["a", "b"]));
    let unknown = site
        .refused("/subscribe", json!({"conn_id": "x", "channels": ["b"]}))
        .await;
    assert_eq!(unknown, (403, json!({"error": "Unknown connection"})));
    let refused = site.refused("/connect", json!({"channels": ["a"]})).await;
    assert_eq!(refused, (400, json!({"error": "No username specified"})));
    assert_eq!(
        site.call("/user_status", json!({"user": "anna", "status": 3}))
            .await,
        json!({})
    );

    let message = json!({"user": "x", "channel": "b", "message": "hi",
        "timestamp": "2011-09-15T11:36:18.471862"});
    assert_eq!(site.call("/message", message).await, Value::Null);
    let frame = json!({"date": "2011-09-15T11:36:18.471", "timestamp": "2011-09-15T11:36:18.471",
        "message": "hi", "type": "message", "user": "x", "channel": "b"});
    assert_eq!(browser.next().await, Some(frame));
    let info = site.call("/info", json!({"channels": ["a"]})).await;
    let users = json!([{"user": "anna", "status": 3, "connections": ["of 0.2"]}]);
    assert_eq!(info["channels"]["a"]["users"], users);
    assert_eq!(info["unique_users"], json!(1));

    site.call("/channel_config", json!({"a": {"notify_presence": true}}))
        .await;
    let bob = site.open("bob", &["a"]).await;
    let joined = browser.next().await.unwrap();
    assert_eq!(
        (&joined["type"], &joined["message"]),
        (&json!("join"), &Value::Null)
    );
    bob.close().await;
    assert_eq!(browser.next().await.unwrap()["type"], json!("part"));
}
