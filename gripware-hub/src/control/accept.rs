//! Content negotiation: text or JSON for the answer to a publish (RFC 9110, section 12.5.1).

use gripware_core::header::trim_ows;
use http::{HeaderMap, header::ACCEPT};

/// How the answer to a publish is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

impl Form {
    /// Returns the form that the client prefers; `None` if it accepts neither.
    ///
    /// Of equal weights the first that it names wins, and text if it names neither.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(trim_ows)
            .filter(|range| !range.is_empty())
            .map(Range::read)
            .enumerate()
            .peekable();
        if ranges.peek().is_none() {
            return Some(Self::Text);
        }
        let mut text = None;
        let mut json = None;
        for (place, range) in ranges {
            range.count(place, "text", "plain", &mut text);
            range.count(place, "application", "json", &mut json);
        }
        match (text, json) {
            (Some(text), Some(json)) if json > text && json.weight > 0 => Some(Self::Json),
            (None, Some(json)) if json.weight > 0 => Some(Self::Json),
            (Some(text), _) if text.weight > 0 => Some(Self::Text),
            _ => None,
        }
    }
}

/// A part of an `Accept` header (RFC 9110, section 12.5.1).
struct Range<'a> {
    kind: &'a str,
    subkind: &'a str,
    /// In thousandths.
    weight: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';').map(trim_ows);
        let range = parts.next().unwrap_or_default();
        let (kind, subkind) = range.split_once('/').unwrap_or((range, ""));
        let weight = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| trim_ows(name).eq_ignore_ascii_case("q"))
            .map_or(1000, |(_, value)| thousandths(trim_ows(value)));
        Self {
            kind,
            subkind,
            weight,
        }
    }

    /// Notes this range for a type that it fits, unless a closer fit is known.
    fn count(&self, place: usize, kind: &str, subkind: &str, best: &mut Option<Liking>) {
        let closeness = if self.kind == "*" && self.subkind == "*" {
            0
        } else if !self.kind.eq_ignore_ascii_case(kind) {
            return;
        } else if self.subkind == "*" {
            1
        } else if self.subkind.eq_ignore_ascii_case(subkind) {
            2
        } else {
            return;
        };
        if best.is_none_or(|best| best.closeness < closeness) {
            *best = Some(Liking {
                closeness,
                weight: self.weight,
                place,
            });
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Liking {
    closeness: u8,
    weight: u16,
    place: usize,
}

impl PartialOrd for Liking {
    /// By weight, then by who comes first.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(
            self.weight
                .cmp(&other.weight)
                .then(other.place.cmp(&self.place)),
        )
    }
}

/// A weight of 0 to 1; what is no number weighs nothing.
fn thousandths(text: &str) -> u16 {
    let weight: f32 = text.parse().unwrap_or(0.0);
    if weight > 0.0 {
        (weight.min(1.0) * 1000.0) as u16
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Form::wanted(&headers)
    }

    #[test]
    fn a_client_gets_the_form_that_it_asks_for() {
        assert_eq!(Form::wanted(&HeaderMap::new()), Some(Form::Text));
        for text in [
            "",
            "*/*",
            "text/plain",
            "text/*",
            "Text/Plain; charset=utf-8",
            "image/png, */*",
            "application/json;q=0.5, text/plain",
            "text/plain, application/json",
            "*/*, application/json;q=0",
        ] {
            assert_eq!(wanted(text), Some(Form::Text), "{text}");
        }
        for json in [
            "application/json",
            "application/*",
            "application/json, text/plain, */*",
            "text/plain;q=0.9, application/json",
            "*/*;q=0.1, application/json",
            "*/*, text/plain;q=0",
        ] {
            assert_eq!(wanted(json), Some(Form::Json), "{json}");
        }
        for neither in [
            "image/png",
            "text/html",
            "application",
            "*/json",
            "*/*;q=0",
            "text/plain;q=0",
            "text/plain;q=x",
        ] {
            assert_eq!(wanted(neither), None, "{neither}");
        }
    }
}
