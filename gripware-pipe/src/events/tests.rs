use std::io;

use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

async fn answer(events: &Events, method: &str, uri: &str, body: &str) -> (u16, String, Value) {
    let request = Request::builder().method(method).uri(uri);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = events.clone().oneshot(request).await.unwrap();
    let code = response.headers().get(RETURN_CODE);
    let code = code.map_or("", |code| code.to_str().unwrap()).to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        code,
        serde_json::from_slice(&body).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn time_and_cat_are_built_in() {
    let events = Events::built_in("server");
    let (status, code, body) = answer(&events, "GET", "/time", "").await;
    assert_eq!((status, code.as_str()), (200, "0"));
    assert!(body["time_from_server"].as_f64().unwrap() > 1.7e9);
    let (_, _, body) = answer(&events, "GET", "/cat//hello%20/world", "").await;
    assert_eq!(body, json!({"result_from_server": "hello world"}));
    let (_, _, body) = answer(&events, "HEAD", "/cat//a%2Fb/%C3%A9", "").await;
    assert_eq!(body, json!({"result_from_server": "a/bé"}));
    let (status, code, body) = answer(&events, "GET", "/cat//alone", "").await;
    assert_eq!((status, code.as_str()), (400, "400"));
    assert_eq!(
        body["exception"]["message"],
        "cat takes 2 parameters and was given 1"
    );
}

#[tokio::test]
async fn a_noun_without_a_handler_is_not_found_with_code_255() {
    let events = Events::built_in("client");
    for (method, uri) in [("GET", "/other"), ("POST", "/time"), ("GET", "/")] {
        let (status, code, body) = answer(&events, method, uri, "").await;
        assert_eq!((status, code.as_str()), (404, "255"), "{method} {uri}");
        assert_eq!(body["exception"]["class"], "NoHandler");
    }
}

#[tokio::test]
async fn a_handler_that_fails_is_500_with_code_251() {
    let failing = |_: Event| async { Err::<(), _>(io::Error::other("no disk")) };
    let events = Events::new()
        .on(Method::GET, "fail", failing)
        .on(Method::GET, "panic", |event: Event| async move {
            assert!(event.params().len() > 3, "s3cret");
        })
        .on(Method::GET, "panic/early", |event: Event| {
            if event.params().is_empty() {
                std::panic::panic_any("s3cret");
            }
            async {}
        });
    let (status, code, body) = answer(&events, "GET", "/fail", "").await;
    assert_eq!((status, code.as_str()), (500, "251"));
    let exception = json!({"message": "no disk", "traceback": "", "class": "Error"});
    assert_eq!(body, json!({ "exception": exception }));
    for uri in ["/panic", "/panic/early"] {
        let (status, code, body) = answer(&events, "GET", uri, "").await;
        assert_eq!((status, code.as_str()), (500, "251"));
        assert_eq!(body["exception"]["class"], "Panic");
        assert!(!body.to_string().contains("s3cret"));
    }
    let developing = events.development(true);
    let (_, _, body) = answer(&developing, "GET", "/fail", "").await;
    assert_eq!(body["exception"]["traceback"], "no disk\n");
    let (_, _, body) = answer(&developing, "GET", "/panic", "").await;
    assert_eq!(body["exception"]["traceback"], "s3cret");
}

#[tokio::test]
async fn a_handler_gets_what_was_posted_and_says_its_own_code() {
    let handler = |event: Event, id: u32| async move {
        let name: Value = event.json().unwrap();
        assert_eq!(event.mime_type(), "application/json");
        let text = format!("{id} {} {}", name["name"], event.query("q").unwrap());
        ("text/plain", 7, text)
    };
    let events = Events::new().on(Method::POST, "disk/name", handler);
    let request = Request::post("/disk/name//12?q=a%20b&q=c")
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(r#"{"name": "x"}"#))
        .unwrap();
    let response = events.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()[RETURN_CODE], "7");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"12 "x" a b"#);
    let (status, ..) = answer(&events, "POST", "/disk/name//twelve", "").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused() {
    let handler = |event: Event| async move { Json(event.data().len()) };
    let events = Events::new().on(Method::POST, "size", handler).max_event(3);
    assert_eq!(answer(&events, "POST", "/size", "abc").await.2, json!(3));
    assert_eq!(answer(&events, "POST", "/size", "abcd").await.0, 413);
}

proptest! {
    #[test]
    fn any_path_is_split(path in "[/a%20]{0,12}") {
        let (noun, _) = split(&path);
        prop_assert!(!noun.contains("//") || path.contains("%2"));
    }
}
