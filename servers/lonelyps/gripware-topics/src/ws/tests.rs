use std::num::NonZeroU64;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Authorization, Digest, Glob, Identifier, Pattern, Topic, Tracing, WireError, auth::Compressor,
};

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

fn authorization() -> impl Strategy<Value = Option<Authorization>> {
    proptest::option::of(".{1,20}".prop_map(|text| Authorization::new(text).unwrap()))
}

fn tracing() -> impl Strategy<Value = Tracing> {
    bytes(20).prop_map(|bytes| Tracing::new(bytes).unwrap())
}

fn identifier() -> impl Strategy<Value = Identifier> {
    bytes(65).prop_map(|bytes| Identifier::new(bytes).unwrap())
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        bytes(40).prop_map(|bytes| Pattern::Exact(Topic::new(bytes).unwrap())),
        ".{0,20}".prop_map(|text| Pattern::Glob(Glob::new(text).unwrap())),
    ]
}

fn head() -> impl Strategy<Value = StreamHead> {
    (bytes(40), any::<(u64, u64, u64)>(), bytes(5)).prop_map(
        |(topic, (compressor, compressed, decompressed), digest)| StreamHead {
            topic: Topic::new(topic).unwrap(),
            compressor,
            compressed_length: compressed,
            decompressed_length: if compressor == 0 {
                compressed
            } else {
                decompressed
            },
            digest: Digest::of(&digest),
        },
    )
}

fn part() -> impl Strategy<Value = StreamPart> {
    let number = prop_oneof![
        head().prop_map(Ok),
        (1..=u64::MAX).prop_map(|number| Err(NonZeroU64::new(number).unwrap())),
    ];
    (authorization(), tracing(), identifier(), number, bytes(50)).prop_map(
        |(authorization, tracing, identifier, part, payload)| StreamPart {
            authorization,
            tracing,
            identifier,
            part,
            payload,
        },
    )
}

fn from_subscriber() -> impl Strategy<Value = FromSubscriber> {
    let signed = || (authorization(), tracing());
    prop_oneof![
        (any::<([u8; 32], bool, bool, u16)>(), signed()).prop_map(
            |((nonce, zstd, training, initial_dict), (authorization, tracing))| {
                FromSubscriber::Configure {
                    nonce,
                    zstd,
                    training,
                    initial_dict,
                    authorization,
                    tracing,
                }
            }
        ),
        (any::<bool>(), pattern(), signed()).prop_map(
            |(subscribe, pattern, (authorization, tracing))| match subscribe {
                true => FromSubscriber::Subscribe {
                    authorization,
                    tracing,
                    pattern,
                },
                false => FromSubscriber::Unsubscribe {
                    authorization,
                    tracing,
                    pattern,
                },
            }
        ),
        (identifier(), bytes(40), bytes(50), signed()).prop_map(
            |(identifier, topic, payload, (authorization, tracing))| FromSubscriber::Notify {
                authorization,
                tracing,
                identifier,
                head: StreamHead::uncompressed(Topic::new(topic).unwrap(), &payload),
                payload,
            }
        ),
        part().prop_map(FromSubscriber::NotifyStream),
        (identifier(), any::<u64>(), signed()).prop_map(
            |(identifier, part, (authorization, tracing))| FromSubscriber::ContinueReceive {
                identifier,
                part,
                authorization,
                tracing,
            }
        ),
        (identifier(), any::<u32>(), signed()).prop_map(
            |(identifier, subscribers, (authorization, tracing))| FromSubscriber::ConfirmReceive {
                identifier,
                authorization,
                tracing,
                subscribers,
            }
        ),
    ]
}

fn compressor(ids: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Compressor> {
    (ids, any::<(i16, u32, u64)>()).prop_map(|(id, (level, min_size, max_size))| Compressor {
        id,
        level,
        min_size,
        max_size,
    })
}

fn from_broadcaster() -> impl Strategy<Value = FromBroadcaster> {
    let signed = || (authorization(), tracing());
    prop_oneof![
        (any::<[u8; 32]>(), signed()).prop_map(|(nonce, (authorization, tracing))| {
            FromBroadcaster::ConfirmConfigure {
                nonce,
                authorization,
                tracing,
            }
        }),
        (any::<bool>(), pattern(), signed()).prop_map(
            |(subscribe, pattern, (authorization, tracing))| match subscribe {
                true => FromBroadcaster::ConfirmSubscribe {
                    pattern,
                    authorization,
                    tracing,
                },
                false => FromBroadcaster::ConfirmUnsubscribe {
                    pattern,
                    authorization,
                    tracing,
                },
            }
        ),
        (any::<bool>(), identifier(), any::<u64>(), signed()).prop_map(
            |(confirm, identifier, number, (authorization, tracing))| match confirm {
                true => FromBroadcaster::ConfirmNotify {
                    identifier,
                    subscribers: number,
                    authorization,
                    tracing,
                },
                false => FromBroadcaster::ContinueNotify {
                    identifier,
                    part: number,
                    authorization,
                    tracing,
                },
            }
        ),
        part().prop_map(FromBroadcaster::ReceiveStream),
        (compressor(1..=65_535), signed()).prop_map(|(compressor, (authorization, tracing))| {
            FromBroadcaster::EnablePreset {
                compressor,
                authorization,
                tracing,
            }
        }),
        (compressor(65_536..=u32::MAX), bytes(50), signed()).prop_map(
            |(compressor, dictionary, (authorization, tracing))| FromBroadcaster::EnableCustom {
                compressor,
                authorization,
                tracing,
                digest: Digest::of(&dictionary),
                dictionary,
            }
        ),
        (65_536..=u32::MAX, signed()).prop_map(|(id, (authorization, tracing))| {
            FromBroadcaster::DisableCustom {
                id,
                authorization,
                tracing,
            }
        }),
        (bytes(40), signed()).prop_map(|(topic, (authorization, tracing))| {
            FromBroadcaster::Missed {
                authorization,
                tracing,
                topic: Topic::new(topic).unwrap(),
            }
        }),
    ]
}

proptest! {
    #[test]
    fn messages_are_decoded_as_they_were_encoded(
        subscriber in from_subscriber(), broadcaster in from_broadcaster(), minimal: bool,
    ) {
        let bytes = subscriber.encode(minimal).unwrap();
        prop_assert_eq!(FromSubscriber::decode(bytes).unwrap(), subscriber);
        let bytes = broadcaster.encode(minimal).unwrap();
        prop_assert_eq!(FromBroadcaster::decode(bytes).unwrap(), broadcaster);
    }

    #[test]
    fn a_message_that_was_cut_or_changed_is_an_error_or_another_message(
        subscriber in from_subscriber(), broadcaster in from_broadcaster(), minimal: bool,
        at: prop::sample::Index, to: u8, cut: bool,
    ) {
        for bytes in [subscriber.encode(minimal).unwrap(), broadcaster.encode(minimal).unwrap()] {
            let at = at.index(bytes.len());
            let mut bytes = bytes.to_vec();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = to;
            }
            let _ = FromSubscriber::decode(bytes.clone().into());
            let _ = FromBroadcaster::decode(bytes.into());
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in bytes(300)) {
        let _ = FromSubscriber::decode(bytes.clone());
        let _ = FromBroadcaster::decode(bytes);
    }

    #[test]
    fn a_message_in_parts_is_joined_to_what_it_was(message in bytes(2_000), most in 1usize..700) {
        let identifier = Identifier::try_from(b"id").unwrap();
        let head = StreamHead::uncompressed(Topic::try_from("t").unwrap(), &message);
        let mut joiner = Joiner::new(2_000);
        let parts: Vec<_> = split(&message, most).collect();
        for (number, payload) in parts.iter().enumerate() {
            let part = NonZeroU64::new(number as u64).map_or(Ok(head.clone()), Err);
            let joined = joiner.push(&identifier, part, payload.clone()).unwrap();
            if number + 1 < parts.len() {
                prop_assert_eq!(joined, Joined::More(number as u64));
            } else {
                let whole = Joined::Message {
                    head: head.clone(), identifier: identifier.clone(), message: message.clone(),
                };
                prop_assert_eq!(joined, whole);
            }
        }
    }
}

#[test]
fn the_example_of_the_description_is_read_and_written() {
    let notify = FromSubscriber::Notify {
        authorization: None,
        tracing: Tracing::default(),
        identifier: Identifier::try_from(b"id").unwrap(),
        head: StreamHead::uncompressed(Topic::try_from("t").unwrap(), b"hi"),
        payload: Bytes::from_static(b"hi"),
    };
    let mut example = vec![0, 1, 0, 6, 0, 0, 0, 0, 0, 2, b'i', b'd', 0, 1, b't'];
    example.extend_from_slice(&[0, 1, 0, 0, 1, 2, 0, 1, 2, 0, 64]);
    example.extend_from_slice(Digest::of(b"hi").as_bytes());
    example.extend_from_slice(b"hi");
    assert_eq!(notify.encode(true).unwrap(), example);
    assert_eq!(FromSubscriber::decode(example.into()).unwrap(), notify);
}

#[test]
fn of_two_expanded_headers_of_a_name_the_last_counts() {
    let mut message = vec![0, 0, 0, 12, 0, 4];
    for (name, value) in [
        ("X-Topic", "a"),
        ("authorization", ""),
        ("x-tracing", ""),
        ("x-topic", "b"),
    ] {
        for text in [name, value] {
            message.extend_from_slice(&(text.len() as u16).to_be_bytes());
            message.extend_from_slice(text.as_bytes());
        }
    }
    let missed = FromBroadcaster::Missed {
        authorization: None,
        tracing: Tracing::default(),
        topic: Topic::try_from("b").unwrap(),
    };
    assert_eq!(FromBroadcaster::decode(message.into()).unwrap(), missed);
}

#[test]
fn numbers_may_be_empty_and_headers_may_not_be_missing() {
    let continue_receive = |part: &[u8]| {
        let mut message = vec![0, 1, 0, 8, 0, 2, b'i', b'd', 0, part.len() as u8];
        message.extend_from_slice(part);
        message.extend_from_slice(&[0, 0, 0, 0]);
        FromSubscriber::decode(message.into()).map(|message| match message {
            FromSubscriber::ContinueReceive { part, .. } => part,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(continue_receive(&[]), Ok(0));
    assert_eq!(continue_receive(&[0]), Ok(0));
    assert_eq!(continue_receive(&[1, 0]), Ok(256));
    let error = continue_receive(&[0; 9]).unwrap_err();
    assert!(matches!(
        error,
        WireError::TooLong {
            field: "x-part-id",
            ..
        }
    ));

    let none = FromBroadcaster::decode(Bytes::from_static(&[0, 0, 0, 12, 0, 0])).unwrap_err();
    assert_eq!(none, WireError::MissingHeader("authorization"));
}

#[test]
fn parts_that_are_not_of_one_message_are_refused() {
    let id = |text: &str| Identifier::try_from(text).unwrap();
    let head = StreamHead::uncompressed(Topic::try_from("t").unwrap(), b"hello");
    let number = |number| Err(NonZeroU64::new(number).unwrap());
    let begun = || {
        let mut joiner = Joiner::new(5);
        let joined = joiner.push(&id("a"), Ok(head.clone()), "he".into());
        assert_eq!(joined, Ok(Joined::More(0)));
        joiner
    };
    for (identifier, part, payload, error) in [
        ("a", number(2), "llo", StreamError::NotNext),
        ("b", number(1), "llo", StreamError::NotNext),
        ("a", Ok(head.clone()), "he", StreamError::NotNext),
        ("a", number(1), "", StreamError::NotNext),
        ("a", number(1), "llo!", StreamError::Excess),
        ("a", number(1), "LLO", StreamError::Digest),
    ] {
        let refused = begun().push(&id(identifier), part, payload.into());
        assert_eq!(refused, Err(error));
    }
    let mut small = Joiner::new(4);
    let refused = small.push(&id("a"), Ok(head.clone()), "he".into());
    assert_eq!(
        refused,
        Err(StreamError::TooLarge {
            length: 5,
            limit: 4
        })
    );
    let refused = small.push(&id("a"), number(1), "he".into());
    assert_eq!(refused, Err(StreamError::NotNext));
}
