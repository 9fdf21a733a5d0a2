use super::{key::decode_base64, pem};

/// Whether bytes that cannot be read as a key are still one: damaged, in quotes, encoded once more,
/// of another program, or the place of one. As a shared secret it would be known to everybody.
pub(super) fn resembles_key(bytes: &[u8]) -> bool {
    let hex = || {
        let digits = bytes.trim_ascii().chunks(2).map(|pair| {
            let pair = str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        digits.collect::<Option<Vec<_>>>()
    };
    // What is cut off at an end is left out, so that the rest can be looked at.
    let base64 = || {
        let encoded: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let whole = encoded.len() - encoded.len() % 4;
        decode_base64(encoded.get(..whole)?).ok()
    };
    pem::resembles_der(bytes)
        || hex().is_some_and(|bytes| pem::resembles_der(&bytes))
        || base64().is_some_and(|bytes| pem::resembles_der(&bytes) || resembles_text(&bytes))
        || resembles_text(bytes)
}

fn resembles_text(bytes: &[u8]) -> bool {
    const STARTS: [&str; 7] = [
        "ssh-",
        "ecdsa-sha2-",
        "sk-ssh-",
        "file:",
        "http:",
        "https:",
        "base64:",
    ];
    const PARTS: [&str; 6] = [
        "publickey-",
        "privatekey-",
        "\"kty\"",
        "\\\"kty\\\"",
        "%22kty%22",
        "%20key%2d",
    ];
    let text: String = bytes
        .iter()
        .filter(|byte| byte.is_ascii_graphic())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    STARTS.iter().any(|start| text.starts_with(start))
        || PARTS.iter().any(|part| text.contains(part))
}
