//! No text but one that the key signed is a signature.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use gripware_core::sig::{Key, Signer, Verifier};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<Key> = LazyLock::new(|| Key::secret("secret").unwrap());
static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::builder().with_key(KEY.clone()).build().unwrap());

fuzz_target!(|input: (usize, u8, &[u8])| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let (position, byte, token) = input;
    assert!(VERIFIER.verify(token, now).is_err());

    let good = Signer::new(KEY.clone()).unwrap().sign(now).unwrap();
    let mut changed = good.clone().into_bytes();
    let position = position % changed.len();
    changed[position] = byte;
    assert_eq!(VERIFIER.verify(&changed, now).is_ok(), changed == good.as_bytes());
});
