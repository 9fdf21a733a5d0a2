//! Clients, publishers and an origin do what they like to a hub; each client sees what it should, and nothing is left of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| gripware_hub::fuzzing::hub_operations(input));
