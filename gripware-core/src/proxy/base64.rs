//! Base64 as leniently as proxies take it: nothing is an error (GRIP 3.1).

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes. Characters outside the standard alphabet are passed over, and bits at the end that
/// make no byte are dropped.
pub(super) fn decode(text: &str) -> Vec<u8> {
    BASE64.decode(text).unwrap_or_else(|_| leniently(text))
}

fn leniently(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            // The lowest eight of what is left once the rest is shifted out.
            out.push((bits >> count) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whatever_is_no_base64_is_passed_over() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Og==", b":"),
            ("Og", b":"),
            ("O g\n==", b":"),
            ("!!", b""),
            ("A", b""),
            ("aGk*=aGk=", b"hi\x1a\x1a"),
        ] {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_give_the_same(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let text = STANDARD.encode(&bytes);
            prop_assert_eq!(&leniently(&text), &bytes);
            prop_assert_eq!(decode(&text), bytes);
        }
    }
}
