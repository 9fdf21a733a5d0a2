use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use gripware_core::{
    Filter,
    proxy::{Subject, Verdict},
};

use crate::parcel::Parcel;

/// That a connection follows a channel.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) channel: Arc<str>,
    pub(crate) filters: Box<[Filter]>,
    /// The id up to which the client has seen the channel, where the origin named one.
    pub(crate) place: Option<Box<str>>,
    /// Where it stands in the shard's list for the channel.
    pub(crate) position: u32,
}

/// What is known of a connection beside its channels (GRIP 1.9). Mostly nothing.
#[derive(Debug, Default)]
pub(crate) struct Meta(Option<Box<BTreeMap<String, String>>>);

impl Subscription {
    /// Whether an item follows what the client has seen.
    pub(crate) fn fits(&self, parcel: &Parcel) -> bool {
        self.place.is_none() || self.place == parcel.prev_id
    }

    /// Notes that the client has seen an item.
    pub(crate) fn moved(&mut self, parcel: &Parcel) {
        if self.place.is_some() {
            self.place.clone_from(&parcel.id);
        }
    }
}

impl Meta {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name).map(String::as_str)
    }

    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => {
                self.0
                    .get_or_insert_default()
                    .insert(name.to_owned(), value.to_owned());
            }
            None => {
                if let Some(meta) = &mut self.0 {
                    meta.remove(name);
                }
            }
        }
    }

    pub(crate) fn replace(&mut self, meta: &BTreeMap<String, String>) {
        self.0 = (!meta.is_empty()).then(|| Box::new(meta.clone()));
    }
}

/// Sends a content through the filters of a subscription.
pub(crate) fn filtered(
    index: usize,
    subscriptions: &[Subscription],
    meta: &Meta,
    parcel: &Parcel,
    content: &Bytes,
    wanted: &[Filter],
) -> Verdict {
    let Some(subscription) = subscriptions.get(index) else {
        return Verdict::Fail;
    };
    if subscription.filters.is_empty() && wanted.is_empty() {
        return Verdict::Send(content.clone());
    }
    let subject = Subject {
        filters: &subscription.filters,
        last_id: &|channel| {
            let found = subscriptions.iter().find(|it| *it.channel == *channel)?;
            Some(found.place.as_deref().unwrap_or_default())
        },
        meta: &|name| meta.get(name),
        item_meta: &parcel.meta,
    };
    subject.apply(content, wanted)
}
