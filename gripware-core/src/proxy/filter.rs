use std::collections::BTreeMap;

use bytes::Bytes;
use gripware_core::{Channel, Filter};

/// What a filter looks at (GRIP 1.9).
pub(super) struct Subject<'a> {
    /// The subscription whose filters apply.
    pub(super) channel: &'a Channel,
    /// All channels of the connection.
    pub(super) channels: &'a [Channel],
    /// The connection's meta.
    pub(super) meta: &'a BTreeMap<String, String>,
    /// The item's meta.
    pub(super) item_meta: &'a [(String, String)],
}

/// What becomes of an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is delivered with this content.
    Send(Bytes),
    /// A filter keeps it back.
    Drop,
    /// A filter fails, or the filters are not those that the item asks for: it is not delivered,
    /// and does not count as seen.
    Fail,
}

impl Subject<'_> {
    /// Sends a content through the filters of the subscription.
    pub(super) fn apply(&self, content: &Bytes, wanted: &[Filter]) -> Verdict {
        let filters = self.channel.filters();
        let changes_content = |filter: &&Filter| {
            matches!(
                filter,
                Filter::BuildId | Filter::VarSubst | Filter::HttpModify
            )
        };
        if !wanted.is_empty() && !filters.iter().filter(changes_content).eq(wanted) {
            return Verdict::Fail;
        }
        let user = self.meta.get("user").map_or("", String::as_str);
        let mut content = content.clone();
        for filter in filters {
            let is_dropped = match filter {
                Filter::SkipSelf => !user.is_empty() && self.item("sender") == user,
                Filter::SkipUsers => {
                    let mut skipped = self.item("skip_users").split(',').map(str::trim);
                    !user.is_empty() && skipped.any(|skipped| skipped == user)
                }
                Filter::RequireSub => {
                    let required = self.item("require_sub");
                    let mut names = self.channels.iter().map(Channel::name);
                    !required.is_empty() && !names.any(|name| name == required)
                }
                Filter::VarSubst => {
                    let Some(filled) = substitute(&content, self.meta) else {
                        return Verdict::Fail;
                    };
                    content = filled;
                    false
                }
                _ => false,
            };
            if is_dropped {
                return Verdict::Drop;
            }
        }
        Verdict::Send(content)
    }

    fn item(&self, name: &str) -> &str {
        let found = self.item_meta.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Puts meta in place of `%(name)s`, and `%` in place of `%%`. Nothing where there is no such
/// meta, or another directive.
fn substitute(content: &[u8], meta: &BTreeMap<String, String>) -> Option<Bytes> {
    let mut out = Vec::with_capacity(content.len());
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        match bytes.next()? {
            b'%' => out.push(b'%'),
            b'(' => {
                let mut name = Vec::new();
                loop {
                    match bytes.next()? {
                        b')' => break,
                        b'\\' => name.push(bytes.next()?),
                        byte => name.push(byte),
                    }
                }
                let value = meta.get(std::str::from_utf8(&name).ok()?)?;
                if bytes.next()? != b's' {
                    return None;
                }
                out.extend_from_slice(value.as_bytes());
            }
            _ => return None,
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(filters: &[&str], meta: &[(&str, &str)], item_meta: &[(&str, &str)]) -> Verdict {
        let mut channel = Channel::new("a").unwrap();
        for filter in filters {
            channel = channel.with_filter(Filter::custom(*filter).unwrap());
        }
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let item_meta: Vec<_> = item_meta.iter().map(own).collect();
        let subject = Subject {
            channel: &channel,
            channels: &[channel.clone(), Channel::new("b").unwrap()],
            meta: &meta.iter().map(own).collect(),
            item_meta: &item_meta,
        };
        subject.apply(&Bytes::from("to %(user)s, 100%%"), &[])
    }

    #[test]
    fn users_are_skipped() {
        let anna = [("user", "anna")];
        let sent = || Verdict::Send(Bytes::from("to %(user)s, 100%%"));
        for (filter, meta, item_meta, verdict) in [
            ("skip-self", &anna[..], ("sender", "anna"), Verdict::Drop),
            ("skip-self", &anna, ("sender", "ben"), sent()),
            ("skip-self", &[], ("sender", ""), sent()),
            (
                "skip-users",
                &anna,
                ("skip_users", "ben, anna"),
                Verdict::Drop,
            ),
            ("skip-users", &anna, ("skip_users", "annabel"), sent()),
            ("require-sub", &[], ("require_sub", "b"), sent()),
            ("require-sub", &[], ("require_sub", "c"), Verdict::Drop),
            ("unheard-of", &anna, ("sender", "anna"), sent()),
        ] {
            assert_eq!(filtered(&[filter], meta, &[item_meta]), verdict, "{filter}");
        }
    }

    #[test]
    fn meta_is_put_into_the_content() {
        assert_eq!(
            filtered(&["var-subst"], &[("user", "al\"ice")], &[]),
            Verdict::Send(Bytes::from("to al\"ice, 100%"))
        );
        assert_eq!(filtered(&["var-subst"], &[], &[]), Verdict::Fail);
    }

    #[test]
    fn an_item_may_insist_on_filters_of_the_content() {
        let channel = Channel::new("a").unwrap().with_filter(Filter::SkipSelf);
        let apply = |channel: &Channel| {
            let subject = Subject {
                channel,
                channels: &[],
                meta: &BTreeMap::new(),
                item_meta: &[],
            };
            subject.apply(&Bytes::from("x"), &[Filter::VarSubst])
        };
        assert_eq!(apply(&channel), Verdict::Fail);
        let channel = channel.with_filter(Filter::VarSubst);
        assert_eq!(apply(&channel), Verdict::Send(Bytes::from("x")));
    }
}
