//! What a broker hands over is a message of a node, items of another program, or an error; what was
//! read is read again as it was; nothing panics.

use bytes::Bytes;
use gripware_core::proxy::decode_message;
use gripware_relay::{Envelope, Kind};

/// The target. Whether the input is a good one.
pub fn relay_message(input: &[u8]) -> bool {
    if let Ok(envelope) = Envelope::decode(&Bytes::copy_from_slice(input)) {
        if envelope.kind != Kind::Unknown {
            assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope.clone()));
        }
        let _ = decode_message(&envelope.body);
        return true;
    }
    let Ok(items) = decode_message(input) else {
        return false;
    };
    for (_, item) in items {
        assert_eq!(item.check(), Ok(()));
    }
    true
}
