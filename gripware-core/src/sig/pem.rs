//! Keys in PEM: DER in base64 between `-----BEGIN` and `-----END`, as OpenSSL and others write it.
//!
//! The framing is read here and not by a library, so that whatever has a `-----BEGIN` in it is
//! either a key or an error that says why not.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{der, error::KeyError, material::Material};

/// Starts a PEM block. A text with it anywhere is never a shared secret.
pub(super) const BEGIN: &str = "-----BEGIN";

const DASHES: &str = "-----";

/// Returns the keys of all blocks of a text, in their order.
pub(super) fn parse(text: &str) -> Result<Vec<Material>, KeyError> {
    // A PEM in an environment variable often has its line ends written as `\n`.
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    let mut keys = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, block) = block.split_once(DASHES).ok_or(KeyError::Pem)?;
        let label = label.strip_prefix(' ').ok_or(KeyError::Pem)?;
        let end = format!("-----END {label}-----");
        let (body, after) = block.split_once(end.as_str()).ok_or(KeyError::Pem)?;
        rest = after;
        if let Some(key) = key(label, body)? {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// Returns the key of one block; `None` for parameters, which OpenSSL writes before an EC key.
fn key(label: &str, body: &str) -> Result<Option<Material>, KeyError> {
    let read = match label {
        "PUBLIC KEY" => der::public_key_info,
        "PRIVATE KEY" => der::private_key_info,
        "RSA PUBLIC KEY" => der::rsa_public,
        "RSA PRIVATE KEY" => der::rsa_private,
        "EC PRIVATE KEY" => der::ec_private,
        "EC PARAMETERS" => return Ok(None),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            return Err(KeyError::Certificate);
        }
        "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
        _ => {
            return Err(KeyError::Unsupported {
                what: "this kind of PEM block",
            });
        }
    };
    if body.contains("Proc-Type:") {
        return Err(KeyError::Encrypted);
    }
    let mut body = body.as_bytes().to_vec();
    body.retain(|byte| !byte.is_ascii_whitespace());
    let der = STANDARD.decode(body).map_err(|_| KeyError::Pem)?;
    read(&der).map(Some)
}
