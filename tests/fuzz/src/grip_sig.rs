//! No text but one that the key signed is a signature.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use arbitrary::{Arbitrary, Unstructured};
use gripware_core::sig::{Key, Signer, Verifier};

static KEY: LazyLock<Key> = LazyLock::new(|| Key::secret("secret").unwrap());
static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::builder().with_key(KEY.clone()).build().unwrap());

/// The target. Whether the input is a good one.
pub fn grip_sig(input: &[u8]) -> bool {
    let Ok(input) = <(usize, u8, &[u8])>::arbitrary_take_rest(Unstructured::new(input)) else {
        return false;
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let (position, byte, token) = input;
    assert!(VERIFIER.verify(token, now).is_err());

    let good = Signer::new(KEY.clone()).unwrap().sign(now).unwrap();
    let mut changed = good.clone().into_bytes();
    let position = position % changed.len();
    changed[position] = byte;
    assert_eq!(
        VERIFIER.verify(&changed, now).is_ok(),
        changed == good.as_bytes()
    );
    true
}
