//! Publishing over HTTP: the items of a body go to the [`Target`].

use std::error::Error;

use bytes::Bytes;
use gripware_core::{Channel, Item, json::lenient, proxy::decode_items};
use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    accept::Form,
    answer::{self, Answer, Refused},
    closing::Closing,
    count::{self, Scope},
    target::Target,
};
use crate::{connection_id::Id, inspect::Subscribers};

/// Publishes items and tells how many subscribers they are for.
pub(super) async fn publish(
    target: &impl Target,
    form: Form,
    scope: Scope,
    items: &[(Channel, Item)],
) -> Result<Answer, Refused> {
    let everywhere = scope.count(target, items).await?;
    let published = target.publish(items).await;
    let here = published.map_err(|error| Refused::not_relayed(&error))?;
    let answer = answer::done(form, "Published");
    Ok(match everywhere {
        Some(all) => answer::of_nodes(count::write(answer, &all.value), all.nodes),
        None => count::write(answer, &totals(&here)),
    })
}

/// How many subscribers each item is for.
fn totals(each: &[Subscribers]) -> Vec<usize> {
    each.iter().map(Subscribers::total).collect()
}

/// Ends the connections of a channel.
pub(super) async fn close(
    target: &impl Target,
    scope: Scope,
    closing: &Closing,
) -> Result<Answer, Refused> {
    let item = [(closing.channel.clone(), closing.item.clone())];
    let everywhere = scope.count(target, &item).await?;
    let published = target.publish(&item).await;
    let here = published.map_err(|error| Refused::not_relayed(&error))?;
    let answer = answer::no_content();
    Ok(match everywhere {
        Some(all) => answer::of_nodes(count::write_total(answer, &all.value), all.nodes),
        None => count::write_total(answer, &totals(&here)),
    })
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
    let answer = answer::done(form, "Published");
    Ok(count::write_total(answer, &[items.len()]))
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
