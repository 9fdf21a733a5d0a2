//! One server-sent event, encoded.

use std::time::Duration;

use serde::Serialize;

use super::{
    Content,
    error::{FirstError, ItemError},
};

/// One server-sent event, to be published to `stream` holds of the type `text/event-stream`.
///
/// Data may have any line breaks (`\n`, `\r\n`, `\r`): each line becomes a `data` field, and a
/// browser joins them with `\n`. An event without data is not dispatched by browsers; alone, a
/// comment keeps a connection busy and an id moves the last event id.
///
/// ```
/// use gripware_core::item::{ItemError, SseEvent};
///
/// let event = SseEvent::new().id("7").data("one\r\ntwo");
/// assert_eq!(event.encode(), Ok("id: 7\ndata: one\ndata: two\n\n".to_owned()));
///
/// // Browsers ignore an id with NUL: the client would go on from the wrong place.
/// assert_eq!(SseEvent::new().id("7\0").encode(), Err(ItemError::EventId));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SseEvent {
    comment: Option<String>,
    event: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
    data: Option<Content>,
    error: FirstError,
}

impl SseEvent {
    /// Creates an event with nothing in it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the data, in place of any set before.
    pub fn data(mut self, data: impl Into<String>) -> Self {
        self.data = Some(Content::text(data.into()));
        self
    }

    /// Sets the data to a value as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.data = Some(Content::json(value, "", &mut self.error));
        self
    }

    /// Sets the event's name. Without it the browser dispatches `message`.
    pub fn event(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if name.contains(['\n', '\r']) {
            self.error.set(ItemError::EventName);
        }
        self.event = Some(name);
        self
    }

    /// Sets the id that the browser sends back as `Last-Event-ID`. An empty one resets it.
    ///
    /// This is not the id of the item: set that with [`Item::id`](super::Item::id).
    pub fn id(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        if id.contains(['\n', '\r', '\0']) {
            self.error.set(ItemError::EventId);
        }
        self.id = Some(id);
        self
    }

    /// Sets how long the browser waits before it connects again, in whole milliseconds.
    pub fn retry(mut self, after: Duration) -> Self {
        self.retry = Some(after);
        self
    }

    /// Sets a comment, which browsers ignore. It may have several lines.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Returns the event as it stands in the stream, with the empty line that ends it.
    ///
    /// # Errors
    /// The first that a setter found.
    pub fn encode(&self) -> Result<String, ItemError> {
        self.error.check()?;
        let data = self.data.as_ref().and_then(Content::as_text);
        let mut out = String::with_capacity(64 + data.map_or(0, str::len));
        if let Some(comment) = &self.comment {
            fields(&mut out, "", comment);
        }
        if let Some(event) = &self.event {
            field(&mut out, "event", event);
        }
        if let Some(id) = &self.id {
            field(&mut out, "id", id);
        }
        if let Some(retry) = self.retry {
            field(&mut out, "retry", &retry.as_millis().to_string());
        }
        if let Some(data) = data {
            fields(&mut out, "data", data);
        }
        out.push('\n');
        Ok(out)
    }
}

/// One field for each line of `text`.
fn fields(out: &mut String, name: &str, mut text: &str) {
    while let Some((line, rest)) = text.split_once(['\n', '\r']) {
        // The first character found is the break; "\r\n" is one.
        let is_pair = text.as_bytes().get(line.len()) == Some(&b'\r') && rest.starts_with('\n');
        field(out, name, line);
        text = if is_pair {
            rest.strip_prefix('\n').unwrap_or(rest)
        } else {
            rest
        };
    }
    field(out, name, text);
}

fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    // A reader takes away one space, so a value that starts with one keeps it.
    out.push_str(": ");
    out.push_str(value);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_fields_stand_in_one_event() {
        let event = SseEvent::new()
            .comment("hi\nthere")
            .event("join")
            .id("7")
            .retry(Duration::from_millis(1500))
            .json(&["é"]);
        assert_eq!(
            event.encode().unwrap(),
            ": hi\n: there\nevent: join\nid: 7\nretry: 1500\ndata: [\"é\"]\n\n"
        );
    }

    #[test]
    fn data_is_split_at_each_kind_of_line_break() {
        for (data, lines) in [
            ("", "data: \n\n"),
            ("a\n", "data: a\ndata: \n\n"),
            (
                "a\r\nb\rc\n\rd",
                "data: a\ndata: b\ndata: c\ndata: \ndata: d\n\n",
            ),
            ("\r\r\n", "data: \ndata: \ndata: \n\n"),
            (" x", "data:  x\n\n"),
        ] {
            assert_eq!(
                SseEvent::new().data(data).encode().unwrap(),
                lines,
                "{data:?}"
            );
        }
    }

    #[test]
    fn what_would_start_another_field_is_refused() {
        for name in ["a\n", "\rdata: x", "a\r\nb"] {
            let event = SseEvent::new().event(name);
            assert_eq!(event.encode(), Err(ItemError::EventName));
            assert_eq!(SseEvent::new().id(name).encode(), Err(ItemError::EventId));
        }
        let both = SseEvent::new().id("\0").event("\n");
        assert_eq!(both.encode(), Err(ItemError::EventId), "the first wins");
    }

    proptest! {
        #[test]
        fn a_browser_reads_the_data_with_its_breaks_made_newlines(data in "[ab:\n\r ]{0,12}") {
            let text = SseEvent::new().data(data.as_str()).encode().unwrap();
            let lines: Vec<_> = text.strip_suffix("\n\n").unwrap().split('\n').collect();
            let read: Vec<_> = lines.iter().map(|line| line.strip_prefix("data: ").unwrap()).collect();
            let expected = data.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read.join("\n"), expected);
        }
    }
}
