//! Writing items as JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gripware_core::item::{HttpResponse, HttpStream, Item, WsMessage};
use serde_json::json;

use crate::{Case, Error, Operation, Target};

const CHANNEL: &str = "news";

/// 80 bytes of JSON as applications have it, 18 of them quotes.
const ROW: &str =
    r#"{"id":1042,"user":"anna","room":"lobby","text":"see you at eight","likes":[17]},"#;

/// The cases.
///
/// # Errors
/// Where an item cannot be written.
pub fn cases() -> Result<Vec<Case>, Error> {
    Ok(vec![
        text_of_100_bytes()?,
        three_formats()?,
        large("a text of 10 KiB", &"news of the day ".repeat(640))?,
        large("10 KiB of JSON as a text", &ROW.repeat(128))?,
        binary()?,
    ])
}

fn written(item: &Item) -> Result<Vec<u8>, Error> {
    let mut json = Vec::new();
    item.encode_json(CHANNEL, "", &mut json)?;
    Ok(json)
}

fn write(item: Item) -> Result<Operation, Error> {
    written(&item)?;
    Ok(Operation::new(move || written(&item)))
}

fn text_of_100_bytes() -> Result<Case, Error> {
    let text = "x".repeat(99) + "\n";
    let item = Item::from(HttpStream::text(text.as_str()));
    let naive = move || {
        let formats = json!({"http-stream": {"content": text}});
        serde_json::to_vec(&json!({"channel": CHANNEL, "formats": formats}))
    };
    Ok(Case::new("a text of 100 bytes", write(item)?)
        .beside("json!", Operation::new(naive))
        .target(Target::Within(110.0))
        .allocations(1))
}

fn three_formats() -> Result<Case, Error> {
    let text = "x".repeat(100);
    let item = Item::new()
        .http_response(HttpResponse::text(text.as_str()))
        .http_stream(HttpStream::text(format!("{text}\n")))
        .ws_message(WsMessage::text(text.as_str()))
        .id("42")
        .prev_id("41");
    let naive = move || {
        serde_json::to_vec(&json!({
            "channel": CHANNEL,
            "id": "42",
            "prev-id": "41",
            "formats": {
                "http-response": {"body": text},
                "http-stream": {"content": format!("{text}\n")},
                "ws-message": {"content": text},
            },
        }))
    };
    Ok(
        Case::new("three formats of 100 bytes and ids", write(item)?)
            .beside("json!", Operation::new(naive))
            .allocations(1),
    )
}

/// Beside the writer of strings that everybody uses, which copies the text once.
fn large(name: &'static str, text: &str) -> Result<Case, Error> {
    let written = text.to_owned();
    let case = Case::new(name, write(Item::from(HttpStream::text(text)))?);
    Ok(case
        .beside(
            "serde_json's string",
            Operation::new(move || serde_json::to_vec(&written)),
        )
        .allocations(1))
}

fn binary() -> Result<Case, Error> {
    let bytes: Vec<u8> = (0..=255).cycle().take(10 * 1024).collect();
    let item = Item::from(WsMessage::binary(bytes.clone()));
    Ok(Case::new("10 KiB of bytes", write(item)?)
        .beside(
            "base64 alone",
            Operation::new(move || STANDARD.encode(&bytes)),
        )
        .allocations(1))
}
