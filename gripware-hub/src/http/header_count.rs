//! How many headers a head may have: as many as HTTP/2 lets into its bytes.

/// What a header counts for beside its name and value (RFC 9113, section 6.5.2).
const OVERHEAD: usize = 32;

/// What a head has at most that nobody has set a limit for, in bytes.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// Returns how many headers fit into a head of so many bytes, the shortest there are. HTTP/1.x parsers
/// take room for as many ahead, so that a limit in bytes is not enough.
pub(crate) const fn max_headers(bytes: usize) -> usize {
    bytes / (OVERHEAD + 1)
}
