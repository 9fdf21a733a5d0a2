//! The vectors in `vectors.txt` were made by `lonelypsp` 0.0.47.

use super::*;
use crate::{Authorization, Digest, Etag, Glob, Identifier, Pattern, Topic, Tracing};

const SECRET: &str =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw";
const NOW: u64 = 1_700_000_000;
const URL: &str = "http://127.0.0.1:3002/v1/receive";
const RECOVERY: &str = "http://127.0.0.1:3002/v1/recover";
const SOCKET: &str = "websocket:bm9uY2U=:-1a";

fn code(signed: &Signed<'_>, tracing: &str) -> String {
    let header = Credential::hmac(SECRET)
        .unwrap()
        .sign(
            signed,
            &Tracing::try_from(tracing).unwrap(),
            NOW,
            &Nonce::new("AAAAAA").unwrap(),
        )
        .unwrap();
    let code = header.as_str().strip_prefix("X-HMAC 1700000000:AAAAAA:");
    code.unwrap().to_owned()
}

fn topic() -> Topic {
    Topic::try_from("foo/bar").unwrap()
}

fn identifier(text: &str) -> Identifier {
    Identifier::try_from(text).unwrap()
}

#[test]
fn each_kind_of_message_is_signed_as_the_original_signs_it() {
    let (topic, id, digest) = (topic(), identifier("id"), Digest::of(b"hello"));
    let (exact, glob) = (
        Pattern::Exact(topic.clone()),
        Pattern::Glob(Glob::new("foo/*").unwrap()),
    );
    let etag = Etag::new(Digest::of(b"etag"));
    let mut nonce = [0; 32];
    for (at, byte) in (0..).zip(&mut nonce) {
        *byte = at;
    }
    let preset = Compressor {
        id: 1,
        level: 3,
        min_size: 128,
        max_size: u64::MAX,
    };
    let custom = Compressor {
        id: 65_536,
        level: 10,
        min_size: 32,
        max_size: 16_384,
    };
    let signed = [
        Signed::Subscribe {
            url: URL,
            recovery: Some(RECOVERY),
            pattern: &exact,
        },
        Signed::Subscribe {
            url: URL,
            recovery: None,
            pattern: &glob,
        },
        Signed::Notify {
            topic: &topic,
            identifier: &id,
            digest: &digest,
        },
        Signed::Configure {
            nonce: &nonce,
            zstd: true,
            training: false,
            initial_dict: 513,
        },
        Signed::CheckSubscriptions { url: URL },
        Signed::SetSubscriptions {
            url: URL,
            etag: &etag,
        },
        Signed::ContinueReceive {
            identifier: &id,
            part: 200,
            url: SOCKET,
        },
        Signed::ConfirmReceive {
            identifier: &id,
            subscribers: 258,
            url: URL,
        },
        Signed::ConfirmMissed {
            topic: &topic,
            url: RECOVERY,
        },
        Signed::Receive {
            url: URL,
            topic: &topic,
            identifier: &id,
            digest: &digest,
        },
        Signed::Missed {
            url: RECOVERY,
            topic: &topic,
        },
        Signed::ConfirmSubscribe {
            url: URL,
            recovery: Some(RECOVERY),
            pattern: &exact,
        },
        Signed::ConfirmSubscribe {
            url: URL,
            recovery: None,
            pattern: &glob,
        },
        Signed::ConfirmNotify {
            identifier: &id,
            subscribers: 259,
            topic: &topic,
            digest: &digest,
        },
        Signed::Checked { etag: &etag },
        Signed::Set { etag: &etag },
        Signed::ConfirmConfigure { nonce: &nonce },
        Signed::EnablePreset {
            url: SOCKET,
            compressor: &preset,
        },
        Signed::EnableCustom {
            url: SOCKET,
            compressor: &custom,
            digest: &digest,
        },
        Signed::DisableCustom {
            id: 65_536,
            url: SOCKET,
        },
        Signed::ContinueNotify {
            identifier: &id,
            part: 70_000,
        },
    ];
    let vectors = include_str!("vectors.txt").lines();
    let mut kinds = 1..;
    for (signed, vector) in signed.iter().zip(vectors.clone()) {
        let (name, expected) = vector.split_once(' ').unwrap();
        assert_eq!(code(signed, "trace"), expected, "{name}");
        assert_eq!(signed.kind(), kinds.next().unwrap());
    }
    assert_eq!(signed.len(), vectors.count());
}

#[test]
fn the_vectors_of_the_description_are_signed_so() {
    let (topic, digest) = (topic(), Digest::of(b"hello"));
    let id = identifier("id");
    let notify = Signed::Notify {
        topic: &topic,
        identifier: &id,
        digest: &digest,
    };
    assert_eq!(
        code(&notify, ""),
        "CNXOKnVaTLbYK5Vuw+RfL3j8eLmlIWMWcOx+NXTc2QZ5N0mlG8OyCSttvu3IS//RfVO07Fd6NipfsZWewmEhqA=="
    );
    let pattern = Pattern::Exact(topic.clone());
    let subscribe = Signed::Subscribe {
        url: URL,
        recovery: Some(RECOVERY),
        pattern: &pattern,
    };
    assert_eq!(
        code(&subscribe, ""),
        "ic9OoDdfCy7TnI2YK+fVHmupr+JHrtnEvNM9nsiLxL0bLXdiA9VQ2zFt2jg1o5IihDyDKh5wWh6ChQYHv39wPQ=="
    );
    let id = identifier("12345678");
    let receive = Signed::Receive {
        url: URL,
        topic: &topic,
        identifier: &id,
        digest: &digest,
    };
    assert_eq!(
        code(&receive, ""),
        "P6mmVrs+SGO5FmUj7sIKjTmX6QeF1mXblY7CNj5UJ1BYpfAgT8BDOuGzFi9nELOYXlJk3Q1bEcwPQltFobbp1g=="
    );
}

#[test]
fn a_signature_is_good_once_near_its_time_and_for_its_message() {
    let credential = Credential::hmac(SECRET).unwrap();
    let (topic, other) = (topic(), Topic::try_from("foo/baz").unwrap());
    let signed = |topic| Signed::Missed {
        url: RECOVERY,
        topic,
    };
    let tracing = Tracing::default();
    let header = credential.sign(&signed(&topic), &tracing, NOW, &Nonce::random());
    let header = header.as_ref().map(Authorization::as_str);
    let mut seen = ReplayStore::default();
    let mut verify = |header, topic, tracing: &Tracing, now| {
        credential.verify(header, &signed(topic), tracing, now, &mut seen)
    };
    let traced = Tracing::try_from("x").unwrap();
    for (now, refusal) in [(NOW - 121, Refusal::Expired), (NOW + 121, Refusal::Expired)] {
        assert_eq!(verify(header, &topic, &tracing, now), Err(refusal));
    }
    assert_eq!(
        verify(header, &other, &tracing, NOW),
        Err(Refusal::Mismatch)
    );
    assert_eq!(verify(header, &topic, &traced, NOW), Err(Refusal::Mismatch));
    assert_eq!(verify(None, &topic, &tracing, NOW), Err(Refusal::Missing));
    assert_eq!(verify(header, &topic, &tracing, NOW + 120), Ok(()));
    assert_eq!(
        verify(header, &topic, &tracing, NOW + 120),
        Err(Refusal::Replayed)
    );
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let credential = Credential::hmac(SECRET).unwrap();
    let pattern = Pattern::Exact(topic());
    let ask = Signed::Subscribe {
        url: URL,
        recovery: None,
        pattern: &pattern,
    };
    let answer = Signed::ConfirmSubscribe {
        url: URL,
        recovery: None,
        pattern: &pattern,
    };
    let tracing = Tracing::default();
    let header = credential
        .sign(&ask, &tracing, NOW, &Nonce::random())
        .unwrap();
    let verified = credential.check(Some(header.as_str()), &answer, &tracing, NOW);
    assert_eq!(verified.unwrap_err(), Refusal::Mismatch);
}

#[test]
fn what_is_no_signature_is_malformed() {
    let credential = Credential::hmac(SECRET).unwrap();
    let topic = topic();
    let signed = Signed::Missed {
        url: RECOVERY,
        topic: &topic,
    };
    let tracing = Tracing::default();
    let zeros = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [0; 64]);
    for header in [
        "",
        "Bearer x",
        "X-HMAC ",
        "X-HMAC 1700000000",
        "X-HMAC 1700000000:n",
        "X-HMAC 1700000000:n:",
        "X-HMAC 1700000000:n:AAAA",
        &format!("X-HMAC +1700000000:n:{zeros}"),
        &format!("X-HMAC 99999999999999999999:n:{zeros}"),
        &format!("X-HMAC :n:{zeros}"),
        &format!("X-HMAC 1700000000:n\u{e9}:{zeros}"),
        &format!("X-HMAC 1700000000:n:{zeros}:x"),
        &format!("x-hmac 1700000000:n:{zeros}"),
    ] {
        let verified = credential.check(Some(header), &signed, &tracing, NOW);
        assert_eq!(verified.unwrap_err(), Refusal::Malformed, "{header}");
    }
}

#[test]
fn a_token_is_compared_whole() {
    let credential = Credential::token("sesame").unwrap();
    let topic = topic();
    let signed = Signed::Missed {
        url: RECOVERY,
        topic: &topic,
    };
    let verify = |header| {
        credential
            .check(header, &signed, &Tracing::default(), NOW)
            .map(drop)
    };
    assert_eq!(verify(Some("Bearer sesame")), Ok(()));
    assert_eq!(verify(Some("Bearer sesam")), Err(Refusal::Mismatch));
    assert_eq!(verify(Some("sesame")), Err(Refusal::Malformed));
    assert_eq!(verify(None), Err(Refusal::Missing));
}

#[test]
fn the_original_s_file_is_read_and_written() {
    let auth = Auth::generate(Kind::Hmac, Kind::Token).unwrap();
    let json = auth.to_json();
    assert!(
        json.starts_with(
            "{\n  \"version\": \"2\",\n  \"to-broadcaster\": {\n    \"type\": \"hmac\","
        )
    );
    let again = Auth::from_json(&json).unwrap();
    assert_eq!(again.to_json(), json);
    assert_eq!(Auth::none().to_json(), "{\n  \"version\": \"2\"\n}");

    let secret = json.split('"').max_by_key(|text| text.len()).unwrap();
    assert!(!format!("{auth:?}").contains(secret));
}

#[test]
fn a_file_that_would_leave_a_door_open_is_refused() {
    for file in [
        r#"{"version": "2", "to-broadcaster": {"type": "hmac"}}"#,
        r#"{"version": "2", "to-broadcaster": {"type": "hmac", "secret": "short"}}"#,
        r#"{"version": "2", "to-broadcaster": {"type": "token", "secret": ""}}"#,
        r#"{"version": "2", "to-broadcaster": {"type": "HMAC", "secret": "x"}}"#,
        r#"{"version": "2", "to-broadcaster": {"type": "standard-webhooks", "secret": "x"}}"#,
        r#"{"version": "2", "to-subscriber": {"type": "standard-webhooks", "secret": "whsec_"}}"#,
        r#"{"version": 2}"#,
        r#"{}"#,
        "",
    ] {
        assert!(Auth::from_json(file).is_err(), "{file}");
    }
}
