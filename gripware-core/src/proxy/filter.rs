use std::{borrow::Cow, fmt};

use bytes::Bytes;

use super::template::fill;
use crate::{Filter, header::trim_ows};

/// By how many bytes a filter may make a content longer. One of many directives and a long value
/// could fill the memory otherwise.
pub const MAX_GROWTH: usize = 1_000_000;

/// What the filters between an item and one subscriber look at (GRIP 1.9).
///
/// `http-check` and `http-modify` ask a server and are not done here: they let everything pass, as
/// do filters of unknown names.
///
/// ```
/// use bytes::Bytes;
/// use gripware_core::{Filter, proxy::{Subject, Verdict}};
///
/// let subject = Subject {
///     filters: &[Filter::SkipSelf],
///     last_id: &|channel| (channel == "room").then_some(""),
///     meta: &|name| (name == "user").then_some("anna"),
///     item_meta: &[("sender".to_owned(), "anna".to_owned())],
/// };
/// assert_eq!(subject.apply(&Bytes::from("hi"), &[]), Verdict::Drop);
/// ```
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The filters of the subscription.
    pub filters: &'a [Filter],
    /// The id of the last item that the connection has got on the channel of this name, which is
    /// empty where none has come. Nothing where it is not subscribed to it.
    pub last_id: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The connection's meta, by name.
    pub meta: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The item's meta.
    pub item_meta: &'a [(String, String)],
}

/// What becomes of an item for one subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is delivered with this content.
    Send(Bytes),
    /// A filter keeps it back.
    Drop,
    /// A filter fails, or the filters are not those that the item asks for: it is not delivered,
    /// and does not count as seen.
    Fail,
}

impl Subject<'_> {
    /// Sends a content through the filters of the subscription. `wanted` are the content filters
    /// that the item's format insists on, if any. What no filter changes is shared, not copied.
    #[must_use]
    pub fn apply(&self, content: &Bytes, wanted: &[Filter]) -> Verdict {
        let filters = self.filters;
        if !wanted.is_empty() && !filters.iter().filter(changes_content).eq(wanted) {
            return Verdict::Fail;
        }
        let mut content = content.clone();
        for filter in filters {
            let filled = match filter {
                Filter::SkipSelf | Filter::SkipUsers | Filter::RequireSub => {
                    if self.is_dropped_by(filter) {
                        return Verdict::Drop;
                    }
                    continue;
                }
                // An end or a hint has nothing that could be filled in.
                Filter::VarSubst | Filter::BuildId if content.is_empty() => continue,
                Filter::VarSubst => self.substitute(&content),
                Filter::BuildId => self.build_id(&content),
                _ => continue,
            };
            match filled {
                Some(filled) => content = filled.into(),
                None => return Verdict::Fail,
            }
        }
        Verdict::Send(content)
    }

    fn is_dropped_by(&self, filter: &Filter) -> bool {
        let user = (self.meta)("user").unwrap_or_default();
        match filter {
            Filter::SkipSelf => !user.is_empty() && self.item("sender") == Some(user),
            Filter::SkipUsers => {
                let skipped = self.item("skip_users").unwrap_or_default();
                let mut skipped = skipped.split(',').map(trim_ows);
                !user.is_empty() && skipped.any(|skipped| skipped == user)
            }
            _ => {
                let required = self.item("require_sub").unwrap_or_default();
                !required.is_empty() && (self.last_id)(required).is_none()
            }
        }
    }

    /// Puts the connection's meta in place of `%(name)s`.
    fn substitute(&self, content: &[u8]) -> Option<Vec<u8>> {
        fill(content, content.len() + MAX_GROWTH, |letter, name| {
            if letter != b's' {
                return None;
            }
            let name = std::str::from_utf8(name?).ok()?;
            (self.meta)(name).map(|value| Cow::Borrowed(value.as_bytes()))
        })
    }

    /// Puts ids in place of `%I`, which is the one that the meta `id_format` describes, and
    /// `%(id)I`. In the format `%(channel)s` is the last id of a channel. Meta are the connection's
    /// or else the item's.
    fn build_id(&self, content: &[u8]) -> Option<Vec<u8>> {
        let meta = |name| (self.meta)(name).or_else(|| self.item(name));
        let is_hex = match meta("id_encoding") {
            None => false,
            Some("hex") => true,
            Some(_) => return None,
        };
        let format = meta("id_format")?;
        let id = fill(format.as_bytes(), MAX_GROWTH, |letter, channel| {
            if letter != b's' {
                return None;
            }
            let channel = std::str::from_utf8(channel?).ok()?;
            let id = (self.last_id)(channel)?;
            Some(Cow::Borrowed(id.as_bytes()))
        })?;
        fill(content, content.len() + MAX_GROWTH, |letter, argument| {
            if letter != b'I' {
                return None;
            }
            let id = argument.unwrap_or(&id);
            Some(Cow::Owned(if is_hex { hex(id) } else { id.to_owned() }))
        })
    }

    fn item(&self, name: &str) -> Option<&str> {
        let found = self.item_meta.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("filters", &self.filters)
            .field("item_meta", &self.item_meta)
            .finish_non_exhaustive()
    }
}

fn changes_content(filter: &&Filter) -> bool {
    matches!(
        filter,
        Filter::BuildId | Filter::VarSubst | Filter::HttpModify
    )
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        }
    };
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(filters: &[&str], meta: &[(&str, &str)], item_meta: &[(&str, &str)]) -> Verdict {
        let filters: Vec<_> = filters
            .iter()
            .map(|it| Filter::custom(*it).unwrap())
            .collect();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let item_meta: Vec<_> = item_meta.iter().map(own).collect();
        let meta = |name: &str| meta.iter().find(|(known, _)| *known == name).map(|it| it.1);
        let subject = Subject {
            filters: &filters,
            last_id: &|channel| ["a", "b"].contains(&channel).then_some(""),
            meta: &meta,
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
            ("skip-users", &anna, ("skip_users", "\u{a0}anna"), sent()),
            (
                "skip-users",
                &[("user", "\u{3000}anna")],
                ("skip_users", "ben,\t\u{3000}anna "),
                Verdict::Drop,
            ),
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
    fn no_content_needs_no_filter() {
        let subject = Subject {
            filters: &[Filter::BuildId, Filter::VarSubst],
            last_id: &|_| None,
            meta: &|_| None,
            item_meta: &[],
        };
        let nothing = Bytes::new();
        assert_eq!(subject.apply(&nothing, &[]), Verdict::Send(nothing));
        assert_eq!(subject.apply(&Bytes::from("%I"), &[]), Verdict::Fail);
    }

    #[test]
    fn an_item_may_insist_on_filters_of_the_content() {
        let apply = |filters: &[Filter]| {
            let subject = Subject {
                filters,
                last_id: &|_| None,
                meta: &|_| None,
                item_meta: &[],
            };
            subject.apply(&Bytes::from("x"), &[Filter::VarSubst])
        };
        assert_eq!(apply(&[Filter::SkipSelf]), Verdict::Fail);
        assert_eq!(
            apply(&[Filter::SkipSelf, Filter::VarSubst]),
            Verdict::Send(Bytes::from("x"))
        );
    }

    fn built(content: &str, meta: &[(&str, &str)], item_meta: &[(&str, &str)]) -> Option<String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let subject = Subject {
            filters: &[Filter::BuildId],
            last_id: &|channel| match channel {
                "a" => Some("C3PO"),
                "b" => Some(""),
                _ => None,
            },
            meta: &|name| meta.iter().find(|(known, _)| *known == name).map(|it| it.1),
            item_meta: &item_meta.iter().map(own).collect::<Vec<_>>(),
        };
        match subject.apply(&Bytes::copy_from_slice(content.as_bytes()), &[]) {
            Verdict::Send(content) => Some(String::from_utf8(content.into()).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn ids_are_put_into_the_content() {
        let format = ("id_format", "%(a)s-%(b)s%%");
        let hex = ("id_encoding", "hex");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            built("id: %I, %(x\\))I", &[format], &[]),
            text("id: C3PO-%, x)")
        );
        assert_eq!(built("%I", &[], &[format]), text("C3PO-%"));
        assert_eq!(
            built("%I %(R2)I", &[format, hex], &[]),
            text("4333504f2d25 5232")
        );
        assert_eq!(built("100%%", &[format], &[]), text("100%"));
        for (content, meta) in [
            ("%I", ("x", "")),
            ("%s", format),
            ("%", format),
            ("%(I", format),
            ("%I", ("id_format", "%(none)s")),
            ("%I", ("id_format", "%s")),
        ] {
            assert_eq!(built(content, &[meta], &[]), None, "{content} {meta:?}");
        }
        assert_eq!(built("%I", &[format, ("id_encoding", "rot13")], &[]), None);
    }

    #[test]
    fn a_content_does_not_grow_without_end() {
        let value = "x".repeat(100_000);
        let apply = |count: usize| {
            let subject = Subject {
                filters: &[Filter::VarSubst],
                last_id: &|_| None,
                meta: &|_| Some(&value),
                item_meta: &[],
            };
            subject.apply(&Bytes::from("%(user)s".repeat(count)), &[])
        };
        assert!(matches!(apply(10), Verdict::Send(content) if content.len() == 1_000_000));
        assert_eq!(apply(11), Verdict::Fail);
    }
}
