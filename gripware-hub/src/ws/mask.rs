//! The mask of a payload, which is put on and taken off alike (RFC 6455, section 5.3).

/// Takes the mask off `payload`, or puts it on, in place, and gives the mask for what follows it.
pub(super) fn unmask(payload: &mut [u8], mask: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(size_of::<u64>());
    for chunk in &mut words {
        if let Some(chunk) = chunk.first_chunk_mut() {
            *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    let mut next = mask;
    next.rotate_left(payload.len() % mask.len());
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_unmasked_alike_in_any_two_pieces() {
        let mask = [1, 2, 4, 8];
        let masked: Vec<u8> = (0..40).map(|n| n ^ mask[usize::from(n) % 4]).collect();
        for cut in 0..=masked.len() {
            let mut payload = masked.clone();
            let (first, second) = payload.split_at_mut(cut);
            let next = unmask(first, mask);
            unmask(second, next);
            assert!(payload.iter().copied().eq(0..40), "cut at {cut}");
        }
    }
}
