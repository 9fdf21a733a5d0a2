use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::{
    echo::{self, Talk},
    fan_out::FanOut,
    json_message::json_message,
    quiet::quiet,
    sustained::Sustained,
};
use crate::{
    Error,
    clients::{Guests, Kind, OFFER},
    plan::Plan,
    report::{Report, Section},
    sides::{Side, Starter},
};

/// The program without and with compression.
pub(crate) const SIDES: [Side; 2] = [Side::Hub, Side::Compressing];

/// JSON of 1 KiB to WebSockets: one message, and as many as they receive.
pub(crate) async fn measure(
    starter: &Starter,
    side: Side,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let proxy = starter.start(side).await?;
    let guests = Guests {
        deflate: true,
        ..Guests::of(Kind::WebSocket, plan.sizes.few)
    };
    let crowd = guests.gather(&*proxy).await?;
    let mut control = proxy.control();
    quiet(&*proxy, plan.settle).await;
    let (kind, section) = (Kind::WebSocket, Section::Deflate);
    let fan_out = FanOut {
        section,
        prefix: "JSON of 1 KiB, ",
        kind,
        times: plan.messages,
        message: json_message,
        bytes: true,
    };
    let receivers = fan_out
        .measure(&*proxy, &mut control, &crowd, report)
        .await?;
    let sustained = Sustained {
        section,
        prefix: fan_out.prefix,
        kind,
        time: plan.rate,
        message: json_message,
        bytes: true,
    };
    sustained
        .measure(&*proxy, &mut control, &crowd, receivers, report)
        .await
}

/// Echoes of the same JSON. Who has agreed to compression says it compressed.
pub(crate) async fn echoes(starter: &Starter, sides: &[Side], plan: &Plan, report: &mut Report) {
    let message = json_message();
    let talk = Talk {
        section: Section::Deflate,
        prefix: "echoes of 1 KiB, ",
        said: frame(0x81, message.as_bytes()),
        compressed: deflated(message.as_bytes()).map(|text| frame(0xc1, &text)),
        headers: OFFER,
    };
    echo::run(starter, sides, plan.slices, &talk, report).await;
}

/// A masked frame of a client, of 126 to 65 535 bytes (RFC 6455, 5.2).
fn frame(first: u8, payload: &[u8]) -> Bytes {
    let [high, low] = u16::try_from(payload.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    // Masked by zeros.
    let header = [first, 0x80 | 126, high, low, 0, 0, 0, 0];
    [&header, payload].concat().into()
}

/// The payload of a compressed message (RFC 7692, 7.2.1). `None` where it is too short for
/// [`frame`].
fn deflated(text: &[u8]) -> Option<Vec<u8>> {
    let mut compressed = Vec::with_capacity(text.len());
    let mut compress = Compress::new(Compression::default(), false);
    let status = compress.compress_vec(text, &mut compressed, FlushCompress::Sync);
    let is_whole = status.ok()? == Status::Ok && compress.total_in() == text.len() as u64;
    let payload = compressed.strip_suffix(&[0, 0, 0xff, 0xff])?;
    (is_whole && payload.len() > 125).then(|| payload.to_vec())
}

#[cfg(test)]
mod tests {
    use flate2::{Decompress, FlushDecompress};

    use super::*;

    #[test]
    fn a_compressed_message_is_shorter_and_read_again() {
        let message = json_message();
        let mut payload = deflated(message.as_bytes()).unwrap();
        assert!(payload.len() < message.len() / 2, "{}", payload.len());
        payload.extend([0, 0, 0xff, 0xff]);
        let mut read = Vec::with_capacity(4_096);
        let mut decompress = Decompress::new(false);
        decompress
            .decompress_vec(&payload, &mut read, FlushDecompress::Sync)
            .unwrap();
        assert_eq!(read, message.as_bytes());
    }
}
