//! What the fuzz targets of `gripware-core`, `gripware-relay` and `gripware-topics` check.
//!
//! Each target is a function from bytes that panics where something is wrong, and says whether the
//! input was a good one. `fuzz/fuzz_targets` hands it what libFuzzer makes up, and a test of this
//! crate what is in `fuzz/corpus`, so that whatever was found once is looked for ever after. Where
//! bytes alone would hardly ever be good ones, the target builds its input from them
//! ([`arbitrary`]).

mod control;
mod filters;
mod grip_sig;
mod grip_url;
mod instruct_json;
mod instructions;
mod instructions_read;
mod items_json;
mod json;
mod patch;
mod publish_items;
mod relay_message;
mod topics;
mod ws_context;
mod ws_decode;

pub use self::{
    control::control, filters::filters, grip_sig::grip_sig, grip_url::grip_url,
    instruct_json::instruct_json, instructions::instructions, instructions_read::instructions_read,
    items_json::items_json, patch::patch, publish_items::publish_items,
    relay_message::relay_message, topics::topics, ws_context::ws_context, ws_decode::ws_decode,
};

/// A target: whether the input is a good one.
pub type Target = fn(&[u8]) -> bool;

/// Every target by the name of its program in `fuzz/fuzz_targets` and its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 14] = [
    ("control", control),
    ("filters", filters),
    ("grip_sig", grip_sig),
    ("grip_url", grip_url),
    ("instruct_json", instruct_json),
    ("instructions", instructions),
    ("instructions_read", instructions_read),
    ("items_json", items_json),
    ("patch", patch),
    ("publish_items", publish_items),
    ("relay_message", relay_message),
    ("topics", topics),
    ("ws_context", ws_context),
    ("ws_decode", ws_decode),
];
