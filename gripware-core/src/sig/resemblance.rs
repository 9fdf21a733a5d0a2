use super::{der, key::decode_base64};

/// Returns whether bytes that cannot be read as a key still resemble one: damaged, in quotes,
/// encoded twice, in another program's format, or the path or URL of one. Used as a shared secret,
/// a public key would let anyone sign.
pub(super) fn resembles_key(bytes: &[u8]) -> bool {
    let hex = || {
        let digits = bytes.trim_ascii().chunks(2).map(|pair| {
            let pair = str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        digits.collect::<Option<Vec<_>>>()
    };
    // An incomplete group at the end is dropped, so that the rest of a truncated key is checked.
    let base64 = || {
        let encoded: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let whole = encoded.len() - encoded.len() % 4;
        decode_base64(encoded.get(..whole)?).ok()
    };
    der::resembles_key(bytes)
        || hex().is_some_and(|bytes| der::resembles_key(&bytes))
        || base64().is_some_and(|bytes| der::resembles_key(&bytes) || resembles_text(&bytes))
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
