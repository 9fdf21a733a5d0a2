//! A control message that decodes survives being encoded and decoded again; nothing panics.

use gripware_core::{
    Limits,
    ws::{ControlError, ControlMessage},
};

/// The target. Whether the input is a good one.
pub fn control(content: &[u8]) -> bool {
    let limits = Limits::default();
    let Ok(message) = ControlMessage::decode(content) else {
        return false;
    };
    match message.encode(&limits) {
        Ok(again) => {
            assert!(again.len() <= limits.control_message);
            assert_eq!(ControlMessage::decode(again.as_bytes()).unwrap(), message);
        }
        // How large a message and how long a list of filters may be is not for the decoder to say.
        Err(error) => assert!(
            matches!(
                error,
                ControlError::TooLarge { .. } | ControlError::TooManyFilters { .. }
            ),
            "{error:?}"
        ),
    }
    true
}
