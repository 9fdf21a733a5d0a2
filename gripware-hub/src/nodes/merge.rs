//! The lists of several nodes become one.

use std::collections::BTreeMap;

use super::{
    cursor,
    question::{ChannelEntry, ConnectionEntry, ListAnswer, subscribers},
};
use crate::{
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    page::{MAX_PAGE, Page, channel_cursor},
};

/// Adds the subscribers of each channel up. Behind the first end of a list that goes on nothing is
/// known of that list's node, so the page ends there.
pub(super) fn channels(
    lists: Vec<ListAnswer<ChannelEntry>>,
    after: Option<&str>,
) -> Page<ChannelInfo> {
    let ends = lists.iter().filter(|list| list.has_more);
    let ends = ends.filter_map(|list| Some(&list.entries.last()?.0));
    let end = ends.min().cloned();
    let mut all: BTreeMap<String, Subscribers> = BTreeMap::new();
    for ChannelEntry(name, kinds) in lists.into_iter().flat_map(|list| list.entries) {
        let is_behind = after.is_none_or(|after| *name > *after);
        if is_behind && end.as_ref().is_none_or(|end| name <= *end) {
            let sum = all.entry(name).or_default();
            *sum = sum.plus(subscribers(kinds));
        }
    }
    let has_more = end.is_some() || all.len() > MAX_PAGE;
    let named = all.into_iter().take(MAX_PAGE);
    let entries: Vec<_> = named
        .map(|(name, subscribers)| ChannelInfo { name, subscribers })
        .collect();
    let last = entries.last().filter(|_| has_more);
    Page {
        next: last.map(|last| channel_cursor(&last.name)),
        entries,
    }
}

/// Puts the connections of the nodes behind each other, by the nodes' names, up to the first list
/// that goes on.
pub(super) fn connections(
    mut lists: Vec<(String, ListAnswer<ConnectionEntry>)>,
) -> Page<ConnectionInfo> {
    lists.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut page = Page {
        entries: Vec::new(),
        next: None,
    };
    let mut last = None;
    for (node, list) in lists {
        for entry in list.entries {
            if page.entries.len() == MAX_PAGE {
                page.next = last;
                return page;
            }
            last = Some(cursor::write(&node, &entry.at));
            page.entries.extend(entry.into_info(&node));
        }
        if list.has_more {
            page.next = last;
            return page;
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::inspect::ConnectionKind;

    fn channel_list(names: &[&str], has_more: bool) -> ListAnswer<ChannelEntry> {
        let entries = names
            .iter()
            .map(|name| ChannelEntry((*name).to_owned(), [0, 1, 2]));
        ListAnswer {
            entries: entries.collect(),
            has_more,
        }
    }

    fn connection_list(ids: &[&str], has_more: bool) -> ListAnswer<ConnectionEntry> {
        let entry = |id: &&str| {
            let info = ConnectionInfo {
                id: (*id).to_owned(),
                kind: ConnectionKind::Stream,
                channels: Vec::new(),
                age: Duration::ZERO,
                peer: None,
                queued: 0,
                node: None,
            };
            ConnectionEntry::new(info, format!("at-{id}"))
        };
        ListAnswer {
            entries: ids.iter().map(entry).collect(),
            has_more,
        }
    }

    #[test]
    fn subscribers_of_a_channel_are_added_up() {
        let lists = vec![
            channel_list(&["a", "c"], false),
            channel_list(&["b", "c"], false),
        ];
        let page = channels(lists, None);
        let sums: Vec<_> = page
            .entries
            .iter()
            .map(|it| (&*it.name, it.subscribers.total()))
            .collect();
        assert_eq!(sums, [("a", 3), ("b", 3), ("c", 6)]);
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_page_of_channels_ends_where_a_list_goes_on() {
        // What the first has behind `b` nobody knows, `c` perhaps.
        let lists = vec![
            channel_list(&["a", "b"], true),
            channel_list(&["a", "c"], false),
        ];
        let page = channels(lists, None);
        let names: Vec<_> = page.entries.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(page.next, Some(channel_cursor("b")));

        let lists = vec![
            channel_list(&["c", "d"], false),
            channel_list(&["a", "c"], false),
        ];
        let page = channels(lists, Some("b"));
        assert_eq!(
            page.entries.len(),
            2,
            "what stands before the cursor is left out"
        );
    }

    #[test]
    fn connections_stand_behind_each_other_by_nodes_up_to_a_list_that_goes_on() {
        let lists = vec![
            ("b".to_owned(), connection_list(&["3", "4"], true)),
            ("a".to_owned(), connection_list(&["1", "2"], false)),
            ("c".to_owned(), connection_list(&["5"], false)),
        ];
        let page = connections(lists);
        let ids: Vec<_> = page
            .entries
            .iter()
            .map(|it| (it.node.as_deref(), &*it.id))
            .collect();
        assert_eq!(
            ids,
            [
                (Some("a"), "1"),
                (Some("a"), "2"),
                (Some("b"), "3"),
                (Some("b"), "4")
            ]
        );
        assert_eq!(page.next.as_deref(), Some("b.at-4"));
    }

    #[test]
    fn a_list_is_cut_where_it_is_full_but_has_an_entry() {
        let names: Vec<_> = (0..10)
            .map(|n| ChannelEntry(format!("{n}"), [0, 0, 0]))
            .collect();
        let cut = ListAnswer::cut(names, false, 30);
        assert!(
            cut.has_more && (1..4).contains(&cut.entries.len()),
            "{cut:?}"
        );
        let cut = ListAnswer::cut([ChannelEntry("x".repeat(100), [0, 0, 0])], false, 30);
        assert!(!cut.has_more && cut.entries.len() == 1);
    }
}
