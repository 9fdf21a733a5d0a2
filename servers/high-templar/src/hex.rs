/// The first 128 bits of a digest, in hexadecimal: enough that no two names meet.
pub(crate) fn hex(digest: &[u8]) -> String {
    let bytes = digest.iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
