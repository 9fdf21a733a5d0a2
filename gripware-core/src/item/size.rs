//! The size of an item: as JSON, which is what counts everywhere.

use super::{HttpBody, Item, ItemError, ItemParts, WsMessageKind};

/// No byte becomes longer as JSON than `\u0000` does.
const MOST_OF_A_BYTE: usize = 6;

/// More than all names and all punctuation of an item take, and of one of its headers or meta.
const FIXED: usize = 1024;
const EACH: usize = 16;

impl Item {
    /// Checks that the item, as the JSON object that [`encode_json`](Self::encode_json) writes for
    /// this channel without a prefix, has `limit` bytes at most.
    ///
    /// So an item that is handed over in memory has the same limit as one that comes over HTTP. Most
    /// items are so far below it that no JSON is made.
    ///
    /// # Errors
    /// [`ItemError::TooLarge`] with the size, and as [`check`](Self::check).
    pub fn check_size(&self, channel: &str, limit: usize) -> Result<(), ItemError> {
        if self.parts()?.longest_json(channel) <= limit {
            return Ok(());
        }
        let mut json = Vec::new();
        self.encode_json(channel, "", &mut json)?;
        match json.len() {
            length if length > limit => Err(ItemError::TooLarge { length, limit }),
            _ => Ok(()),
        }
    }
}

impl ItemParts {
    /// Checks the same of the parts of a valid item.
    ///
    /// # Errors
    /// As [`Item::check_size`].
    pub fn check_size(&self, channel: &str, limit: usize) -> Result<(), ItemError> {
        if self.longest_json(channel) <= limit {
            return Ok(());
        }
        Item::from_parts(self.clone()).check_size(channel, limit)
    }

    /// More than it has as JSON, without making any.
    fn longest_json(&self, channel: &str) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let response = self.http_response.as_ref().map_or(0, |format| {
            let headers = format.headers().iter();
            let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + EACH);
            let body = match format.body() {
                HttpBody::Content(content) => content.as_bytes().len(),
                HttpBody::Patch(patch) => patch.len(),
            };
            headers.sum::<usize>() + body
        });
        let stream = self.http_stream.as_ref();
        let stream = stream.map_or(0, |format| format.content().as_bytes().len());
        let message = self.ws_message.as_ref();
        let message = message.map_or(0, |format| match format.kind() {
            WsMessageKind::Text(content) => content.as_bytes().len(),
            WsMessageKind::Binary(data) | WsMessageKind::Ping(data) | WsMessageKind::Pong(data) => {
                data.len()
            }
            WsMessageKind::Close { reason, .. } => reason.len(),
            WsMessageKind::Refresh => 0,
        });
        let meta = self.meta.iter();
        let meta = meta.map(|(name, value)| name.len() + value.len() + EACH);
        let bytes = channel.len()
            + text(&self.id)
            + text(&self.prev_id)
            + response
            + stream
            + message
            + meta.sum::<usize>();
        FIXED.saturating_add(bytes.saturating_mul(MOST_OF_A_BYTE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{HttpResponse, HttpStream, WsMessage},
        *,
    };

    fn length(item: &Item) -> usize {
        let mut json = Vec::new();
        item.encode_json("room", "", &mut json).unwrap();
        json.len()
    }

    #[test]
    fn the_size_is_that_of_the_json_to_the_byte() {
        let item = Item::from(WsMessage::text("\0".repeat(1000)));
        let length = length(&item);
        assert!(length > 6000);
        assert_eq!(item.check_size("room", length), Ok(()));
        let limit = length - 1;
        let error = item.check_size("room", limit).unwrap_err();
        assert_eq!(error, ItemError::TooLarge { length, limit });
        let of_parts = item.parts().unwrap().check_size("room", limit);
        assert_eq!(of_parts, Err(error.clone()));
        assert_eq!(
            error.to_string(),
            format!("an item of {length} bytes as JSON is over the limit of {limit}")
        );
    }

    proptest! {
        #[test]
        fn what_is_called_longer_than_the_json_is(
            text in any::<String>(),
            data in any::<Vec<u8>>(),
            name in "[a-z]{1,9}",
            meta in any::<String>(),
        ) {
            let response = HttpResponse::bytes(data.clone()).header(&*name, "value");
            let item = Item::new()
                .http_response(response)
                .http_stream(HttpStream::text(text))
                .ws_message(WsMessage::binary(data))
                .meta(name, meta)
                .id("1");
            prop_assume!(item.check().is_ok());
            prop_assert!(item.parts().unwrap().longest_json("room") >= length(&item));
        }
    }
}
