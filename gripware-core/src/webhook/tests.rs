use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{
    MAX_WEBHOOK_ID, ReplayCache, ReplayError, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP,
    WebhookError, WebhookIdError, WebhookKey, WebhookKeyError, WebhookVerifier,
};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &[u8] = br#"{"test": 2432232314}"#;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key() -> WebhookKey {
    WebhookKey::parse(KEY).unwrap()
}

/// The specification's own example.
fn example() -> HeaderMap {
    [
        (WEBHOOK_ID, "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        (WEBHOOK_TIMESTAMP, "1614265330"),
        (
            WEBHOOK_SIGNATURE,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .into_iter()
    .collect()
}

#[test]
fn the_example_of_the_specification_is_signed_and_verified() {
    let now = at(1_614_265_330);
    let signed = key()
        .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", now, BODY)
        .unwrap();
    let signed: HeaderMap = signed.into_iter().collect();
    assert_eq!(signed, example());
    let verifier = WebhookVerifier::new([key()]);
    assert_eq!(
        verifier.verify(&example(), BODY, now),
        Ok("msg_p5jXN8AQM9LWM0D4loKWxJek")
    );
}

#[test]
fn a_signature_is_valid_for_five_minutes_to_both_sides() {
    let (verifier, headers) = (WebhookVerifier::new([key()]), example());
    for (seconds, is_valid) in [
        (1_614_265_029, false),
        (1_614_265_030, true),
        (1_614_265_630, true),
        (1_614_265_631, false),
    ] {
        let verified = verifier.verify(&headers, BODY, at(seconds));
        assert_eq!(verified.is_ok(), is_valid, "{seconds}: {verified:?}");
    }
}

#[test]
fn what_is_missing_is_told_from_what_is_wrong() {
    let verifier = WebhookVerifier::new([key()]);
    let now = at(1_614_265_330);
    let verify = |change: &dyn Fn(&mut HeaderMap)| {
        let mut headers = example();
        change(&mut headers);
        verifier.verify(&headers, BODY, now).map(str::to_owned)
    };
    for name in [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE] {
        let missing = verify(&|headers| drop(headers.remove(&name)));
        assert_eq!(missing, Err(WebhookError::Missing), "{name}");
        let twice = verify(&|headers| {
            let value = headers[&name].clone();
            headers.append(&name, value);
        });
        assert_eq!(twice, Err(WebhookError::Malformed), "{name}");
    }
    let set = |name: HeaderName, value| {
        verify(&|headers: &mut HeaderMap| {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        })
    };
    assert_eq!(
        set(WEBHOOK_TIMESTAMP, "+1614265330"),
        Err(WebhookError::Malformed)
    );
    assert_eq!(
        set(WEBHOOK_TIMESTAMP, "99999999999999999999"),
        Err(WebhookError::Malformed)
    );
    assert_eq!(
        set(WEBHOOK_TIMESTAMP, "18446744073709551615"),
        Err(WebhookError::Expired)
    );
    assert_eq!(
        set(WEBHOOK_TIMESTAMP, "1614265331"),
        Err(WebhookError::Forged)
    );
    assert_eq!(set(WEBHOOK_ID, "other"), Err(WebhookError::Forged));
    assert_eq!(set(WEBHOOK_ID, ""), Err(WebhookError::Malformed));
    assert_eq!(
        set(WEBHOOK_SIGNATURE, "v2,AAAA v1,%% v1,AAAA"),
        Err(WebhookError::Forged)
    );
}

#[test]
fn one_of_several_signatures_and_keys_is_enough() {
    let old = WebhookKey::parse("a key of text").unwrap();
    let mut headers = example();
    let both = "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    headers.insert(WEBHOOK_SIGNATURE, HeaderValue::from_static(both));
    let now = at(1_614_265_330);
    assert!(
        WebhookVerifier::new([old.clone(), key()])
            .verify(&headers, BODY, now)
            .is_ok()
    );
    assert_eq!(
        WebhookVerifier::new([old]).verify(&headers, BODY, now),
        Err(WebhookError::Forged)
    );
    assert_eq!(
        WebhookVerifier::new([]).verify(&headers, BODY, now),
        Err(WebhookError::Forged)
    );
}

#[test]
fn keys_and_ids_that_are_none_are_refused() {
    let error = |text| WebhookKey::parse(text).map(drop).unwrap_err();
    assert_eq!(error(""), WebhookKeyError::Empty);
    assert_eq!(error("whsec_"), WebhookKeyError::Empty);
    assert_eq!(error("whsec_?"), WebhookKeyError::Base64);
    for id in [
        "",
        "a b",
        "a\r\nb",
        "\u{e9}",
        &"x".repeat(MAX_WEBHOOK_ID + 1),
    ] {
        assert_eq!(key().sign(id, at(0), BODY), Err(WebhookIdError), "{id:?}");
    }
}

#[test]
fn a_key_does_not_print() {
    assert_eq!(format!("{:?}", key()), "WebhookKey([redacted])");
}

#[test]
fn an_id_is_accepted_once_for_as_long_as_its_signature_is_valid() {
    let mut seen = ReplayCache::new(10);
    assert_eq!(seen.insert("a", at(1000)), Ok(()));
    // Signed 300 s ahead of our clock, it is valid until then.
    assert_eq!(seen.insert("a", at(1600)), Err(ReplayError::Replayed));
    assert_eq!(seen.insert("a", at(1601)), Ok(()));
    assert_eq!(seen.insert("a", at(500)), Err(ReplayError::Replayed));
}

#[test]
fn a_full_cache_refuses_rather_than_forgets() {
    let mut seen = ReplayCache::new(2);
    assert_eq!(seen.insert("a", at(0)), Ok(()));
    assert_eq!(seen.insert("b", at(1)), Ok(()));
    assert_eq!(seen.insert("c", at(2)), Err(ReplayError::Full));
    assert_eq!(seen.insert("a", at(2)), Err(ReplayError::Replayed));
    assert_eq!(seen.insert("c", at(601)), Ok(()));
}

#[test]
fn what_failed_may_be_sent_again() {
    let mut seen = ReplayCache::new(2);
    assert_eq!(seen.insert("a", at(0)), Ok(()));
    seen.remove("a");
    assert_eq!(seen.insert("a", at(0)), Ok(()));
}

proptest! {
    #[test]
    fn what_is_signed_is_verified_and_nothing_else(
        id in "[!-~]{1,64}",
        seconds in 0_u64..1 << 40,
        body in proptest::collection::vec(any::<u8>(), 0..64),
        other in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let signed = key().sign(&id, at(seconds), &body).unwrap();
        let headers: HeaderMap = signed.into_iter().collect();
        let verifier = WebhookVerifier::new([key()]);
        prop_assert_eq!(verifier.verify(&headers, &body, at(seconds)), Ok(id.as_str()));
        prop_assert_eq!(verifier.verify(&headers, &other, at(seconds)).is_ok(), body == other);
    }
}
