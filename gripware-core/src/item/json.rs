//! Writes JSON into a buffer, without a tree and without a copy of what is written.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// How many bytes are looked at in one go. A compiler turns the loop over so many into a few
/// vector instructions; most texts have long runs without a character to escape.
const STRIDE: usize = 32;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes `text`, which is UTF-8, as a JSON string with its quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Writes `text`, which is UTF-8, as it stands inside the quotes of a JSON string.
pub(super) fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut written = 0;
    for (index, stride) in text.chunks(STRIDE).enumerate() {
        let is_plain = !stride
            .iter()
            .fold(false, |found, byte| found | is_special(*byte));
        if is_plain {
            continue;
        }
        let at = index * STRIDE;
        out.extend_from_slice(text.get(written..at).unwrap_or_default());
        written = at + stride.len();

        // Where there is one there are many, as in a text that is JSON itself.
        let (words, rest) = stride.as_chunks();
        words.iter().for_each(|word| escaped_word(out, *word));
        for byte in rest {
            if is_special(*byte) {
                escape(out, *byte);
            } else {
                out.push(*byte);
            }
        }
    }
    out.extend_from_slice(text.get(written..).unwrap_or_default());
}

/// The same for eight bytes. What stands before a special one is written with all that follows,
/// which is cut off again: a copy of a fixed size is a single instruction.
fn escaped_word(out: &mut Vec<u8>, word: [u8; 8]) {
    let mut word = u64::from_le_bytes(word);
    let mut special = specials(word);
    let mut left = 8;
    while special != 0 {
        let plain = special.trailing_zeros() as usize / 8;
        let end = out.len() + plain;
        out.extend_from_slice(&word.to_le_bytes());
        out.truncate(end);
        escape(out, (word >> (8 * plain)) as u8);
        // In two steps, since a shift by all 64 bits is none.
        word = word >> (8 * plain) >> 8;
        special = special >> (8 * plain) >> 8;
        left -= plain + 1;
    }
    let end = out.len() + left;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// The highest bit of each byte that is special. No byte's sum carries into the next.
const fn specials(word: u64) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = EACH << 7;
    const LOWER: u64 = !HIGHEST;
    let quote = word ^ (EACH * b'"' as u64);
    let backslash = word ^ (EACH * b'\\' as u64);
    let not_quote = ((quote & LOWER) + LOWER) | quote;
    let not_backslash = ((backslash & LOWER) + LOWER) | backslash;
    let not_control = ((word & LOWER) + EACH * 0x60) | word;
    !(not_quote & not_backslash & not_control) & HIGHEST
}

/// Writes `bytes` as a JSON string in base64, with its quotes.
pub(super) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    // Three bytes become four characters, so pieces of a multiple of three need no padding.
    let mut piece = [0; 1024];
    out.push(b'"');
    for chunk in bytes.chunks(768) {
        if let Ok(length) = STANDARD.encode_slice(chunk, &mut piece) {
            out.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
    }
    out.push(b'"');
}

/// Writes a number in decimal.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut length = 0;
    for slot in digits.iter_mut().rev() {
        // The remainder of a division by ten fits a byte.
        *slot = b'0' + (number % 10) as u8;
        length += 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

#[inline]
fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            for nibble in [byte >> 4, byte & 0xf] {
                out.push(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_control_character_is_escaped_wherever_it_stands() {
        for lead in [0, 1, 31, 32, 33, 70] {
            for byte in 0_u8..0x80 {
                let text = format!("{}{}é", "x".repeat(lead), char::from(byte));
                let json = written(|out| string(out, text.as_bytes()));
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            }
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 200, 999, u64::MAX] {
            assert_eq!(
                written(|out| super::number(out, number)),
                number.to_string()
            );
        }
    }

    proptest! {
        #[test]
        fn a_text_is_read_back_as_it_was(text in any::<String>()) {
            let json = written(|out| string(out, text.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn bytes_are_read_back_as_they_were(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let json = written(|out| base64(out, &bytes));
            let text: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(STANDARD.decode(text).unwrap(), bytes);
        }
    }
}
