//! Any text is a list of GRIP URLs or an error that shows no key; a key is read or refused.
#![no_main]

use gripware_core::{GripUrl, sig::Key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = Key::parse_all(text);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Ok(urls) = GripUrl::parse_many(text) {
        for url in urls {
            assert!(url.publish_uri().path().ends_with("/publish/"));
            let _ = format!("{url:?}");
        }
    }
});
