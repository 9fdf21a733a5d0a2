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
    for (index, chunk) in text.chunks(STRIDE).enumerate() {
        if !chunk
            .iter()
            .fold(false, |found, byte| found | is_special(*byte))
        {
            continue;
        }
        for (offset, byte) in chunk.iter().enumerate() {
            if is_special(*byte) {
                let at = index * STRIDE + offset;
                out.extend_from_slice(text.get(written..at).unwrap_or_default());
                escape(out, *byte);
                written = at + 1;
            }
        }
    }
    out.extend_from_slice(text.get(written..).unwrap_or_default());
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
