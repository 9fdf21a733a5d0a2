//! Items that are read survive being written and read again; an error has the words of Pushpin;
//! nothing panics.

use gripware_core::{item::HttpBody, proxy::decode_items};

/// The target. Whether the input is a good one.
pub fn publish_items(body: &[u8]) -> bool {
    let items = match decode_items(body) {
        Ok(items) => items,
        Err(error) => {
            let words = error.to_string();
            assert!(words.starts_with("Invalid format") || words == "Body is not valid JSON.");
            return false;
        }
    };
    for (channel, item) in items {
        let parts = item.parts().unwrap();
        // The fractions in a patch may change in their last digit.
        let response = parts.http_response.as_ref();
        assert!(!response.is_some_and(|format| format.status().is_informational()));
        if response.is_some_and(|format| matches!(format.body(), HttpBody::Patch(_))) {
            continue;
        }
        let mut again = b"{\"items\":[".to_vec();
        item.encode_json(channel.name(), "", &mut again).unwrap();
        again.extend_from_slice(b"]}");
        assert_eq!(decode_items(&again).unwrap(), [(channel, item)]);
    }
    true
}
