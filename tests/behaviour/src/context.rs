//! What a handler learns of the proxy, and what needs none.

use gripware_test::Request;
use serde_json::{Value, json};

use crate::Server;

pub async fn a_plain_page_is_for_everybody(server: &Server) {
    let proxy = server.start().await;
    for request in [
        proxy.get("/plain"),
        proxy.get("/plain").direct(),
        proxy.get("/plain").unsigned(),
        proxy.get("/plain").forged(),
    ] {
        let answer = request.await;
        answer.assert_status(200).assert_text("plain\n");
        answer
            .assert_header("content-type", "text/plain")
            .assert_no_hold();
    }
}

async fn context(request: Request) -> Value {
    let answer = request.await;
    answer
        .assert_status(200)
        .assert_header("content-type", "application/json");
    answer.json()
}

pub async fn a_signed_request_is_believed(server: &Server) {
    let proxy = server.start().await;
    let request = proxy.get("/context").last("news", "4").last("a,b", "x");
    let context = context(request).await;
    assert_eq!(context["proxied"], true);
    assert_eq!(context["signed"], true);
    assert_eq!(context["last"], json!({"news": "4", "a,b": "x"}));
    let features = context["features"].as_array().unwrap();
    assert_eq!(features.len(), 9, "{features:?}");
    assert!(features.contains(&"link:next".into()), "{features:?}");
}

pub async fn a_request_that_is_not_rightly_signed_is_not_believed(server: &Server) {
    let proxy = server.start().await;
    let ask = || proxy.get("/context").last("news", "4");
    let nobody = json!({"proxied": false, "signed": false, "features": [], "last": {}});
    for (what, request) in [
        ("unsigned", ask().unsigned()),
        ("forged", ask().forged()),
        ("expired", ask().expired()),
        ("of another issuer", ask().signed_by("somebody-else")),
        ("no token", ask().signature("a.b.c")),
        ("empty", ask().signature("")),
        ("past the proxy", ask().direct()),
    ] {
        assert_eq!(context(request).await, nobody, "{what}");
    }
}

pub async fn last_ids_are_those_of_our_prefix(server: &Server) {
    let proxy = server.start_with_prefix("app-").await;
    let request = proxy
        .get("/context")
        .last("app-news", "4")
        .last("other-news", "5");
    assert_eq!(context(request).await["last"], json!({"news": "4"}));
}

pub async fn an_unknown_path_is_not_found(server: &Server) {
    let proxy = server.start().await;
    for path in ["/", "/nothing", "/hold", "/hold/none", "/publish", "/feed"] {
        proxy.get(path).await.assert_status(404).assert_text("");
    }
}
