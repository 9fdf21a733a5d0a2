//! What a reader of a history gets from where it was.

use std::time::Duration;

use super::{
    eventually,
    history::{append, history, read, text, texts},
    unique,
};
use crate::{Backends, Continuity, Position};

/// With the position of one page as the cursor of the next.
pub async fn a_reader_goes_on_page_by_page(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    for n in 1..=5 {
        let _ = append(&history, &channel, text(n.to_string())).await;
    }
    let (mut after, mut pages) = ("0".to_owned(), Vec::new());
    loop {
        let page = history
            .read_after(channel.as_str(), Some(&after), 2)
            .await
            .unwrap();
        assert_eq!(page.continuity, Continuity::Complete);
        after = page.position.to_string();
        pages.push(texts(&page));
        if !page.has_more {
            break;
        }
    }
    assert_eq!(pages, [vec!["1", "2"], vec!["3", "4"], vec!["5"]]);
    let page = read(&history, &channel, Some(&after)).await;
    assert_eq!((page.entries.len(), page.position.to_string()), (0, after));
}

/// At 500 000 bytes, but not without any entry.
pub async fn a_page_ends_before_it_is_too_long(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    for _ in 0..5 {
        let _ = append(&history, &channel, text("x".repeat(200_000))).await;
    }
    let page = read(&history, &channel, None).await;
    assert_eq!((page.entries.len(), page.has_more), (2, true));
    assert_eq!(page.position.number(), 2);

    let long = history
        .append(channel.as_str(), text("x".repeat(300_000)))
        .await;
    assert!(long.unwrap_err().is_invalid());
}

/// `Trimmed` where entries after the cursor are gone.
pub async fn a_reader_that_missed_too_much_is_told(backends: &Backends) {
    let (history, channel) = (history(backends).size(3), unique("a"));
    let mut ids = Vec::new();
    for n in 1..=6 {
        ids.push(
            append(&history, &channel, text(n.to_string()))
                .await
                .id()
                .to_string(),
        );
    }
    for (cursor, continuity, count) in [
        (None, Continuity::Complete, 3),
        (Some("0"), Continuity::Trimmed, 3),
        (Some(&*ids[1]), Continuity::Trimmed, 3),
        (Some(&*ids[2]), Continuity::Complete, 3),
        (Some(&*ids[3]), Continuity::Complete, 2),
        (Some(&*ids[5]), Continuity::Complete, 0),
    ] {
        let page = read(&history, &channel, cursor).await;
        assert_eq!(
            (page.continuity, page.entries.len()),
            (continuity, count),
            "{cursor:?}"
        );
    }
}

/// Who knows the last one has missed nothing.
pub async fn entries_end_and_their_numbers_stay(backends: &Backends) {
    let (history, channel) = (
        history(backends).ttl(Duration::from_millis(50)),
        unique("a"),
    );
    let first = append(&history, &channel, text("1")).await.id();
    let last = append(&history, &channel, text("2")).await.id();
    eventually("the entries end", async || {
        let page = read(&history, &channel, None).await;
        page.entries.is_empty().then_some(())
    })
    .await;

    assert_eq!(
        history.last(channel.as_str()).await.unwrap(),
        Position::At(last)
    );
    let page = read(&history, &channel, Some(&last.to_string())).await;
    assert_eq!(
        (page.continuity, page.position),
        (Continuity::Complete, Position::At(last))
    );
    let page = read(&history, &channel, Some(&first.to_string())).await;
    assert_eq!(
        (page.continuity, page.position),
        (Continuity::Trimmed, Position::At(last))
    );
    let next = append(&history, &channel, text("3")).await.id();
    assert_eq!((next.epoch(), next.number()), (last.epoch(), 3));
}

/// Another epoch, another server's ids, numbers that are not there yet.
pub async fn a_cursor_of_elsewhere_is_not_believed(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    let id = append(&history, &channel, text("1")).await.id();
    let ahead = format!("{}.2", id.epoch());
    for (cursor, continuity) in [
        ("aaaaaaaa.1", Continuity::OtherEpoch),
        (&*ahead, Continuity::OtherEpoch),
        ("1", Continuity::Unknown),
        ("", Continuity::Unknown),
        ("\"; FLUSHALL", Continuity::Unknown),
    ] {
        let page = read(&history, &channel, Some(cursor)).await;
        assert_eq!(
            (page.continuity, page.entries.len()),
            (continuity, 1),
            "{cursor}"
        );
    }
}

/// And its first entry is one that is removed.
pub async fn a_cleared_channel_begins_a_new_epoch(backends: &Backends) {
    let (history, channel) = (history(backends), unique("a"));
    let old = append(&history, &channel, text("1").key("k")).await.id();
    let cleared = history.clear(channel.as_str()).await.unwrap();
    assert_ne!(cleared.id().epoch(), old.epoch());
    assert_eq!(
        cleared.item().parts().unwrap().id,
        Some(cleared.id().to_string())
    );

    let page = read(&history, &channel, Some(&old.to_string())).await;
    assert_eq!(
        (page.entries.len(), page.continuity),
        (0, Continuity::OtherEpoch)
    );
    assert_eq!(page.position, Position::At(cleared.id()));
    let page = read(&history, &channel, Some(&cleared.id().to_string())).await;
    assert_eq!(page.continuity, Continuity::Complete);

    let next = append(&history, &channel, text("2").key("k")).await;
    assert!(!next.is_duplicate());
    assert_eq!(next.id().previous(), Position::At(cleared.id()));
    assert_eq!(texts(&read(&history, &channel, Some("0")).await), ["2"]);
}
