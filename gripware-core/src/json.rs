//! JSON as others write it, made readable for a strict parser.
//!
//! RFC 8259 allows two things that UTF-8 cannot hold or that serde_json refuses: a string may
//! contain the escape of a lone surrogate, half of a character (sections 7 and 8.2), and a byte
//! order mark before a text may be ignored (section 8.1). JavaScript writes the former wherever a
//! text is cut inside of an emoji: `JSON.stringify("😀".slice(0, 1))` is `"\ud83d"`. Pushpin
//! takes both. One such text must not lose the other items of a batch, or a hold.
//!
//! All JSON from an application, a publisher or a client goes through [`lenient`] before it is
//! parsed. What signs and verifies does not: a token or a key is read as it stands.

use std::{borrow::Cow, ops::Range};

use memchr::memmem;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const ESCAPE: &[u8] = b"\\u";
/// The length of `\uXXXX`.
const ESCAPE_LEN: usize = 6;
const REPLACEMENT: &[u8; ESCAPE_LEN] = b"\\ufffd";

/// Returns a JSON text without a byte order mark before it, and with U+FFFD in place of each lone
/// surrogate that is escaped in it.
///
/// An escape is replaced with one of the same length, so positions in errors stay right. Where
/// there is nothing to replace, which one search for `\u` tells in most texts, the text is lent as
/// it is. It is not parsed: what is no JSON stays none.
///
/// ```
/// use gripware_core::json::lenient;
///
/// assert_eq!(*lenient(br#""cut \ud83d""#), *br#""cut \ufffd""#);
/// assert_eq!(*lenient(br#""whole \ud83d\ude00""#), *br#""whole \ud83d\ude00""#);
/// assert_eq!(*lenient(b"\xef\xbb\xbf[]"), *b"[]");
/// ```
#[must_use]
pub fn lenient(json: &[u8]) -> Cow<'_, [u8]> {
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let mut halves = lone_surrogates(json).peekable();
    if halves.peek().is_none() {
        return Cow::Borrowed(json);
    }
    let mut mended = json.to_vec();
    for half in halves {
        if let Some(half) = mended.get_mut(half) {
            half.copy_from_slice(REPLACEMENT);
        }
    }
    Cow::Owned(mended)
}

/// Returns where the escapes of lone surrogates stand, each [`ESCAPE_LEN`] bytes.
fn lone_surrogates(json: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut end_of_pair = 0;
    memmem::find_iter(json, ESCAPE).filter_map(move |at| {
        let (before, escape) = json.split_at_checked(at)?;
        if at < end_of_pair || is_escaped(before) {
            return None;
        }
        let unit = code_unit(escape)?;
        let is_low = |unit| (0xdc00..0xe000).contains(&unit);
        if (0xd800..0xdc00).contains(&unit) {
            let next = escape.get(ESCAPE_LEN..).and_then(code_unit);
            if next.is_some_and(is_low) {
                end_of_pair = at + 2 * ESCAPE_LEN;
                return None;
            }
        } else if !is_low(unit) {
            return None;
        }
        Some(at..at + ESCAPE_LEN)
    })
}

/// Whether what follows `before` is escaped by a backslash at its end.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// The UTF-16 code unit of the escape that `json` begins with.
fn code_unit(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(ESCAPE)?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(json: &str) -> String {
        let json = lenient(json.as_bytes());
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn each_half_of_a_character_becomes_the_replacement_character() {
        for (json, read) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\uDE00""#, "\u{fffd}"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00\ude00""#, "\u{fffd}\u{1f600}\u{fffd}"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\ud83dx\ude00""#, "\u{fffd}x\u{fffd}"),
            (r#""\uD83D\\ude00""#, "\u{fffd}\\ude00"),
            (r#""\\\udbff\\\\""#, "\\\u{fffd}\\\\"),
        ] {
            assert_eq!(text(json), read, "{json}");
        }
    }

    #[test]
    fn what_needs_no_change_is_lent() {
        for json in [
            "",
            "{}",
            r#""\ud83d\ude00 \uD7FF \ue000 \u0041""#,
            r#""\\ud83d \\\\udc00""#,
            r#""\ud83"#,
            r#""\udg00""#,
            "\\u",
        ] {
            let lent = lenient(json.as_bytes());
            assert!(
                matches!(lent, Cow::Borrowed(lent) if lent == json.as_bytes()),
                "{json}"
            );
        }
    }

    #[test]
    fn one_byte_order_mark_is_skipped() {
        assert_eq!(text("\u{feff}\"a\u{feff}\""), "a\u{feff}");
        assert_eq!(
            *lenient("\u{feff}\u{feff}".as_bytes()),
            *"\u{feff}".as_bytes()
        );
    }

    #[test]
    fn a_long_row_of_backslashes_is_looked_at_once() {
        let json = format!("\"{}\\ud83d\"", "\\\\".repeat(500_000));
        assert_eq!(text(&json).chars().last(), Some('\u{fffd}'));
    }

    proptest! {
        /// Any row of UTF-16, as JavaScript has its texts, is read as `String::from_utf16_lossy`
        /// reads it.
        #[test]
        fn any_text_of_javascript_is_read(units in prop::collection::vec(
            prop_oneof![0xd800..0xe000_u16, Just(u16::from(b'\\')), any::<u16>()], 0..20,
        )) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(text(&format!("\"{escapes}\"")), String::from_utf16_lossy(&units));
        }

        #[test]
        fn no_bytes_change_their_length(json in "[\\\\udD8c0\"]{0,40}") {
            let read = lenient(json.as_bytes());
            prop_assert_eq!(read.len(), json.len());
            prop_assert_eq!(lenient(&read).into_owned(), read.into_owned());
        }
    }
}
