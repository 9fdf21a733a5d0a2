//! What visitors say: what a page sends, and what every page gets.

use gripware_core::{Item, WsMessage};
use gripware_state::Draft;
use serde::{Deserialize, Serialize};

/// The most bytes of a key.
const MAX_KEY: usize = 64;

/// What a page sends. It sends it again where it was cut off before it saw its own line, so the key
/// says whether it was said already.
#[derive(Deserialize)]
pub(crate) struct Said {
    key: String,
    text: String,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    key: &'a str,
    name: &'a str,
    text: &'a str,
}

impl Said {
    /// The line that it becomes. `None` if its key is none.
    pub(crate) fn into_line(self, name: &str) -> Option<Draft> {
        let Self { key, text } = self;
        let is_key = (1..=MAX_KEY).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (name, idempotency_key) = (name.to_owned(), key.clone());
        let draft = Draft::with_id(move |id| {
            let line = Line {
                id,
                key: &key,
                name: &name,
                text: &text,
            };
            Item::from(WsMessage::json(&line))
        });
        is_key.then(|| draft.key(idempotency_key))
    }
}
