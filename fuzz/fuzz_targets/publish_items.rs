//! Items that are read survive being written and read again; an error has one line; nothing panics.
#![no_main]

use gripware_core::proxy::decode_items;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let items = match decode_items(body) {
        Ok(items) => items,
        Err(error) => {
            assert!(error.to_string().starts_with("Invalid format") || error.to_string() == "Body is not valid JSON.");
            return;
        }
    };
    for (channel, item) in items {
        let mut again = b"{\"items\":[".to_vec();
        item.encode_json(channel.name(), "", &mut again).unwrap();
        again.extend_from_slice(b"]}");
        assert_eq!(decode_items(&again).unwrap(), [(channel, item)]);
    }
});
