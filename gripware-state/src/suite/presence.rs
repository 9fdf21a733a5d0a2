//! Who is there, and what is told of it.

use std::{collections::BTreeMap, time::Duration};

use gripware_core::item::WsMessageKind;
use serde_json::{Value, json};

use super::{ATTEMPTS, PAUSE, eventually, unique};
use crate::{
    Backends, History, Member, Position, Presence,
    presence::{MAX_ANNOUNCED, SUFFIX},
};

pub(super) const LONG: Duration = Duration::from_secs(600);

/// Presence whose users leave at once.
pub(super) fn presence(backends: &Backends) -> Presence {
    Presence::new(backends.presence.clone()).grace(Duration::ZERO)
}

pub(super) fn member(user: &str, connection: &str) -> Member {
    Member::new(user, connection).unwrap()
}

/// What the history of a channel's presence tells.
pub(super) async fn told(backends: &Backends, channel: &str) -> Vec<Value> {
    let history = History::new(backends.history.clone());
    let page = history
        .read_after(format!("{channel}{SUFFIX}"), Some("0"), 1_000)
        .await
        .unwrap();
    let mut before = None;
    let mut events = Vec::new();
    for entry in page.entries {
        let parts = entry.item.parts().unwrap();
        let WsMessageKind::Text(text) = parts.ws_message.as_ref().unwrap().kind() else {
            panic!("{parts:?}");
        };
        let text = text.as_text().unwrap();
        let mut event: Value = serde_json::from_str(text).unwrap();
        let stream = parts
            .http_stream
            .as_ref()
            .unwrap()
            .content()
            .as_text()
            .unwrap();
        let name = event["type"].as_str().unwrap();
        assert_eq!(
            stream,
            format!("event: {name}\nid: {}\ndata: {text}\n\n", entry.id)
        );
        let fields = event.as_object_mut().unwrap();
        assert_eq!(fields.remove("id"), Some(json!(entry.id.to_string())));
        assert_eq!(fields.remove("channel"), Some(json!(channel)));
        // The oldest ones may be gone.
        let before = before
            .replace(entry.id)
            .map_or(entry.id.previous(), Position::At);
        assert_eq!(parts.prev_id.as_deref(), Some(&*before.to_string()));
        events.push(event);
    }
    events
}

pub(super) async fn counts(presence: &Presence, channel: &str) -> (u64, u64) {
    let count = presence.count(channel).await.unwrap();
    (count.users, count.connections)
}

pub(super) async fn sweep_until(presence: &Presence, channel: &str, expected: (u64, u64)) {
    eventually("it is swept", async || {
        presence.sweep().await.unwrap();
        (counts(presence, channel).await == expected).then_some(())
    })
    .await;
}

/// With any number of tabs.
pub async fn a_user_joins_once_and_leaves_once(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    let phone = member("anna", "c1")
        .info(&json!({"name": "Änna\n"}))
        .unwrap();
    let change = presence.join(channel.as_str(), &phone).await.unwrap();
    assert!(change.is_first());
    assert_eq!(change.announcements.len(), 1);
    assert_eq!(
        change.announcements[0].channel,
        format!("{channel}{SUFFIX}")
    );
    for member in [&phone, &member("anna", "c2")] {
        let change = presence.join(channel.as_str(), member).await.unwrap();
        assert!(!change.is_first() && change.announcements.is_empty());
    }
    assert_eq!(counts(&presence, &channel).await, (1, 2));
    assert!(
        presence
            .join(channel.as_str(), &member("ben", "c3"))
            .await
            .unwrap()
            .is_first()
    );

    assert!(
        !presence
            .leave(channel.as_str(), "c1")
            .await
            .unwrap()
            .is_last()
    );
    assert!(
        !presence
            .leave(channel.as_str(), "c1")
            .await
            .unwrap()
            .is_last()
    );
    assert!(
        presence
            .leave(channel.as_str(), "c2")
            .await
            .unwrap()
            .is_last()
    );
    assert!(
        !presence
            .leave(channel.as_str(), "c9")
            .await
            .unwrap()
            .is_last()
    );
    assert_eq!(counts(&presence, &channel).await, (1, 1));
    assert_eq!(
        told(backends, &channel).await,
        [
            json!({"type": "join", "user": "anna", "info": {"name": "Änna\n"}}),
            json!({"type": "join", "user": "ben"}),
            json!({"type": "leave", "user": "anna"}),
        ]
    );
    assert_eq!(counts(&presence, &unique("other")).await, (0, 0));
}

/// Where the user is back within the grace.
pub async fn a_reload_is_no_leave(backends: &Backends) {
    let (presence, channel) = (presence(backends).grace(LONG), unique("room"));
    for n in 0..3 {
        let connection = format!("c{n}");
        let change = presence
            .join(channel.as_str(), &member("anna", &connection))
            .await
            .unwrap();
        assert_eq!(change.is_first(), n == 0);
        assert!(
            presence
                .leave(channel.as_str(), &connection)
                .await
                .unwrap()
                .is_last()
        );
        presence.sweep().await.unwrap();
        assert_eq!(counts(&presence, &channel).await, (1, 0));
        let list = presence.list(channel.as_str(), None, 10).await.unwrap();
        assert_eq!(
            (&*list.users[0].user, list.users[0].connections),
            ("anna", 0)
        );
    }
    assert_eq!(
        told(backends, &channel).await,
        [json!({"type": "join", "user": "anna"})]
    );
}

/// A leave is told exactly once.
pub async fn a_grace_ends_once_however_many_sweep(backends: &Backends) {
    let (presence, channel) = (
        presence(backends).grace(Duration::from_millis(30)),
        unique("room"),
    );
    for n in 0..20 {
        let (user, connection) = (format!("u{n}"), format!("c{n}"));
        presence
            .join(channel.as_str(), &member(&user, &connection))
            .await
            .unwrap();
        presence.leave(channel.as_str(), &connection).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (presence, channel) = (presence.clone(), channel.clone());
        tasks.spawn(async move {
            for _ in 0..ATTEMPTS {
                presence.sweep().await.unwrap();
                if presence.count(channel.as_str()).await.unwrap().users == 0 {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            panic!("some users never leave");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let mut left = BTreeMap::new();
    for event in told(backends, &channel).await {
        if event["type"] == "leave" {
            *left.entry(event["user"].to_string()).or_insert(0) += 1;
        }
    }
    assert_eq!(left.len(), 20);
    assert!(left.values().all(|times| *times == 1), "{left:?}");
}

/// With the version of the events that bring it up to date.
pub async fn lists_come_in_pages(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    let empty = presence.list(channel.as_str(), None, 10).await.unwrap();
    assert_eq!(
        (empty.users.len(), empty.next, empty.version),
        (0, None, Position::Start)
    );
    for n in 0..300 {
        let member = member(&format!("user {n}"), &format!("c{n}"));
        // Long enough for an engine to give up its form for small hashes, which has no pages.
        let info = format!("{n:0100}");
        presence
            .join(channel.as_str(), &member.info(&info).unwrap())
            .await
            .unwrap();
    }
    let (mut after, mut users, mut pages) = (None, BTreeMap::new(), 0);
    loop {
        let page = presence
            .list(channel.as_str(), after.as_deref(), 50)
            .await
            .unwrap();
        assert_eq!(page.version.number(), 300);
        for present in page.users {
            assert_eq!(present.connections, 1);
            users.insert(present.user, present.info.unwrap());
        }
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(users.len(), 300);
    assert_eq!(users["user 7"].len(), 102);
    assert!(pages > 2, "{pages}");
}

/// Beyond 1 000 users their joins and leaves are not told.
pub async fn a_crowd_is_counted(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    let limit = usize::try_from(MAX_ANNOUNCED).unwrap();
    for n in 0..limit + 20 {
        let member = member(&format!("u{n}"), &format!("c{n}"));
        presence.join(channel.as_str(), &member).await.unwrap();
    }
    let last = async || told(backends, &channel).await.pop().unwrap();
    eventually("the crowd is counted", async || {
        presence.sweep().await.unwrap();
        (last().await == json!({"type": "count", "users": 1020, "connections": 1020})).then_some(())
    })
    .await;
    for n in 0..25 {
        presence
            .leave(channel.as_str(), &format!("c{n}"))
            .await
            .unwrap();
    }
    eventually("the count comes before the leaves", async || {
        presence.sweep().await.unwrap();
        let events = told(backends, &channel).await;
        let leaves: Vec<_> = events
            .iter()
            .filter(|event| event["type"] == "leave")
            .collect();
        let is_counted = events.iter().any(|event| {
            event["type"] == "count" && event["users"].as_u64().is_some_and(|users| users < 1_020)
        });
        assert!(leaves.len() <= 5, "{leaves:?}");
        is_counted.then_some(())
    })
    .await;
}

/// From one user to another.
pub async fn a_connection_changes_hands(backends: &Backends) {
    let (presence, channel) = (presence(backends), unique("room"));
    presence
        .join(channel.as_str(), &member("anna", "c1"))
        .await
        .unwrap();
    let change = presence
        .join(channel.as_str(), &member("ben", "c1"))
        .await
        .unwrap();
    assert!(change.is_first() && !change.is_last());
    assert_eq!(counts(&presence, &channel).await, (1, 1));
    let names: Vec<_> = told(backends, &channel)
        .await
        .iter()
        .map(|event| format!("{} {}", event["type"], event["user"]).replace('"', ""))
        .collect();
    assert_eq!(names, ["join anna", "leave anna", "join ben"]);
}

/// Whatever an engine might read in them.
pub async fn users_are_taken_as_they_are(backends: &Backends) {
    let (presence, tail) = (presence(backends), unique(""));
    for name in [
        "{a}b",
        "a b:*?[x]",
        "é😀",
        "\"'\\",
        "%s%1",
        "-",
        "a/b",
        "\u{2028}</script>",
    ] {
        let channel = format!("{name}{tail}");
        let member = member(name, "c:1")
            .info(&json!({ name: [1.5, null, {}] }))
            .unwrap();
        presence.join(channel.as_str(), &member).await.unwrap();
        let list = presence.list(channel.as_str(), None, 10).await.unwrap();
        assert_eq!(
            (&*list.users[0].user, &list.users[0].info),
            (name, &member.info_json().cloned())
        );
        presence.leave(channel.as_str(), "c:1").await.unwrap();
        assert_eq!(
            told(backends, &channel).await,
            [
                json!({"type": "join", "user": name, "info": {name: [1.5, null, {}]}}),
                json!({"type": "leave", "user": name}),
            ]
        );
    }
    for user in ["", "a\nb", &"x".repeat(257)] {
        assert!(Member::new(user, "c").unwrap_err().is_invalid());
    }
    let long = "x".repeat(1_020);
    let refused = presence.join(long.as_str(), &member("anna", "c")).await;
    assert!(refused.unwrap_err().is_invalid());
    assert!(
        presence
            .touch(&[("a\nb", "c")])
            .await
            .unwrap_err()
            .is_invalid()
    );
}
