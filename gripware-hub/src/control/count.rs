//! How many subscribers items were for: of this node, or of all where the query asks for it.

use gripware_core::{Channel, Item};
use http::{HeaderName, HeaderValue, StatusCode};

use super::{
    answer::{Answer, Refused},
    target::Target,
};
use crate::{inspect::Subscribers, nodes::Gathered};

const SUBSCRIBERS: HeaderName = HeaderName::from_static("grip-subscribers");
const SUBSCRIBERS_EACH: HeaderName = HeaderName::from_static("grip-subscribers-each");

/// The most items of which each is counted in the answer, so that its head stays small.
const MAX_EACH: usize = 100;

/// The most items that are counted at all nodes: their channels are asked for in one question.
const MAX_COUNTED: usize = 1_000;

/// Whose subscribers are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Here,
    Everywhere,
}

impl Scope {
    /// Reads `count=all`.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Refused> {
        let mut parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        match parameters.find(|(name, _)| name == "count") {
            None => Ok(Self::Here),
            Some((_, value)) if value == "all" => Ok(Self::Everywhere),
            Some(_) => Err(bad("Invalid count.")),
        }
    }

    /// Counts for how many subscribers of all nodes each item is, where that is asked for: before
    /// they are published, as a long poll that one answers is gone afterwards.
    pub(super) async fn count(
        self,
        target: &impl Target,
        items: &[(Channel, Item)],
    ) -> Result<Option<Gathered<Vec<usize>>>, Refused> {
        if self == Self::Here {
            return Ok(None);
        }
        if items.len() > MAX_COUNTED {
            return Err(bad("Too many items to count."));
        }
        let mut channels: Vec<_> = items.iter().map(|(channel, _)| channel.name()).collect();
        channels.sort_unstable();
        channels.dedup();
        let all = target.subscribers(&channels).await;
        let of = |channel: &Channel| {
            let at = channels.binary_search(&channel.name()).ok()?;
            all.value.get(at).copied()
        };
        let counts = items.iter().map(|(channel, item)| {
            let followers: Subscribers = of(channel).unwrap_or_default();
            item.parts()
                .map_or(0, |parts| followers.of_formats(parts).total())
        });
        Ok(Some(Gathered::new(counts.collect(), all.nodes)))
    }
}

fn bad(line: &'static str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, line)
}

/// Adds for how many subscribers the items were, and where they are few, for how many each was.
pub(super) fn write(answer: Answer, counts: &[usize]) -> Answer {
    let mut answer = write_total(answer, counts);
    if (1..=MAX_EACH).contains(&counts.len()) {
        let each: Vec<_> = counts.iter().map(usize::to_string).collect();
        if let Ok(each) = HeaderValue::try_from(each.join(", ")) {
            answer.headers_mut().insert(SUBSCRIBERS_EACH, each);
        }
    }
    answer
}

pub(super) fn write_total(mut answer: Answer, counts: &[usize]) -> Answer {
    let total = counts
        .iter()
        .fold(0, |sum: usize, it| sum.saturating_add(*it));
    answer
        .headers_mut()
        .insert(SUBSCRIBERS, HeaderValue::from(total));
    answer
}
