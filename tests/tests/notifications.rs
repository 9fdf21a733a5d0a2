//! The example `notifications` in a browser, with the hub inside and behind Pushpin.

use std::time::Duration;

use gripware_interop::{Browser, Example};
use serde_json::json;

/// A next link is followed after two minutes without an item.
const TWO_MINUTES_AND_MORE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_over_cuts_and_restarts_with_the_hub_inside() {
    nothing_is_missed_over_cuts_and_restarts(Example::alone("notifications").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_over_cuts_and_restarts_behind_pushpin() {
    nothing_is_missed_over_cuts_and_restarts(Example::behind_pushpin("notifications").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_idle_minutes_cut_nobody_off_with_the_hub_inside() {
    two_idle_minutes_cut_nobody_off(Example::alone("notifications").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_idle_minutes_cut_nobody_off_behind_pushpin() {
    two_idle_minutes_cut_nobody_off(Example::behind_pushpin("notifications").await).await;
}

async fn nothing_is_missed_over_cuts_and_restarts(mut example: Example) {
    let bert = logged_in(&example, "bert").await;
    notify(&example, &bert, "anna", "before").await;
    let mut anna = example.window();
    log_in(&mut anna, "anna");
    anna.comes_to(NOTES, &json!(["bertbefore"]));
    notify(&example, &bert, "anna", "one <b>").await;
    notify(&example, &bert, "carl", "not for anna").await;
    notify(&example, &bert, "anna", "two").await;
    let mut expected = vec!["berttwo", "bertone <b>", "bertbefore"];
    anna.comes_to(NOTES, &json!(expected));

    example.cable().cut();
    anna.comes_to(STATE, &json!("reconnecting"));
    notify(&example, &bert, "anna", "while cut").await;
    example.cable().mend();
    expected.insert(0, "bertwhile cut");
    anna.comes_to(NOTES, &json!(expected));
    anna.comes_to(STATE, &json!("connected"));

    for text in ["bertafter one restart", "bertafter two"] {
        example.stop().await;
        example.start_again().await;
        notify(&example, &bert, "anna", text.trim_start_matches("bert")).await;
        expected.insert(0, text);
        anna.comes_to(NOTES, &json!(expected));
    }

    // A window that begins now has all of them, and whoever has logged out has none.
    anna.reload();
    anna.comes_to(NOTES, &json!(expected));
    anna.run("document.getElementById('logout').click();");
    anna.comes_to(STATE, &json!("logged out"));
    anna.comes_to(NOTES, &json!([]));
    let refused = example.request("GET", "/notifications").send().await;
    assert_eq!(refused.status(), 401);
    let forged = example
        .request("GET", "/notifications/gw1.e30.AAAA")
        .send()
        .await;
    assert_eq!(forged.status(), 403);
}

async fn two_idle_minutes_cut_nobody_off(mut example: Example) {
    let bert = logged_in(&example, "bert").await;
    let mut anna = example.window();
    log_in(&mut anna, "anna");
    anna.comes_to(STATE, &json!("connected"));
    anna.run("window.errors = 0; source.addEventListener('error', () => errors++);");
    let followed = "the proxy goes on with a stream user=\"anna\"";
    example.says(followed, TWO_MINUTES_AND_MORE).await;
    notify(&example, &bert, "anna", "still there?").await;
    anna.comes_to(NOTES, &json!(["bertstill there?"]));
    assert_eq!(anna.run("return errors;"), json!(0));
}

const NOTES: &str = "[...document.querySelectorAll('#notes li')].map((line) => line.textContent)";
const STATE: &str = "document.getElementById('state').textContent";

fn log_in(window: &mut Browser, name: &str) {
    window.comes_to(STATE, &json!("logged out"));
    window.run(&format!(
        "const form = document.getElementById('login');
         form.name.value = '{name}';
         form.requestSubmit();"
    ));
}

/// The cookie of a user.
async fn logged_in(example: &Example, name: &str) -> String {
    let form = "application/x-www-form-urlencoded";
    let login = example
        .request("POST", "/login")
        .header("content-type", form);
    let answer = login.body(format!("name={name}")).send().await;
    assert_eq!(answer.status(), 204);
    let (cookie, _) = answer
        .header("set-cookie")
        .split_once(';')
        .expect("attributes");
    cookie.to_owned()
}

async fn notify(example: &Example, cookie: &str, to: &str, text: &str) {
    let answer = example
        .request("POST", "/notify")
        .header("cookie", cookie)
        .header("content-type", "application/json")
        .body(json!({"to": to, "text": text}).to_string())
        .send()
        .await;
    assert_eq!(answer.status(), 202);
}
