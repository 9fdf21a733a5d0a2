//! Writes an item as a control endpoint reads it (GRIP 3.1).

use http::StatusCode;

use super::{
    Action, Content, HttpBody, HttpResponse, HttpStream, Item, ItemError, ItemParts, WsMessage,
    WsMessageKind,
    item::REQUIRE_SUB,
    json::{base64, escaped, number, string},
};
use crate::Filter;

impl Item {
    /// Writes the item as the JSON object that a control endpoint takes (GRIP 3.2), to the end of
    /// `out`, which grows once.
    ///
    /// `prefix` goes before the channel's name and before the channel in the meta `require_sub`.
    /// The name is taken as it is: [`Channel`](crate::Channel) knows which are valid.
    ///
    /// # Errors
    /// As [`check`](Self::check); `out` is then as it was.
    pub fn encode_json(
        &self,
        channel: &str,
        prefix: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), ItemError> {
        let parts = self.parts()?;
        out.reserve(expected_length(parts) + channel.len() + prefix.len());
        out.extend_from_slice(b"{\"channel\":\"");
        escaped(out, prefix.as_bytes());
        escaped(out, channel.as_bytes());
        out.push(b'"');
        if let Some(id) = &parts.id {
            out.extend_from_slice(b",\"id\":");
            string(out, id.as_bytes());
        }
        if let Some(id) = &parts.prev_id {
            out.extend_from_slice(b",\"prev-id\":");
            string(out, id.as_bytes());
        }
        if !parts.meta.is_empty() {
            meta(out, &parts.meta, prefix);
        }
        if parts.no_seq {
            out.extend_from_slice(b",\"no-seq\":true");
        }
        if let Some(size) = parts.size {
            out.extend_from_slice(b",\"size\":");
            number(out, size);
        }
        out.extend_from_slice(b",\"formats\":{");
        let mut separator: &[u8] = b"";
        if let Some(format) = &parts.http_response {
            http_response(out, format);
            separator = b",";
        }
        if let Some(format) = &parts.http_stream {
            out.extend_from_slice(separator);
            http_stream(out, format);
            separator = b",";
        }
        if let Some(format) = &parts.ws_message {
            out.extend_from_slice(separator);
            ws_message(out, format);
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }
}

/// Enough for most items: names and punctuation, and a quarter of a text for its escapes, which is
/// what JSON in a text needs.
fn expected_length(parts: &ItemParts) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() + 16);
    let content = |content: &Content| {
        let length = content.as_bytes().len();
        48 + if content.is_binary() {
            length / 3 * 4 + 4
        } else {
            length + length / 4
        }
    };
    let bytes = |length: usize| 64 + length / 3 * 4 + 4;
    let response = parts.http_response.as_ref().map_or(0, |format| {
        let headers = format
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 12)
            .sum::<usize>();
        96 + headers
            + match format.body() {
                HttpBody::Content(body) => content(body),
                HttpBody::Patch(patch) => patch.len(),
            }
    });
    let stream = parts
        .http_stream
        .as_ref()
        .map_or(0, |format| content(format.content()));
    let message = parts
        .ws_message
        .as_ref()
        .map_or(0, |format| match format.kind() {
            WsMessageKind::Text(text) => content(text),
            WsMessageKind::Binary(data) | WsMessageKind::Ping(data) | WsMessageKind::Pong(data) => {
                bytes(data.len())
            }
            WsMessageKind::Close { reason, .. } => 80 + reason.len(),
            WsMessageKind::Refresh => 48,
        });
    let meta = parts
        .meta
        .iter()
        .map(|(name, value)| name.len() + value.len() + 16)
        .sum::<usize>();
    64 + text(&parts.id) + text(&parts.prev_id) + meta + response + stream + message
}

fn meta(out: &mut Vec<u8>, meta: &[(String, String)], prefix: &str) {
    let mut separator: &[u8] = b",\"meta\":{";
    for (name, value) in meta {
        out.extend_from_slice(separator);
        string(out, name.as_bytes());
        out.extend_from_slice(b":\"");
        if name == REQUIRE_SUB {
            escaped(out, prefix.as_bytes());
        }
        escaped(out, value.as_bytes());
        out.push(b'"');
        separator = b",";
    }
    out.push(b'}');
}

fn http_response(out: &mut Vec<u8>, format: &HttpResponse) {
    out.extend_from_slice(b"\"http-response\":{");
    if format.action() != Action::Send {
        return action(out, format.action());
    }
    if format.status() != StatusCode::OK {
        out.extend_from_slice(b"\"code\":");
        number(out, u64::from(format.status().as_u16()));
        out.push(b',');
    }
    if let Some(reason) = format.reason_phrase() {
        out.extend_from_slice(b"\"reason\":");
        string(out, reason.as_bytes());
        out.push(b',');
    }
    if !format.headers().is_empty() {
        let mut separator: &[u8] = b"\"headers\":[[";
        for (name, value) in format.headers() {
            out.extend_from_slice(separator);
            string(out, name.as_str().as_bytes());
            out.push(b',');
            string(out, value.as_bytes());
            out.push(b']');
            separator = b",[";
        }
        out.extend_from_slice(b"],");
    }
    match format.body() {
        HttpBody::Content(body) => content(out, "body", body),
        HttpBody::Patch(patch) => {
            out.extend_from_slice(b"\"body-patch\":");
            out.extend_from_slice(patch);
        }
    }
    end(out, format.content_filters());
}

fn http_stream(out: &mut Vec<u8>, format: &HttpStream) {
    out.extend_from_slice(b"\"http-stream\":{");
    if format.action() != Action::Send {
        return action(out, format.action());
    }
    content(out, "content", format.content());
    end(out, format.content_filters());
}

fn ws_message(out: &mut Vec<u8>, format: &WsMessage) {
    out.extend_from_slice(b"\"ws-message\":{");
    match format.kind() {
        WsMessageKind::Text(text) => content(out, "content", text),
        WsMessageKind::Binary(bytes) => {
            out.extend_from_slice(b"\"content-bin\":");
            base64(out, bytes);
        }
        WsMessageKind::Ping(bytes) => control_frame(out, "ping", bytes),
        WsMessageKind::Pong(bytes) => control_frame(out, "pong", bytes),
        WsMessageKind::Close { code, reason } => {
            out.extend_from_slice(b"\"action\":\"close\",\"code\":");
            number(out, u64::from(code.as_u16()));
            if !reason.is_empty() {
                out.extend_from_slice(b",\"reason\":");
                string(out, reason.as_bytes());
            }
        }
        WsMessageKind::Refresh => return action(out, Action::Refresh),
    }
    end(out, format.content_filters());
}

/// The one member of a format that sends nothing, and its end.
fn action(out: &mut Vec<u8>, action: Action) {
    out.extend_from_slice(b"\"action\":");
    string(out, action.as_str().as_bytes());
    out.push(b'}');
}

fn content(out: &mut Vec<u8>, member: &str, content: &Content) {
    out.push(b'"');
    out.extend_from_slice(member.as_bytes());
    if content.is_binary() {
        out.extend_from_slice(b"-bin\":");
        base64(out, content.as_bytes());
    } else {
        out.extend_from_slice(b"\":");
        string(out, content.as_bytes());
    }
}

fn control_frame(out: &mut Vec<u8>, kind: &str, bytes: &[u8]) {
    out.extend_from_slice(b"\"type\":");
    string(out, kind.as_bytes());
    if !bytes.is_empty() {
        out.extend_from_slice(b",\"content-bin\":");
        base64(out, bytes);
    }
}

/// The filters of a format that sends something, and its end.
fn end(out: &mut Vec<u8>, filters: &[Filter]) {
    if !filters.is_empty() {
        let mut separator: &[u8] = b",\"content-filters\":[";
        for filter in filters {
            out.extend_from_slice(separator);
            string(out, filter.as_str().as_bytes());
            separator = b",";
        }
        out.push(b']');
    }
    out.push(b'}');
}
