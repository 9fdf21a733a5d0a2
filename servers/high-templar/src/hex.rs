//! Digests in names of channels, metas and records, where they have to be short.

/// The first 128 bits of a digest, in hexadecimal: enough that no two names meet.
pub(crate) fn short_hex(digest: &[u8]) -> String {
    let bytes = digest.iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
