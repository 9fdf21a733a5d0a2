use gripware_interop::{Difference, Request, Site};
use serde_json::json;

use crate::{Expected, compare, replaced, transcript::Transcript};

#[tokio::test]
async fn the_control_api_answers_alike() {
    let play = async |site: &Site, log: &mut Transcript| {
        let ask = |method: &str, path: &str| Request::new(method, site.control(), path);
        let good = r#"{"items": [{"channel": "a", "http-stream": {"content": "x"}}]}"#;
        for (what, request) in [
            ("GET /", ask("GET", "/")),
            ("POST /publish/", ask("POST", "/publish/").body(good)),
            ("POST /publish", ask("POST", "/publish").body(good)),
            ("GET /publish/", ask("GET", "/publish/")),
            ("PUT /publish/", ask("PUT", "/publish/").body(good)),
            ("GET /nothing", ask("GET", "/nothing")),
            ("POST /recover/", ask("POST", "/recover/").body("{}")),
            (
                "text",
                ask("POST", "/publish/")
                    .header("accept", "text/plain")
                    .body(good),
            ),
            (
                "JSON",
                ask("POST", "/publish/")
                    .header("accept", "application/json")
                    .body(good),
            ),
            (
                "anything",
                ask("POST", "/publish/").header("accept", "*/*").body(good),
            ),
            (
                "neither",
                ask("POST", "/publish/")
                    .header("accept", "image/png")
                    .body(good),
            ),
            (
                "a type",
                ask("POST", "/publish/")
                    .header("content-type", "text/plain")
                    .body(good),
            ),
            (
                "no items",
                ask("POST", "/publish/").body(r#"{"items": []}"#),
            ),
        ] {
            let answer = request.send().await;
            log.note(format!(
                "{what}: {} {:?} {:?}",
                answer.status(),
                answer.header("content-type"),
                answer.header("allow"),
            ));
            log.note(answer.text().await);
        }
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn bad_items_are_refused_with_the_same_words() {
    let play = async |site: &Site, log: &mut Transcript| {
        let bodies = [
            "no JSON",
            "[]",
            "{}",
            "null",
            r#"{"items": {}}"#,
            r#"{"items": [1]}"#,
        ];
        let items = [
            json!({}),
            json!({"channel": "a"}),
            json!({"http-stream": {"content": "x"}}),
            json!({"channel": 1, "http-stream": {"content": "x"}}),
            json!({"channel": "", "http-stream": {"content": "x"}}),
            json!({"channel": "a", "formats": {}}),
            json!({"channel": "a", "formats": []}),
            json!({"channel": "a", "formats": {"unknown": {}}}),
            json!({"channel": "a", "http-stream": {}}),
            json!({"channel": "a", "http-stream": "x"}),
            json!({"channel": "a", "http-stream": {"content": 1}}),
            json!({"channel": "a", "http-stream": {"content-bin": 1}}),
            json!({"channel": "a", "http-stream": {"content-bin": "!!"}}),
            json!({"channel": "a", "http-stream": {"action": "explode"}}),
            json!({"channel": "a", "http-stream": {"action": 1}}),
            json!({"channel": "a", "http-response": {}}),
            json!({"channel": "a", "http-response": {"code": -1, "body": "x"}}),
            json!({"channel": "a", "http-response": {"code": 1000, "body": "x"}}),
            json!({"channel": "a", "http-response": {"code": "x", "body": "x"}}),
            json!({"channel": "a", "http-response": {"code": 200.5, "body": "x"}}),
            json!({"channel": "a", "http-response": {"reason": 1, "body": "x"}}),
            json!({"channel": "a", "http-response": {"headers": "x", "body": "x"}}),
            json!({"channel": "a", "http-response": {"headers": [["a"]], "body": "x"}}),
            json!({"channel": "a", "http-response": {"headers": {"a": 1}, "body": "x"}}),
            json!({"channel": "a", "http-response": {"body-patch": "x"}}),
            json!({"channel": "a", "http-response": {"body": "x", "content-filters": "x"}}),
            json!({"channel": "a", "ws-message": {}}),
            json!({"channel": "a", "ws-message": {"content": "x", "type": "unknown"}}),
            json!({"channel": "a", "ws-message": {"type": "ping"}}),
            json!({"channel": "a", "ws-message": {"type": "text"}}),
            json!({"channel": "a", "ws-message": {"action": "close", "code": -1}}),
            json!({"channel": "a", "ws-message": {"action": "close", "code": "x"}}),
            json!({"channel": "a", "ws-message": {"action": "close", "code": 4000, "reason": 1}}),
            json!({"channel": "a", "id": 1, "http-stream": {"content": "x"}}),
            json!({"channel": "a", "prev-id": 1, "http-stream": {"content": "x"}}),
            json!({"channel": "a", "meta": {"a": 1}, "http-stream": {"content": "x"}}),
            json!({"channel": "a", "meta": [], "http-stream": {"content": "x"}}),
            json!({"channel": "a", "size": -1, "http-stream": {"content": "x"}}),
            json!({"channel": "a", "no-seq": "x", "http-stream": {"content": "x"}}),
            json!({"channel": "a", "http-stream": {"content": "x"}, "ws-message": {}}),
        ];
        let items = items
            .iter()
            .map(|item| json!({"items": [item]}).to_string());
        for body in bodies.map(str::to_owned).into_iter().chain(items) {
            let request = Request::new("POST", site.control(), "/publish/").body(body.clone());
            let answer = request.send().await;
            log.note(format!(
                "{body}: {} {}",
                answer.status(),
                answer.text().await
            ));
        }
        // One bad item, and nothing of the batch is published.
        let mut client = site.get("/hold/stream?channel=a").await;
        client.receives("[open]\n").await;
        let batch =
            r#"{"items": [{"channel": "a", "http-stream": {"content": "x"}}, {"channel": "a"}]}"#;
        let request = Request::new("POST", site.control(), "/publish/").body(batch);
        log.answer("a batch", request.send().await).await;
        client
            .stays_quiet(std::time::Duration::from_millis(200))
            .await;
        let long = format!(
            r#"{{"items": [{{"channel": "a", "http-stream": {{"content": "{}"}}}}]}}"#,
            "x".repeat((16 << 20) + 1)
        );
        let request = Request::new("POST", site.control(), "/publish/").body(long);
        // Each of them may answer, or cut off who still sends.
        let is_refused = match request.try_send().await {
            Ok(answer) => answer.status() == 400,
            Err(_) => true,
        };
        log.note(format!("too long, refused: {is_refused}"));
        site.recorder().forgets();
    };
    let expected = vec![
        Expected::of_pushpin(
            Difference::ITEMS,
            replaced(
                "null: 400 Body is not valid JSON.",
                "null: 400 Invalid format.",
            ),
        ),
        Expected::of_hub(Difference::ITEMS, |transcript| {
            let mut text = transcript.to_owned();
            for refusal in [
                "publish item object contains 'channel' with invalid value",
                "'http-response' contains 'code' with wrong type",
                "'ws-message' contains 'code' with wrong type",
            ] {
                text = text.replace(&format!("400 Invalid format: {refusal}"), "200 Published");
            }
            text
        }),
    ];
    compare(play, expected).await;
}
