//! What goes through filters is dropped, or becomes no longer than it may.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use gripware_core::{
    Filter,
    proxy::{MAX_GROWTH, Subject, Verdict},
};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    filters: Vec<u8>,
    wanted: Vec<u8>,
    user: Option<&'a str>,
    id_format: Option<&'a str>,
    is_hex: bool,
    meta: BTreeMap<&'a str, &'a str>,
    last_ids: BTreeMap<&'a str, &'a str>,
    item_meta: Vec<(MetaName, String)>,
    content: Vec<Piece<'a>>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum MetaName {
    Sender,
    SkipUsers,
    RequireSub,
    IdFormat,
}

#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Bytes(&'a [u8]),
    Percent,
    User,
    Id,
    Named(&'a str),
    NamedId(&'a str),
    Many(u16),
}

/// The target. Whether the input is a good one.
pub fn filters(input: &[u8]) -> bool {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(input)) else {
        return false;
    };
    let filters = named(&input.filters);
    let wanted = named(&input.wanted);
    let name = |name: MetaName| match name {
        MetaName::Sender => "sender",
        MetaName::SkipUsers => "skip_users",
        MetaName::RequireSub => "require_sub",
        MetaName::IdFormat => "id_format",
    };
    let item_meta: Vec<_> = input
        .item_meta
        .iter()
        .map(|(it, value)| (name(*it).to_owned(), value.clone()))
        .collect();
    let mut content = Vec::new();
    for piece in &input.content {
        match piece {
            Piece::Bytes(bytes) => content.extend_from_slice(bytes),
            Piece::Percent => content.extend_from_slice(b"%%"),
            Piece::User => content.extend_from_slice(b"%(user)s"),
            Piece::Id => content.extend_from_slice(b"%I"),
            Piece::Named(name) => content.extend_from_slice(format!("%({name})s").as_bytes()),
            Piece::NamedId(name) => content.extend_from_slice(format!("%({name})I").as_bytes()),
            Piece::Many(count) => content.extend(b"%(user)s".repeat(usize::from(*count))),
        }
    }
    let content = Bytes::from(content);
    let subject = Subject {
        filters: &filters,
        last_id: &|channel| input.last_ids.get(channel).copied(),
        meta: &|name| match name {
            "user" => input.user,
            "id_format" => input.id_format,
            "id_encoding" => input.is_hex.then_some("hex"),
            _ => input.meta.get(name).copied(),
        },
        item_meta: &item_meta,
    };
    match subject.apply(&content, &wanted) {
        Verdict::Send(sent) => {
            let changes = |it: &&Filter| matches!(it, Filter::VarSubst | Filter::BuildId);
            let count = filters.iter().filter(changes).count();
            assert!(sent.len() <= content.len() + count * MAX_GROWTH);
            assert!(count > 0 || sent == content);
            assert!(content.contains(&b'%') || sent == content);
            true
        }
        Verdict::Drop => {
            let drops = |it: &Filter| {
                matches!(
                    it,
                    Filter::SkipSelf | Filter::SkipUsers | Filter::RequireSub
                )
            };
            assert!(filters.iter().any(drops));
            true
        }
        _ => {
            assert!(!filters.is_empty() || !wanted.is_empty());
            false
        }
    }
}

fn named(numbers: &[u8]) -> Vec<Filter> {
    let filter = |number: &u8| match number % 8 {
        0 => Filter::SkipSelf,
        1 => Filter::SkipUsers,
        2 => Filter::RequireSub,
        3 => Filter::BuildId,
        4 => Filter::HttpModify,
        _ => Filter::VarSubst,
    };
    numbers.iter().take(5).map(filter).collect()
}
