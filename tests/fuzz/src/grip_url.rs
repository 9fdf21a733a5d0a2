//! Any text is a list of GRIP URLs or an error that shows no key; a key is read or refused.

use gripware_core::{GripUrl, sig::Key};

/// The target. Whether the input is a good one.
pub fn grip_url(text: &[u8]) -> bool {
    let _ = Key::parse_all(text);
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    if let Ok(urls) = GripUrl::parse_many(text) {
        for url in urls {
            assert!(url.publish_uri().path().ends_with("/publish/"));
            let _ = format!("{url:?}");
        }
    }
    true
}
