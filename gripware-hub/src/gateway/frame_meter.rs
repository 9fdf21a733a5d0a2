//! Frames that cost the one who sends them nothing (CVE-2019-9511 to 9518, CVE-2023-44487,
//! CVE-2024-24549): how many of each kind a connection of HTTP/2 may send.
//!
//! h2 answers or files each of them, a few hundred thousand per second and core, and limits only
//! some. So each kind has a token bucket, which fills with time and with the work that is done for
//! the client: whoever gets a megabyte of data sends window updates for it, and whoever asks a
//! thousand times gives a thousand priorities.

mod buckets;

use std::time::Duration;

use tokio::time::Instant;

use self::buckets::{Buckets, Flood};
use super::frame_scanner::{FrameHead, FrameScanner};

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// Counts the frames of one connection, in both directions. It is handed time and bytes.
#[derive(Debug)]
pub(super) struct FrameMeter {
    client: FrameScanner,
    server: FrameScanner,
    buckets: Buckets,
    filled: Instant,
    /// When a head of a request began that is not whole yet.
    head_since: Option<Instant>,
    /// Whether the frame that the client sends is a part of a head.
    is_in_head: bool,
    /// Whether more frames of the head have to come.
    is_head_open: bool,
    last_stream: u32,
    flood: Option<Flood>,
}

impl FrameMeter {
    /// `streams` is how many the client may have open.
    pub(super) fn new(streams: u32, now: Instant) -> Self {
        Self {
            client: FrameScanner::of_client(),
            server: FrameScanner::of_server(),
            buckets: Buckets::new(streams),
            filled: now,
            head_since: None,
            is_in_head: false,
            is_head_open: false,
            last_stream: 0,
            flood: None,
        }
    }

    /// Counts what the client has sent.
    ///
    /// # Errors
    /// If there are more frames of a kind than any honest client sends.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), Flood> {
        let elapsed = now.saturating_duration_since(self.filled);
        if elapsed >= Duration::from_millis(1) {
            self.filled = now;
            self.buckets.fill(elapsed);
        }
        let Self {
            client,
            buckets,
            is_in_head,
            is_head_open,
            last_stream,
            ..
        } = self;
        let mut counted = Ok(());
        client.scan(bytes, |head| {
            *is_in_head = matches!(head.kind, HEADERS | CONTINUATION);
            if *is_in_head {
                *is_head_open = head.flags & END_HEADERS == 0;
            }
            if head.kind == HEADERS {
                *last_stream = head.stream.max(*last_stream);
                buckets.credit_request();
            }
            if let Some(flood) = kind_of(head) {
                counted = counted.and(buckets.take(flood));
            }
        });
        let is_unfinished =
            self.is_head_open || self.is_in_head && !self.client.is_between_frames();
        self.head_since = is_unfinished.then(|| self.head_since.unwrap_or(now));
        self.flood = self.flood.or(counted.err());
        counted
    }

    /// Counts what the hub has sent.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let Self {
            server, buckets, ..
        } = self;
        server.scan(bytes, |head| match head.kind {
            HEADERS => buckets.credit_answer(),
            DATA => buckets.credit_data(),
            _ => {}
        });
    }

    /// Returns when a head of a request began that has not ended; `None` if there is none.
    pub(super) fn head_since(&self) -> Option<Instant> {
        self.head_since
    }

    /// Returns the kind that there were too many frames of; `None` if there were not.
    pub(super) fn flood(&self) -> Option<Flood> {
        self.flood
    }

    /// A GOAWAY with ENHANCE_YOUR_CALM (RFC 9113, section 6.8). `None` in the middle of another
    /// frame, of which it would become a part.
    pub(super) fn goaway(&self) -> Option<[u8; 17]> {
        const ENHANCE_YOUR_CALM: u8 = 0xb;
        let [s0, s1, s2, s3] = self.last_stream.to_be_bytes();
        self.server.is_between_frames().then_some([
            0,
            0,
            8,
            7,
            0,
            0,
            0,
            0,
            0,
            s0,
            s1,
            s2,
            s3,
            0,
            0,
            0,
            ENHANCE_YOUR_CALM,
        ])
    }
}

/// What a frame of a client counts as.
fn kind_of(head: FrameHead) -> Option<Flood> {
    match head.kind {
        DATA if head.length == 0 && head.flags & END_STREAM == 0 => Some(Flood::EmptyData),
        DATA | HEADERS => None,
        3 => Some(Flood::Reset),
        4 => Some(Flood::Settings),
        6 => Some(Flood::Ping),
        8 => Some(Flood::WindowUpdate),
        CONTINUATION => Some(Flood::Continuation),
        _ => Some(Flood::Ignored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::frame_scanner::PREFACE;

    const STREAMS: u32 = 250;

    fn meter(now: Instant) -> FrameMeter {
        let mut meter = FrameMeter::new(STREAMS, now);
        meter.receive(PREFACE, now).unwrap();
        meter
    }

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        bytes.resize(9 + usize::from(length), 0);
        bytes
    }

    /// How many of these frames are taken at once, up to 100 000.
    fn taken(meter: &mut FrameMeter, frame: &[u8], now: Instant) -> usize {
        let taken = (0..100_000).take_while(|_| meter.receive(frame, now).is_ok());
        taken.count()
    }

    #[test]
    fn each_kind_of_cheap_frame_has_a_limit() {
        let now = Instant::now();
        for (kind, length, expected) in [
            (4, 0, 50),
            (4, 6, 50),
            (6, 8, 200),
            (8, 4, 400),
            (3, 4, 600),
            (0, 0, 100),
            (9, 1, 64),
            (2, 5, 200),
            (7, 8, 200),
            (0x10, 5, 200),
            (0xff, 0, 200),
        ] {
            let mut meter = meter(now);
            let frame = frame(kind, 0, length);
            assert_eq!(taken(&mut meter, &frame, now), expected, "{kind}");
        }
    }

    #[test]
    fn requests_and_uploads_have_none() {
        let now = Instant::now();
        let mut meter = meter(now);
        for _ in 0..10_000 {
            meter.receive(&frame(1, 5, 20), now).unwrap();
            meter.receive(&frame(0, 0, 40), now).unwrap();
            meter.receive(&frame(0, 1, 0), now).unwrap();
        }
    }

    #[test]
    fn whoever_takes_data_may_update_windows_for_it() {
        let now = Instant::now();
        let mut meter = meter(now);
        for _ in 0..10_000 {
            meter.send(&frame(0, 0, 100));
            meter.receive(&frame(8, 0, 4), now).unwrap();
            meter.receive(&frame(8, 0, 4), now).unwrap();
            meter.receive(&frame(6, 0, 8), now).unwrap();
        }
        // What is saved up has a bound.
        for _ in 0..100_000 {
            meter.send(&frame(0, 0, 100));
        }
        assert_eq!(taken(&mut meter, &frame(8, 0, 4), now), 65_536);
    }

    #[test]
    fn streams_that_were_answered_may_be_left_and_a_rapid_reset_is_refused() {
        let now = Instant::now();
        let mut meter = meter(now);
        for _ in 0..10_000 {
            meter.receive(&frame(1, 4, 20), now).unwrap();
            meter.send(&frame(1, 4, 20));
            meter.receive(&frame(3, 0, 4), now).unwrap();
        }
        let mut reset = frame(1, 5, 20);
        reset.extend(frame(3, 0, 4));
        assert!(taken(&mut meter, &reset, now) <= 100 + 2 * STREAMS as usize);
    }

    #[test]
    fn time_gives_some_of_it_back() {
        let now = Instant::now();
        let mut meter = meter(now);
        taken(&mut meter, &frame(6, 0, 8), now);
        let later = now + Duration::from_millis(500);
        assert_eq!(taken(&mut meter, &frame(6, 0, 8), later), 10);
        let much_later = now + Duration::from_secs(1000);
        assert_eq!(taken(&mut meter, &frame(6, 0, 8), much_later), 200);
    }

    #[test]
    fn a_head_is_unfinished_until_its_last_byte() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut meter = meter(now);
        let head = frame(1, 4, 20);
        meter.receive(&head[..9], now).unwrap();
        assert_eq!(meter.head_since(), Some(now));
        meter.receive(&head[9..], later).unwrap();
        assert_eq!(meter.head_since(), None);
        meter.receive(&frame(1, 0, 20), now).unwrap();
        meter.receive(&frame(9, 0, 20), later).unwrap();
        assert_eq!(meter.head_since(), Some(now));
        meter.receive(&frame(9, 4, 20), later).unwrap();
        assert_eq!(meter.head_since(), None);
    }

    #[test]
    fn a_goaway_is_not_put_into_another_frame() {
        let now = Instant::now();
        let mut meter = meter(now);
        meter.receive(&frame(1, 5, 20), now).unwrap();
        let data = frame(0, 0, 100);
        meter.send(&data[..50]);
        assert_eq!(meter.goaway(), None);
        meter.send(&data[50..]);
        let goaway = meter.goaway().unwrap();
        assert_eq!(goaway[9..], [0, 0, 0, 1, 0, 0, 0, 0xb]);
    }
}
