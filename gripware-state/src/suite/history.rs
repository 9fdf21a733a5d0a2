//! What a history keeps.

use std::collections::BTreeSet;

use gripware_core::{HttpStream, Item, SseEvent, WsMessage, item::WsMessageKind};

use super::unique;
use crate::{Appended, Backends, Continuity, Draft, Entry, History, Page, Position};

pub(super) fn history(backends: &Backends) -> History {
    History::new(backends.history.clone())
}

pub(super) fn text(text: impl Into<String>) -> Draft {
    WsMessage::text(text).into()
}

pub(super) async fn append(history: &History, channel: &str, draft: impl Into<Draft>) -> Appended {
    history.append(channel, draft).await.unwrap()
}

pub(super) async fn read(history: &History, channel: &str, after: Option<&str>) -> Page {
    history.read_after(channel, after, 1_000).await.unwrap()
}

pub(super) fn texts(page: &Page) -> Vec<String> {
    page.entries.iter().map(said).collect()
}

fn said(entry: &Entry) -> String {
    match entry
        .item
        .parts()
        .unwrap()
        .ws_message
        .as_ref()
        .unwrap()
        .kind()
    {
        WsMessageKind::Text(text) => text.as_text().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Ids are `epoch.1`, `epoch.2` and so on, and each item names the one before it.
pub async fn numbers_count_from_one_without_a_gap(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    assert_eq!(
        history.last(channel.as_str()).await.unwrap(),
        Position::Start
    );
    let page = read(&history, &channel, Some("0")).await;
    assert_eq!(
        (page.entries.len(), page.continuity),
        (0, Continuity::Complete)
    );
    assert_eq!(page.position, Position::Start);

    let mut before = Position::Start;
    for number in 1..=3 {
        let appended = append(&history, &channel, text(number.to_string())).await;
        assert_eq!(appended.id().number(), number);
        assert_eq!(appended.id().previous(), before);
        let parts = appended.item().parts().unwrap();
        assert_eq!(parts.id, Some(appended.id().to_string()));
        assert_eq!(parts.prev_id, Some(before.to_string()));
        before = Position::At(appended.id());
    }
    assert_eq!(history.last(channel.as_str()).await.unwrap(), before);

    let page = read(&history, &channel, Some("0")).await;
    assert_eq!(texts(&page), ["1", "2", "3"]);
    assert_eq!((page.position, page.has_more), (before, false));
    assert_eq!(page.continuity, Continuity::Complete);
    let parts = page.entries[1].item.parts().unwrap();
    assert_eq!(parts.id, Some(page.entries[1].id.to_string()));
    assert_eq!(parts.prev_id, Some(page.entries[0].id.to_string()));
    assert_eq!(read(&history, &unique("other"), None).await.entries, []);
}

/// However many append at once.
pub async fn appends_at_once_get_numbers_in_a_row(backends: &Backends) {
    let (history, channel) = (history(backends).size(1_000), unique("a"));
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (history, channel) = (history.clone(), channel.clone());
        tasks.spawn(async move {
            for n in 0..25 {
                let _ = append(&history, &channel, text(format!("{writer}-{n}"))).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let page = read(&history, &channel, Some("0")).await;
    let numbers: Vec<_> = page.entries.iter().map(|entry| entry.id.number()).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    let texts: BTreeSet<_> = texts(&page).into_iter().collect();
    assert_eq!(texts.len(), 200);
}

/// An append that is repeated is there once.
pub async fn the_same_key_gets_the_first_answer(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    let first = append(&history, &channel, text("1").key("k")).await;
    let other = append(&history, &channel, text("2").key("k2")).await;
    let again = append(&history, &channel, text("1").key("k")).await;
    assert!(!first.is_duplicate() && !other.is_duplicate());
    assert!(again.is_duplicate());
    assert_eq!((again.id(), again.item()), (first.id(), first.item()));
    assert!(again.into_item().is_some());
    assert_eq!(texts(&read(&history, &channel, None).await), ["1", "2"]);

    let elsewhere = append(&history, &unique("b"), text("1").key("k")).await;
    assert!(!elsewhere.is_duplicate());

    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (history, channel) = (history.clone(), channel.clone());
        tasks.spawn(async move { append(&history, &channel, text("3").key("k3")).await.id() });
    }
    let ids: BTreeSet<_> = tasks
        .join_all()
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids.len(), 1);
}

/// By its key or by its id; the id stays.
pub async fn an_entry_is_amended_where_it_stands(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    let keyed = append(&history, &channel, text("1").key("k")).await.id();
    let plain = append(&history, &channel, text("2")).await.id();
    let amended = Draft::with_id(|id| WsMessage::text(format!("1 amended {id}")).into());
    let id = history.amend(channel.as_str(), "k", amended).await.unwrap();
    assert_eq!(id, Some(keyed));
    let id = history
        .amend(channel.as_str(), &plain.to_string(), text("2 amended"))
        .await;
    assert_eq!(id.unwrap(), Some(plain));

    let page = read(&history, &channel, Some("0")).await;
    assert_eq!(
        texts(&page),
        [format!("1 amended {keyed}"), "2 amended".to_owned()]
    );
    assert_eq!([page.entries[0].id, page.entries[1].id], [keyed, plain]);
    for name in ["other", "aaaaaaaa.1", &format!("{}.3", keyed.epoch())] {
        assert_eq!(
            history
                .amend(channel.as_str(), name, text("x"))
                .await
                .unwrap(),
            None,
            "{name}"
        );
    }
}

/// So that nobody takes it for missing.
pub async fn a_removed_entry_leaves_its_number(backends: &Backends) {
    let (history, channel) = (history(backends).size(3), unique("a"));
    let first = append(&history, &channel, text("1").key("k")).await.id();
    let _ = append(&history, &channel, text("2")).await;
    let last = append(&history, &channel, text("3").key("k3")).await.id();
    assert_eq!(
        history.remove(channel.as_str(), "k").await.unwrap(),
        Some(first)
    );
    assert_eq!(
        history.remove(channel.as_str(), "k3").await.unwrap(),
        Some(last)
    );
    assert_eq!(history.remove(channel.as_str(), "k").await.unwrap(), None);
    assert_eq!(
        history
            .amend(channel.as_str(), "k", text("x"))
            .await
            .unwrap(),
        None
    );

    let page = read(&history, &channel, Some("0")).await;
    assert_eq!(
        (texts(&page), page.continuity),
        (vec!["2".to_owned()], Continuity::Complete)
    );
    assert_eq!((page.position, page.has_more), (Position::At(last), false));
    let next = append(&history, &channel, text("4")).await.id();
    assert_eq!(next.previous(), Position::At(last));
    let again = append(&history, &channel, text("1").key("k")).await;
    assert!(again.is_duplicate());
    // It counts among the entries that are kept.
    let page = read(&history, &channel, Some("0")).await;
    assert_eq!(
        (texts(&page).len(), page.continuity),
        (2, Continuity::Trimmed)
    );
}

/// Whatever an engine might read in them.
pub async fn names_and_contents_are_taken_as_they_are(backends: &Backends) {
    let history = history(backends);
    let tail = unique("");
    let names = [
        "{a}b",
        "}{",
        "a b:*?[x]",
        "\u{a0}é😀",
        "\"'\\",
        "%s%1",
        "-",
        "a,b;c",
    ];
    for name in names {
        let channel = format!("{name}{tail}");
        let content = format!("{name}\r\n\0\u{1}\u{7f}\u{2028}</script>");
        let draft = Draft::with_id({
            let content = content.clone();
            move |id| {
                Item::new()
                    .http_stream(HttpStream::bytes(vec![0, 159, 146, 150]))
                    .ws_message(WsMessage::text(format!("{content}{id}{id}")))
                    .meta("m", content.as_str())
            }
        });
        let appended = append(&history, &channel, draft.key(name)).await;
        let page = read(&history, &channel, None).await;
        assert_eq!(page.entries.len(), 1, "{name}");
        assert_eq!(&page.entries[0].item, appended.item(), "{name}");
        let id = appended.id();
        assert_eq!(said(&page.entries[0]), format!("{content}{id}{id}"));
        assert_eq!(
            history.remove(channel.as_str(), name).await.unwrap(),
            Some(id)
        );
    }
    let event = SseEvent::new().event("e").data("x");
    let appended = append(&history, &unique("sse"), event).await;
    let stream = appended
        .item()
        .parts()
        .unwrap()
        .http_stream
        .as_ref()
        .unwrap();
    assert_eq!(
        stream.content().as_text().unwrap(),
        format!("event: e\nid: {}\ndata: x\n\n", appended.id())
    );
    for key in ["", "a\nb", &"x".repeat(129)] {
        let refused = history.append("a", text("x").key(key)).await;
        assert!(refused.unwrap_err().is_invalid());
    }
}
