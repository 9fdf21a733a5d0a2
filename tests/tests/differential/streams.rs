use std::time::Duration;

use gripware_interop::{Answer, Difference, Site};
use serde_json::json;

use crate::{
    Expected, compare,
    http::expected,
    origin::{instruct, say, stream},
    replaced,
    transcript::{Transcript, text},
};

#[tokio::test]
async fn streams_get_items_until_one_ends_them() {
    let play = async |site: &Site, log: &mut Transcript| {
        let path = stream("a, b", &[("x-own", "1"), ("content-length", "7")]);
        let client = open(site, &path).await;
        log.head("a stream", &client);
        for item in [
            r#"{"channel": "a", "http-stream": {"content": "one\n"}}"#,
            r#"{"channel": "b", "formats": {"http-stream": {"content-bin": "AP8K"}}}"#,
            r#"{"channel": "a", "http-stream": {"content": "text", "content-bin": "Ymlu"}}"#,
            r#"{"channel": "x", "http-stream": {"content": "no"}}"#,
            r#"{"channel": "a", "http-response": {"body": "no"}, "ws-message": {"content": "no"}}"#,
            r#"{"channel": "a", "id": "1", "http-stream": {"content": "id 1\n"}}"#,
            r#"{"channel": "a", "id": "1", "http-stream": {"content": "id 1\n"}}"#,
            r#"{"channel": "a", "id": "1", "no-seq": true, "http-stream": {"content": "again\n"}}"#,
            r#"{"channel": "a", "http-stream": {"action": "hint"}}"#,
            r#"{"channel": "a", "http-stream": {"action": "send", "content": "sent\n"}}"#,
            r#"{"channel": "b", "http-stream": {"action": "close"}}"#,
            r#"{"channel": "a", "http-stream": {"content": "too late\n"}}"#,
        ] {
            site.publish(item).await;
        }
        log.note(text(&client.bytes().await));
    };
    compare(play, expected()).await;
}

#[tokio::test]
async fn channels_are_named_as_headers_can_name_them() {
    let play = async |site: &Site, log: &mut Transcript| {
        let names = [
            "a", "b", "a,b", "\"a,b\"", "\"q c\"", "s p", "a;b", "café", "c", "x", "y",
        ];
        for header in [
            "a,b",
            "a, ,b,",
            "\"a,b\"",
            "\"q c\"",
            "s p",
            "a;b",
            "café",
            "a; ;x, b; =y, c; f=\"x",
            "a; filter=unknown",
            "a; prev-id=\"1\"; other=2",
            "",
        ] {
            let path = say(
                200,
                &[("grip-hold", "stream"), ("grip-channel", header)],
                "[open]\n",
            );
            let answer = site.request("GET", &path).send().await;
            if answer.status() != 200 {
                log.note(format!("{header:?}: {}", answer.status()));
                continue;
            }
            let mut answer = answer;
            answer.receives("[open]\n").await;
            for name in names {
                let item =
                    json!({"channel": name, "http-stream": {"content": format!("<{name}>")}});
                site.publish(&item.to_string()).await;
            }
            let got = answer.collects(Duration::from_millis(300)).await;
            log.note(format!("{header:?}: {}", text(&got)));
        }
        site.recorder().forgets();
    };
    let words = Expected::of_pushpin(
        Difference::REASONS,
        replaced(
            "\\n\\nchannel \\'a\\' specifies prev-id, but no next link found\\n",
            "The channel a has a previous id, and there is no next link to recover from.\\n",
        ),
    );
    compare(play, vec![words]).await;
}

#[tokio::test]
async fn twenty_channels_are_followed_and_not_one_more() {
    let play = async |site: &Site, log: &mut Transcript| {
        for count in [20, 25] {
            let channels: Vec<_> = (0..count).map(|n| format!("c{n}")).collect();
            let path = stream(&channels.join(", "), &[]);
            let mut client = site.get(&path).await;
            if client.status() != 200 {
                log.note(format!("{count} channels: {}", client.status()));
                continue;
            }
            client.receives("[open]\n").await;
            for channel in &channels {
                let item = json!({"channel": channel, "http-stream": {"content": "x"}});
                site.publish(&item.to_string()).await;
            }
            let got = client.collects(Duration::from_millis(500)).await;
            log.note(format!("{count} channels: {} followed", got.len()));
        }
    };
    let mut expected = expected();
    expected.push(Expected::of_pushpin(
        Difference::TOO_MANY_CHANNELS,
        replaced("25 channels: 20 followed", "25 channels: 502"),
    ));
    compare(play, expected).await;
}

#[tokio::test]
async fn keep_alives_are_what_their_format_says() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (value, length) in [
            ("x; timeout=1", 1),
            ("a,b \"c\"; timeout=1; format=raw", 7),
            ("é; timeout=1", 2),
            ("a\\n\\x3b\\x00\\\\; format=cstring; timeout=1", 5),
            ("a\\tb\\n; format=cstring; timeout=1", 3),
            ("AP8K; format=base64; timeout=1", 3),
            ("x; timeout=0", 1),
            ("x; mode=interval; timeout=1", 1),
        ] {
            let mut client = open(site, &stream("news", &[("grip-keep-alive", value)])).await;
            let got = client.next_bytes(length).await;
            log.note(format!("{value}: {}", text(&got)));
        }
        let body = r#"{"hold": {"mode": "stream", "channels": [], "keep-alive": {"content-bin": "AP8K", "timeout": 1}},
                       "response": {"body": "[open]\n"}}"#;
        let mut client = open(site, &instruct(body, &[])).await;
        let got = client.next_bytes(3).await;
        log.note(format!("in a body: {}", text(&got)));
        site.recorder().forgets();
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn filters_choose() {
    let play = async |site: &Site, log: &mut Transcript| {
        let mut clients = Vec::new();
        for (filters, meta) in [
            ("", ""),
            ("; filter=skip-self", "user=anna"),
            ("; filter=skip-self", "user=\"an\\\"na\""),
            ("; filter=skip-self; filter=skip-users", "user=ben"),
            ("; filter=skip-users", "user=\"anna\""),
            ("; filter=require-sub", "user=anna"),
            ("; filter=require-sub, vip", "user=anna"),
            ("; filter=unknown", "user=anna"),
        ] {
            let client = open(site, &with_meta(&format!("room{filters}"), meta)).await;
            clients.push((filters, meta, client));
        }
        for (meta, content) in [
            (json!({}), "1\n"),
            (json!({"sender": "anna"}), "2\n"),
            (json!({"sender": "an\"na"}), "3\n"),
            (json!({"skip_users": "ben"}), "4\n"),
            (json!({"skip_users": "x,anna,ben"}), "5\n"),
            (json!({"require_sub": "vip"}), "6\n"),
            (json!({"require_sub": ""}), "7\n"),
            (json!({"other": "x"}), "8 %(user)s %I\n"),
        ] {
            let item =
                json!({"channel": "room", "meta": meta, "http-stream": {"content": content}});
            site.publish(&item.to_string()).await;
        }
        site.publish(
            r#"{"channel": "room", "http-stream": {"content": "9", "content-filters": []}}"#,
        )
        .await;
        close_all(site, log, clients).await;
    };
    compare(play, Vec::new()).await;
}

#[tokio::test]
async fn filters_change() {
    let play = async |site: &Site, log: &mut Transcript| {
        let mut clients = Vec::new();
        for (filters, meta) in [
            ("; filter=var-subst", "user=anna, x='1"),
            ("; filter=var-subst", "user=\"a;b, c\", x=\"\""),
            ("; filter=var-subst; filter=skip-self", "user=anna, x=y"),
        ] {
            let client = open(site, &with_meta(&format!("room{filters}"), meta)).await;
            clients.push((filters, meta, client));
        }
        for (meta, content) in [
            (json!({}), "to %(user)s, %(x)s, %(user)s 100%%\n"),
            (json!({"sender": "anna"}), "%(user)s is told\n"),
            (json!({"user": "of the item"}), "<%(user)s>\n"),
        ] {
            let item =
                json!({"channel": "room", "meta": meta, "http-stream": {"content": content}});
            site.publish(&item.to_string()).await;
        }
        let format = json!({"content": "named %(user)s\n", "content-filters": ["var-subst"]});
        let item = json!({"channel": "room", "http-stream": format});
        site.publish(&item.to_string()).await;
        close_all(site, log, clients).await;

        let mut clients = Vec::new();
        for (filters, meta) in [
            ("; filter=build-id", "id_format=fixed"),
            ("; filter=build-id", "id_format=\"%(ids)s of ids\""),
            ("; filter=build-id", "id_format=fixed, id_encoding=hex"),
        ] {
            let client = open(site, &with_meta(&format!("ids{filters}"), meta)).await;
            clients.push((filters, meta, client));
        }
        for id in ["1", "2"] {
            let format = json!({"content": format!("{id}: %I, %(own)I\n")});
            let item = json!({"channel": "ids", "id": id, "http-stream": format});
            site.publish(&item.to_string()).await;
        }
        site.publish(r#"{"channel": "ids", "http-stream": {"action": "close"}}"#)
            .await;
        close_all(site, log, clients).await;
    };
    let absent = |what: &'static str| {
        move |transcript: &str| {
            let lines = transcript.lines().filter(|line| !line.contains(what));
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    let empty = Difference::EMPTY_VALUES;
    let mut expected = Vec::new();
    for what in ["x=\"\"", "%(ids)s"] {
        expected.push(Expected::of_pushpin(empty, absent(what)));
        expected.push(Expected::of_hub(empty, absent(what)));
    }
    compare(play, expected).await;
}

#[tokio::test]
async fn what_a_filter_cannot_be_applied_to() {
    let play = async |site: &Site, log: &mut Transcript| {
        for (filter, meta, format) in [
            ("var-subst", "user=anna", json!({"content": "%(none)s"})),
            ("var-subst", "user=anna", json!({"content": "%("})),
            ("var-subst", "user=anna", json!({"content": "%I"})),
            ("build-id", "user=anna", json!({"content": "%I"})),
            ("build-id", "id_format=\"%x\"", json!({"content": "%I"})),
            ("build-id", "id_format=x", json!({"content": "%(user)s"})),
            (
                "skip-self",
                "user=anna",
                json!({"content": "x", "content-filters": ["var-subst"]}),
            ),
            (
                "var-subst",
                "user=anna",
                json!({"content": "x", "content-filters": ["build-id"]}),
            ),
        ] {
            let path = with_meta(&format!("room; filter={filter}"), meta);
            let mut client = site.get(&path).await;
            for format in [&format, &json!({"content": "after", "content-filters": []})] {
                let item = json!({"channel": "room", "http-stream": format});
                site.publish(&item.to_string()).await;
            }
            let got = client.collects(Duration::from_millis(300)).await;
            log.note(format!("{filter} {meta} {format}: {}", text(&got)));
        }
        site.recorder().forgets();
    };
    let skipped = |transcript: &str| {
        let lines = transcript.lines().map(|line| {
            let (what, _) = line.split_once("}: ").expect("what it is about");
            format!("{what}}}: \"[open]\\nafter\"\n")
        });
        lines.collect::<String>()
    };
    // What else comes to a client whose ids cannot be built is left out as well.
    let never = |transcript: &str| {
        let mut text = transcript.to_owned();
        for what in ["build-id user=anna", "build-id id_format=\"%x\""] {
            let found = format!("{what} {{\"content\":\"%I\"}}: \"[open]\\n");
            text = text.replace(&format!("{found}\""), &format!("{found}after\""));
        }
        text
    };
    let failures = Difference::FILTER_FAILURES;
    let expected = vec![
        Expected::of_pushpin(failures, skipped),
        Expected::of_hub(failures, never),
    ];
    compare(play, expected).await;
}

/// The path of a stream with meta.
fn with_meta(channel: &str, meta: &str) -> String {
    let headers = [("grip-set-meta", meta)];
    stream(channel, if meta.is_empty() { &[] } else { &headers })
}

/// Ends the streams of the channel `room`, and writes down what was on them.
async fn close_all(site: &Site, log: &mut Transcript, clients: Vec<(&str, &str, Answer)>) {
    site.publish(r#"{"channel": "room", "http-stream": {"action": "close"}}"#)
        .await;
    for (filters, meta, client) in clients {
        let got = client.try_bytes().await;
        log.note(format!(
            "{filters} {meta}: {:?}",
            got.map(|bytes| text(&bytes))
        ));
    }
    site.recorder().forgets();
}

async fn open(site: &Site, path: &str) -> Answer {
    let mut client = site.get(path).await;
    assert_eq!(client.status(), 200, "{path}");
    client.receives("[open]\n").await;
    client
}
