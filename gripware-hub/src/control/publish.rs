//! Publishing over HTTP: the items of a body go to the [`Target`].

use std::error::Error;

use bytes::Bytes;
use gripware_core::{Channel, Item, json::lenient, proxy::decode_items};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::{
    accept::Form,
    answer::{self, Answer, Refused},
    closing::Closing,
    target::Target,
};
use crate::connection_id::Id;

const SUBSCRIBERS: HeaderName = HeaderName::from_static("grip-subscribers");
const SUBSCRIBERS_EACH: HeaderName = HeaderName::from_static("grip-subscribers-each");

/// The most items of which each is counted in the answer, so that its head stays small.
const MAX_EACH: usize = 100;

/// Publishes items and tells how many subscribers they are for.
pub(super) async fn publish(
    target: &impl Target,
    form: Form,
    items: &[(Channel, Item)],
) -> Result<Answer, Refused> {
    let mut total = 0_usize;
    let mut each = String::new();
    for (channel, item) in items {
        let published = target.publish(channel, item).await;
        let count = published
            .map_err(|error| Refused::not_relayed(&error))?
            .total();
        total = total.saturating_add(count);
        if items.len() <= MAX_EACH {
            if !each.is_empty() {
                each.push_str(", ");
            }
            each.push_str(&count.to_string());
        }
    }
    let mut answer = answer::done(form, "Published");
    let headers = answer.headers_mut();
    headers.insert(SUBSCRIBERS, HeaderValue::from(total));
    if let Ok(each) = HeaderValue::try_from(each)
        && !each.is_empty()
    {
        headers.insert(SUBSCRIBERS_EACH, each);
    }
    Ok(answer)
}

/// Ends the connections of a channel.
pub(super) async fn close(target: &impl Target, closing: &Closing) -> Result<Answer, Refused> {
    let published = target.publish(&closing.channel, &closing.item).await;
    let count = published.map_err(|error| Refused::not_relayed(&error))?;
    let mut answer = answer::no_content();
    let count = HeaderValue::from(count.total());
    answer.headers_mut().insert(SUBSCRIBERS, count);
    Ok(answer)
}

/// Hands items to one connection.
pub(super) async fn publish_to(
    target: &impl Target,
    form: Form,
    id: Id,
    items: &[(Channel, Item)],
) -> Result<Answer, Refused> {
    for (_, item) in items {
        let published = target.publish_to(id, item).await;
        Refused::unless_found(published.map_err(|error| Refused::not_relayed(&error))?)?;
    }
    let mut answer = answer::done(form, "Published");
    let reached = HeaderValue::from(items.len());
    answer.headers_mut().insert(SUBSCRIBERS, reached);
    Ok(answer)
}

/// Decodes the items of a body, all of them or none: one that is not valid, or has more than
/// `max_item` bytes as JSON, refuses the whole.
pub(super) fn decode(body: &[u8], max_item: usize) -> Result<Vec<(Channel, Item)>, Refused> {
    let items = decode_items(body).map_err(|error| bad_request(&error))?;
    for (channel, item) in &items {
        item.check_size(channel.name(), max_item)
            .map_err(|error| bad_request(&error))?;
    }
    Ok(items)
}

fn bad_request(error: &dyn Error) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, error.to_string())
}

/// The body with a channel in each item that has none: to be decoded an item needs one.
///
/// What has another form is left to the decoder, which says what is wrong.
pub(super) fn addressed(body: &Bytes) -> Bytes {
    let Ok(mut value) = serde_json::from_slice::<Value>(&lenient(body)) else {
        return body.clone();
    };
    let items = value.get_mut("items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
        address(item);
    }
    serde_json::to_vec(&value).map_or_else(|_| body.clone(), Bytes::from)
}

fn address(item: &mut Map<String, Value>) {
    item.entry("channel")
        .or_insert_with(|| Value::from("connection"));
}
