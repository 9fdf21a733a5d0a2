//! The frames of a WebSocket client, in any pieces, are read as by a reader of the whole, and what comes of them is bounded and valid.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| gripware_hub::fuzzing::client_frames(input));
