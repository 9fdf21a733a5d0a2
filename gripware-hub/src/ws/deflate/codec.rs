//! Messages, compressed and not (RFC 7692, section 7.2).

use std::{cell::RefCell, ops::RangeInclusive};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Window;

/// The messages that are compressed, by their length in bytes. Shorter ones gain next to nothing, and
/// a longer one would keep the thread, and with it other clients, for more than some milliseconds.
const WORTH_IT: RangeInclusive<usize> = 256..=1024 * 1024;

/// What every compressed message ends with, and what is left out of it.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

thread_local! {
    /// Some 300 KiB each, where there is something to compress.
    static DEFLATERS: RefCell<[Option<Compress>; Window::COUNT]> = const {
        RefCell::new([const { None }; Window::COUNT])
    };
    /// Some 40 KiB, where there is something to decompress.
    static INFLATER: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

impl Window {
    /// Compresses a message; `None` if it would not become shorter, or is not [worth it](WORTH_IT).
    pub(crate) fn deflate(self, message: &[u8]) -> Option<Vec<u8>> {
        if !WORTH_IT.contains(&message.len()) {
            return None;
        }
        let mut deflated = Vec::with_capacity(message.len());
        DEFLATERS.with_borrow_mut(|deflaters| {
            let deflater = deflaters.get_mut(self as usize)?.get_or_insert_with(|| {
                Compress::new_with_window_bits(Compression::fast(), false, self.bits())
            });
            deflater.reset();
            let flush = FlushCompress::Sync;
            let done = deflater.compress_vec(message, &mut deflated, flush);
            let is_whole = deflater.total_in() == message.len() as u64;
            (done.is_ok() && is_whole).then_some(())
        })?;
        // Where it has filled all there is, there may be more to come.
        if deflated.len() >= message.len() || !deflated.ends_with(&TAIL) {
            return None;
        }
        deflated.truncate(deflated.len() - TAIL.len());
        deflated.shrink_to_fit();
        Some(deflated)
    }
}

/// Why a message cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It is not what is compressed that way.
    Damaged,
    /// It has more bytes than a message may have.
    TooBig,
}

/// Decompresses a message of at most `max` bytes. Not more than twice as many are allocated, however
/// many it says that there are.
///
/// # Errors
/// Where it is damaged, or longer.
pub(crate) fn inflate(deflated: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
    INFLATER.with_borrow_mut(|inflater| {
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let mut message = Vec::new();
        for part in [deflated, &TAIL] {
            take(inflater, part, &mut message, max)?;
        }
        Ok(message)
    })
}

/// Decompresses all of `input` behind what `message` has already.
fn take(
    inflater: &mut Decompress,
    mut input: &[u8],
    message: &mut Vec<u8>,
    max: usize,
) -> Result<(), InflateError> {
    loop {
        if message.len() > max {
            return Err(InflateError::TooBig);
        }
        if message.len() == message.capacity() {
            let step = message.len().max(2 * input.len()).max(64);
            message.reserve_exact(step.min((max - message.len()).saturating_add(1)));
        }
        let (taken, made) = (inflater.total_in(), message.len());
        let status = inflater
            .decompress_vec(input, message, FlushDecompress::Sync)
            .map_err(|_| InflateError::Damaged)?;
        let taken = usize::try_from(inflater.total_in() - taken).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        if status == Status::StreamEnd {
            // Its last block says that it is, and another may follow (section 7.2.3.4).
            inflater.reset(false);
        }
        let has_room = message.len() < message.capacity();
        if input.is_empty() && has_room {
            return Ok(());
        }
        if taken == 0 && message.len() == made && has_room && status != Status::StreamEnd {
            return Err(InflateError::Damaged);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const WINDOWS: [Window; 3] = [Window::Small, Window::Medium, Window::Large];

    fn json(length: usize) -> Vec<u8> {
        let items = (0..).flat_map(|it| format!("{{\"id\":{it},\"text\":\"news\"}},").into_bytes());
        items.take(length).collect()
    }

    #[test]
    fn a_message_becomes_shorter_and_comes_back_as_it_is() {
        for window in WINDOWS {
            for length in [256, 257, 5_000, 70_000] {
                let message = json(length);
                let deflated = window.deflate(&message).unwrap();
                assert!(3 * deflated.len() < 2 * length, "{window:?} {length}");
                assert_eq!(inflate(&deflated, length).unwrap(), message);
                let error = inflate(&deflated, length - 1);
                assert_eq!(error, Err(InflateError::TooBig));
            }
        }
    }

    #[test]
    fn what_gains_nothing_stays_as_it_is() {
        let mut noise = vec![0; 4096];
        getrandom::fill(&mut noise).unwrap();
        for window in WINDOWS {
            assert_eq!(window.deflate(&noise), None);
            assert_eq!(window.deflate(&json(255)), None);
            assert_eq!(window.deflate(&vec![0; 1024 * 1024 + 1]), None);
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (deflated, message) in [
            // Section 7.2.3.1: a message.
            (&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], "Hello"),
            // 7.2.3.3: one that is not compressed.
            (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
            // 7.2.3.4: its last block says that it is the last.
            (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
            // 7.2.3.5: two blocks.
            (
                b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
                "Hello",
            ),
            // 7.2.3.6: nothing.
            (b"\x00", ""),
            (b"", ""),
        ] {
            assert_eq!(inflate(deflated, 5).unwrap(), message.as_bytes());
        }
    }

    /// A bomb: a hundred times as much as it says.
    #[test]
    fn a_message_that_would_fill_the_memory_is_refused_early() {
        let deflated = Window::Large.deflate(&vec![b'x'; 1024 * 1024]).unwrap();
        assert!(deflated.len() < 16 * 1024, "{}", deflated.len());
        assert_eq!(inflate(&deflated, 10_000), Err(InflateError::TooBig));
    }

    #[test]
    fn what_is_damaged_is_refused_and_the_next_message_is_read() {
        assert_eq!(inflate(&[0x07; 40], 1000), Err(InflateError::Damaged));
        let message = json(1000);
        let deflated = Window::Medium.deflate(&message).unwrap();
        assert_eq!(inflate(&deflated, 1000).unwrap(), message);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_that_comes_makes_more_than_a_message(
            deflated in vec(any::<u8>(), 0..300),
            max in 0_usize..2_000,
        ) {
            if let Ok(message) = inflate(&deflated, max) {
                prop_assert!(message.len() <= max);
                prop_assert!(message.capacity() <= 2 * max + 64);
            }
        }

        #[test]
        fn every_message_comes_back(
            words in vec("[a-c]{1,9}", 60..400),
            window in prop::sample::select(&WINDOWS[..]),
        ) {
            let message = words.concat().into_bytes();
            if let Some(deflated) = window.deflate(&message) {
                prop_assert!(deflated.len() < message.len());
                prop_assert_eq!(inflate(&deflated, message.len()).unwrap(), message);
            }
        }
    }
}
