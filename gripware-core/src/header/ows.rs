//! Optional white space (OWS, RFC 9110, section 5.6.3).

/// Returns `text` without the blanks and tabs at its ends.
///
/// Those two are all the white space that HTTP and GRIP know in a line. [`str::trim`] takes what
/// Unicode calls white space as well, of which U+00A0, U+2003 and U+3000 are good characters of a
/// channel's name, an id or meta.
///
/// ```
/// use gripware_core::header::trim_ows;
///
/// assert_eq!(trim_ows("\t news "), "news");
/// assert_eq!(trim_ows("\u{3000}news\u{a0} "), "\u{3000}news\u{a0}");
/// ```
#[must_use]
pub fn trim_ows(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Returns a value without the blanks and tabs at its ends, as [`trim_ows`] does, whatever its
/// encoding is.
///
/// ```
/// use gripware_core::header::trim_ows_bytes;
///
/// assert_eq!(trim_ows_bytes(b" \xa0\t"), b"\xa0");
/// ```
#[must_use]
pub fn trim_ows_bytes(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_blanks_and_tabs_are_taken_off() {
        for text in [
            "",
            "a",
            "a b",
            "\u{a0}",
            "\u{2003}a",
            "a\u{3000}",
            "\u{85}",
            "\u{b}",
            "\r",
            "a\n",
        ] {
            assert_eq!(trim_ows(&format!(" \t{text}\t ")), text);
        }
    }

    proptest! {
        #[test]
        fn bytes_are_trimmed_as_text_is(text in any::<String>()) {
            prop_assert_eq!(trim_ows_bytes(text.as_bytes()), trim_ows(&text).as_bytes());
        }
    }
}
