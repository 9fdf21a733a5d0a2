//! One script against PyPI's server and against ours.

use std::fs;

use gripware_interop::Place;

use crate::{
    scripts,
    servers::{Server, Started, play},
};

/// What the two say differently, as the documentation has it: each line, or part of one, of the
/// original has to occur.
const DIFFERENCES: &[(&str, &str)] = &[
    // Answers that are no pages.
    (
        "without a token: 403 (no JSON)",
        r#"without a token: 403 {"request": "Forbidden"}"#,
    ),
    (
        "poll of an unknown connection: 401 (no JSON) at once",
        r#"poll of an unknown connection: 401 {"conn_id": ["Unknown connection"]} at once"#,
    ),
    (
        "poll of a connection that has ended: 401 (no JSON) at once",
        r#"poll of a connection that has ended: 401 {"conn_id": ["Unknown connection"]} at once"#,
    ),
    ("by GET: 404 (no JSON)", "by GET: 405 (no JSON)"),
    // 4xx where the original fails.
    (
        "connect with null: 500 (no JSON)",
        r#"connect with null: 422 {"_schema": ["Invalid input type."]}"#,
    ),
    (
        "connect with no JSON: 500 (no JSON)",
        r#"connect with no JSON: 400 {"request": "Not JSON"}"#,
    ),
    (
        "settings as a list: 500 (no JSON)",
        r#"settings as a list: 422 {"_schema": ["Invalid input type."]}"#,
    ),
    (
        "poll of none: 500 (no JSON)",
        r#"poll of none: 422 {"conn_id": ["Field may not be null."]}"#,
    ),
    // What 0.2 takes.
    (
        r#"connect with no UUID: 422 {"conn_id": ["Not a valid UUID."]}"#,
        "connect with no UUID: 200 (a connection)",
    ),
    (
        r#"a message that is no list: 422 {"_schema": ["Invalid input type."]}"#,
        "a message that is no list: 200 (a message)",
    ),
    (
        r#"info as 0.2 asks for it: 422 {"info": ["Missing data for required field."]}"#,
        "info as 0.2 asks for it: 200 (channels)",
    ),
    // An unknown connection is told of by itself.
    (
        r#"{"channels": ["Shorter than minimum length 1."], "conn_id": ["Unknown connection"]}"#,
        r#"{"channels": ["Shorter than minimum length 1."]}"#,
    ),
    // Private messages in histories.
    (r#""private": 1"#, r#""private": 0"#),
    // A token of the future.
    (
        r#"with a token of the future: 200 {"channels": {}, "users": []}"#,
        r#"with a token of the future: 401 {"request": "Bad Signature"}"#,
    ),
    // The socket that another one has replaced.
    (
        "alice's first socket hears nothing",
        "alice's first socket is closed with 1000",
    ),
    (
        "alice's second socket after the end of the first hears nothing",
        "alice's second socket after the end of the first hears a message",
    ),
];

#[tokio::test]
async fn a_browser_and_a_backend_cannot_tell_the_two_apart() {
    let place = Place::new();
    let original = plays(&place, Server::Original).await;
    let mut expected = original.clone();
    for (theirs, ours) in DIFFERENCES {
        assert!(
            expected.contains(theirs),
            "no difference any more: {theirs}\n{expected}"
        );
        expected = expected.replace(theirs, ours);
    }
    for server in Server::OURS {
        let ours = plays(&place, server).await;
        for (ours, expected) in ours.lines().zip(expected.lines()) {
            assert_eq!(ours, expected, "{server:?}");
        }
        assert_eq!(ours.lines().count(), expected.lines().count(), "{server:?}");
    }
}

async fn plays(place: &Place, server: Server) -> String {
    let started = Started::new(place, server).await;
    // A Pushpin whose programs have not found each other yet closes the connection of who asks.
    started.answers().await;
    let output = play(started.address, "play.py").await;
    let transcript = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{server:?}: {transcript}{errors}");
    transcript
}

/// What 0.2 says, of which `first.txt` was recorded, and ours beside it.
#[tokio::test]
async fn with_the_wire_of_0_2_it_says_what_0_2_said() {
    let place = Place::new();
    let started = Started::with_settings(&place, "wire = 0.2").await;
    let output = play(started.address, "play_first.py").await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let ours = String::from_utf8(output.stdout).expect("text");
    let recorded = fs::read_to_string(scripts().join("first.txt")).expect("a record");
    let theirs = recorded.replace(
        "of an unknown one: 401 (no JSON)",
        r#"of an unknown one: 401 {"conn_id": ["Unknown connection"]}"#,
    );
    assert_ne!(theirs, recorded);
    // Its description promises `date`, and it has `timestamp`.
    let without_dates = without_dates(&ours);
    assert_ne!(without_dates, ours);
    for (ours, theirs) in without_dates.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(without_dates.lines().count(), theirs.lines().count());
}

/// Takes `"date": "…", ` out of a transcript.
fn without_dates(transcript: &str) -> String {
    let mut parts = transcript.split(r#""date": ""#);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("\", ").expect("a value");
        text.push_str(rest);
    }
    text
}
