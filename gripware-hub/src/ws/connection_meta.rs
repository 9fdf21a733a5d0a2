//! What the origin has the proxy remember about a WebSocket (GRIP 2.2, 2.3).

use gripware_core::{
    Limits,
    header::{META_PREFIX, SET_META_PREFIX},
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The items of meta that go with every request, within [`Limits::meta`] and
/// [`Limits::instruct_headers`].
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionMeta {
    /// With `meta-` before each name.
    items: Vec<(HeaderName, HeaderValue)>,
}

impl ConnectionMeta {
    /// Obeys the `Set-Meta-*` headers of an answer. Whether all of them could be: those that are
    /// over a limit are not kept.
    pub(crate) fn take(&mut self, headers: &HeaderMap, limits: &Limits) -> bool {
        let mut has_room = true;
        for (name, value) in headers {
            let Some(item) = name.as_str().strip_prefix(SET_META_PREFIX) else {
                continue;
            };
            let is_it = |other: &HeaderName| other.as_str().strip_prefix(META_PREFIX) == Some(item);
            let earlier = self.items.iter().position(|(other, _)| is_it(other));
            let earlier = earlier.map(|index| self.items.swap_remove(index));
            if value.is_empty() || item.is_empty() {
                continue;
            }
            let added = META_PREFIX.len() + item.len() + value.len();
            if self.items.len() < limits.meta && self.len() + added <= limits.instruct_headers {
                let name = match &earlier {
                    Some((name, _)) => name.clone(),
                    None => match HeaderName::try_from([META_PREFIX, item].concat()) {
                        Ok(name) => name,
                        Err(_) => continue,
                    },
                };
                self.items.reserve_exact(1);
                self.items.push((name, value.clone()));
            } else {
                has_room = false;
                self.items.extend(earlier);
            }
        }
        if self.items.is_empty() {
            self.items = Vec::new();
        }
        has_room
    }

    /// Adds the `Meta-*` headers of a request.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.items {
            headers.insert(name, value.clone());
        }
    }

    /// How many bytes the headers have.
    fn len(&self) -> usize {
        let lengths = self.items.iter();
        lengths
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(items: &[(&'static str, &'static str)]) -> HeaderMap {
        let items = items.iter();
        items
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn written(meta: &ConnectionMeta) -> HeaderMap {
        let mut headers = HeaderMap::new();
        meta.write(&mut headers);
        headers
    }

    #[test]
    fn what_is_set_is_remembered_until_it_is_set_to_nothing() {
        let (mut meta, limits) = (ConnectionMeta::default(), Limits::default());
        let first = answer(&[("set-meta-user", "anna"), ("set-meta-n", "1"), ("x", "y")]);
        assert!(meta.take(&first, &limits));
        assert_eq!(
            written(&meta),
            answer(&[("meta-user", "anna"), ("meta-n", "1")])
        );
        let second = answer(&[("set-meta-user", ""), ("set-meta-n", "2")]);
        assert!(meta.take(&second, &limits));
        assert_eq!(written(&meta), answer(&[("meta-n", "2")]));
    }

    #[test]
    fn what_is_over_a_limit_is_not_remembered_and_leaves_what_was() {
        let (mut meta, mut limits) = (ConnectionMeta::default(), Limits::default());
        limits.meta = 1;
        assert!(!meta.take(
            &answer(&[("set-meta-a", "1"), ("set-meta-b", "2")]),
            &limits
        ));
        assert_eq!(written(&meta), answer(&[("meta-a", "1")]));
        limits.instruct_headers = 8;
        assert!(!meta.take(&answer(&[("set-meta-a", "long")]), &limits));
        assert_eq!(written(&meta), answer(&[("meta-a", "1")]));
    }
}
