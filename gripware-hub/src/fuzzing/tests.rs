use std::fs;

use proptest::{collection::vec, prelude::*};

use super::{client_frames, frames, hub_operations};

/// Runs a target over what is kept of its inputs.
fn plays_corpus(name: &str, target: fn(&[u8])) {
    let folder = format!("{}/../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        // The name of the last one is what is looked for where one fails.
        println!("{}", path.display());
        target(&fs::read(path).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 10, "only {seeds} seeds in {folder}");
}

#[test]
fn the_kept_inputs_of_client_frames_are_played() {
    plays_corpus("client_frames", client_frames);
}

#[test]
fn the_kept_inputs_of_hub_operations_are_played() {
    plays_corpus("hub_operations", hub_operations);
}

/// Frames as clients send them, and now and then as none may.
fn client_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81, 0x82, 0x89, 0x8a, 0x01, 0x02, 0x00, 0x80]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let content = prop_oneof![
        4 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
        1 => prop::sample::select(vec![b"\x03\xe8".to_vec(), b"\x0f\xa0bye".to_vec(), vec![b'x'; 126], vec![b'y'; 990]]),
    ];
    (first, content, any::<[u8; 4]>())
        .prop_map(|(first, content, mask)| frames::masked(first, &content, mask))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn frames_of_any_client_are_read_and_answered_as_they_should_be(
        around in any::<u8>(),
        lengths in vec(any::<u8>(), 8),
        frames in vec(client_frame(), 0..60),
    ) {
        client_frames(&[&[around, 7], &lengths[..], &frames.concat()].concat());
    }

    #[test]
    fn bytes_of_any_client_are_read_and_answered_as_they_should_be(
        input in vec(any::<u8>(), 0..400),
    ) {
        client_frames(&input);
    }
}

proptest! {
    // One takes milliseconds.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_hub_does_as_it_should_whatever_is_done_to_it(
        around in any::<[u8; 4]>(),
        operations in vec(any::<[u8; 4]>(), 0..120),
    ) {
        hub_operations(&[around].into_iter().chain(operations).flatten().collect::<Vec<_>>());
    }
}
