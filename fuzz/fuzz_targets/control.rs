//! A control message that decodes survives being encoded and decoded again; nothing panics.
#![no_main]

use gripware_core::{
    Limits,
    ws::{ControlError, ControlMessage},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let limits = Limits::default();
    let Ok(message) = ControlMessage::decode(content) else {
        return;
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
});
