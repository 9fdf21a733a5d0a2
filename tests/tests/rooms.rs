//! The example `rooms` in a browser, with the hub inside and behind Pushpin.

use gripware_interop::{Browser, Example};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_meet_in_rooms_with_the_hub_inside() {
    people_meet_in_rooms(&Example::alone("rooms").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_meet_in_rooms_behind_pushpin() {
    people_meet_in_rooms(&Example::behind_pushpin("rooms").await).await;
}

async fn people_meet_in_rooms(example: &Example) {
    let [mut anna, mut bert, mut moderator] =
        ["anna", "bert", "moderator"].map(|name| logged_in(example, name));
    say(
        &mut anna,
        &json!({"type": "say", "room": "tea", "text": "not inside yet"}),
    );
    say(&mut anna, &json!({"type": "join", "room": "tea"}));
    anna.comes_to(LINES, &json!(["you cannot do that", "anna has joined tea"]));
    say(&mut bert, &json!({"type": "join", "room": "tea"}));
    bert.comes_to(LINES, &json!(["bert has joined tea"]));
    sees(&mut anna, "bert has joined tea");

    say(
        &mut bert,
        &json!({"type": "say", "room": "tea", "text": "hello <b>"}),
    );
    sees(&mut anna, "bert in tea: hello <b>");
    sees(&mut bert, "bert in tea: hello <b>");
    say(
        &mut anna,
        &json!({"type": "tell", "to": "bert", "text": "psst"}),
    );
    sees(&mut bert, "anna to you: psst");

    say(&mut bert, &json!({"type": "leave", "room": "tea"}));
    sees(&mut anna, "bert has left tea");
    say(
        &mut anna,
        &json!({"type": "say", "room": "tea", "text": "is he gone?"}),
    );
    sees(&mut anna, "anna in tea: is he gone?");
    say(&mut bert, &json!({"type": "join", "room": "tea"}));
    sees(&mut bert, "bert has joined tea");
    sees(&mut anna, "bert has joined tea");

    say(&mut anna, &json!({"type": "kick", "name": "bert"}));
    sees(&mut anna, "you cannot do that");
    say(&mut moderator, &json!({"type": "kick", "name": "bert"}));
    bert.comes_to(STATE, &json!("kicked (4001)"));
    // The end of a connection reaches the handler, though its token was good for the opening alone.
    sees(&mut anna, "bert has left tea");
    let seen = bert.run(&format!("return {LINES};"));
    let expected = [
        "bert has joined tea",
        "bert in tea: hello <b>",
        "anna to you: psst",
        "bert has left tea",
        "bert has joined tea",
    ];
    assert_eq!(seen, json!(expected));
    assert_eq!(moderator.run(&format!("return {LINES};")), json!([]));

    for (path, status) in [("/socket?token=none", 401), ("/socket", 400)] {
        let refusal = example.socket(path).await.expect_err("a refusal");
        assert_eq!(refusal.status, status, "{path}");
    }
}

const LINES: &str = "[...document.querySelectorAll('#lines li')].map((line) => line.textContent)";
const STATE: &str = "document.getElementById('state').textContent";

fn logged_in(example: &Example, name: &str) -> Browser {
    let mut window = example.window();
    window.run(&format!(
        "const form = document.getElementById('login');
         form.name.value = '{name}';
         form.requestSubmit();"
    ));
    window.comes_to(STATE, &json!(format!("connected as {name}")));
    window
}

/// Fills in the form that has the button, and presses that.
fn say(window: &mut Browser, message: &Value) {
    window.run(&format!(
        "const message = {message};
         const button = document.querySelector(`button[value=${{message.type}}]`);
         const fields = button.form;
         for (const name of ['room', 'text']) {{
           if (fields[name]) fields[name].value = message[name] ?? '';
         }}
         if (fields.to) fields.to.value = message.to ?? message.name;
         button.click();"
    ));
}

/// Waits until this is the last line.
fn sees(window: &mut Browser, line: &str) {
    window.comes_to(&format!("{LINES}.at(-1)"), &json!(line));
}
