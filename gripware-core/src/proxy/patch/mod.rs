//! Items that change a stored body (GRIP 1.11).
//!
//! By hand, since a patch comes from a publisher and changes what a client gets: depth, size and the
//! work of each step are bounded, and checked before and after it.

mod document;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use self::document::Document;
use crate::json::lenient;

/// One operation of a JSON Patch (RFC 6902).
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Operation {
    Add { path: String, value: Value },
    Remove { path: String },
    Replace { path: String, value: Value },
    Move { from: String, path: String },
    Copy { from: String, path: String },
    Test { path: String, value: Value },
}

/// The most bytes that a body may have with all that a patch puts into it, removed or not, and the
/// most that the patch itself may have. A patch that copies what it has copied grows without end
/// otherwise.
pub const MAX_PATCHED: usize = 1_000_000;

/// The most operations of a patch.
pub const MAX_OPERATIONS: usize = 1_000;

/// What the arrays and objects of a patched body nest less than, which is also how deep a body that
/// is read may be. A value is written, compared and dropped by recursion: one that is put into
/// itself again and again would overflow the stack, and end the process.
pub const MAX_DEPTH: usize = 128;

/// The most values that a patch may shift or look at, which bounds the time that it takes: a
/// thousand operations on an array of a thousand elements, or two walks over the largest body.
/// Elements are shifted where one before them is added or removed; values are looked at where they
/// are put in, copied, or moved to a deeper place. Without it, a thousand operations at the front of
/// an array of 500 000 elements, for one item and one client, take seconds (algorithmic complexity
/// attack).
pub const MAX_PATCH_STEPS: usize = 1_000_000;

/// Returns a body that is JSON with a JSON Patch applied to it, a list of operations (RFC 6902);
/// `None` if the patch does not fit, or goes over [`MAX_PATCHED`], [`MAX_OPERATIONS`],
/// [`MAX_DEPTH`] or [`MAX_PATCH_STEPS`]. Pushpin answers the client 502 then (GRIP 1.11).
///
/// As with Pushpin, an element is added before another one or, with `-`, at the end: an index right
/// behind the last element is refused.
///
/// ```
/// use gripware_core::proxy::patch;
///
/// let add = br#"[{"op": "add", "path": "/items/-", "value": 2}]"#;
/// assert_eq!(patch(br#"{"items":[1]}"#, add), Some(r#"{"items":[1,2]}"#.into()));
/// assert_eq!(patch(br#"{"items":[1]}"#, br#"[{"op": "remove", "path": "/none"}]"#), None);
/// ```
#[must_use]
pub fn patch(body: &[u8], operations: &[u8]) -> Option<Bytes> {
    if operations.len() > MAX_PATCHED {
        return None;
    }
    let mut document = Document::read(body)?;
    let operations: Vec<Operation> = serde_json::from_slice(&lenient(operations)).ok()?;
    if operations.len() > MAX_OPERATIONS {
        return None;
    }
    for operation in operations {
        document.apply(operation)?;
    }
    document.write()
}
