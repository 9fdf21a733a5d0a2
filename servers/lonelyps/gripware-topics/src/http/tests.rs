use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Address, Authorization, Digest, Etag, Glob, Identifier, Pattern, SubscriptionList, Topic,
    Tracing,
};

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

fn topic() -> impl Strategy<Value = Topic> {
    bytes(40).prop_map(|bytes| Topic::new(bytes).unwrap())
}

fn glob() -> impl Strategy<Value = Glob> {
    ".{0,20}".prop_map(|text| Glob::new(text).unwrap())
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        topic().prop_map(Pattern::Exact),
        glob().prop_map(Pattern::Glob)
    ]
}

fn tracing() -> impl Strategy<Value = Tracing> {
    bytes(20).prop_map(|bytes| Tracing::new(bytes).unwrap())
}

fn identifier() -> impl Strategy<Value = Identifier> {
    bytes(256).prop_map(|bytes| Identifier::new(bytes).unwrap())
}

fn address() -> impl Strategy<Value = Address> {
    "https?://[a-z]{1,9}(:[0-9]{1,4})?(/[a-z]{0,9}){0,2}(#[a-z]{0,3})?"
        .prop_map(|text| Address::new(text).unwrap())
}

fn recovery() -> impl Strategy<Value = Option<Address>> {
    proptest::option::of(address())
}

fn authorization() -> impl Strategy<Value = Option<Authorization>> {
    proptest::option::of(".{1,20}".prop_map(|text| Authorization::new(text).unwrap()))
}

fn digest() -> impl Strategy<Value = Digest> {
    bytes(9).prop_map(|bytes| Digest::of(&bytes))
}

fn subscriptions() -> impl Strategy<Value = SubscriptionList> {
    vec((pattern(), recovery()), 0..6).prop_map(|pairs| {
        let mut list = SubscriptionList::default();
        for (pattern, recovery) in pairs {
            list.insert(pattern, recovery);
        }
        list
    })
}

fn reply() -> impl Strategy<Value = Reply> {
    (
        0..6,
        authorization(),
        tracing(),
        identifier(),
        any::<u32>(),
        digest(),
    )
        .prop_map(
            |(kind, authorization, tracing, identifier, count, digest)| match kind {
                0 => Reply::Generic {
                    authorization,
                    tracing,
                },
                1 => Reply::Notify {
                    authorization,
                    tracing,
                    notified: count,
                    identifier,
                },
                2 => Reply::Check {
                    authorization,
                    tracing,
                    etag: Etag::new(digest),
                },
                3 => Reply::ConfirmReceive {
                    authorization,
                    tracing,
                    identifier,
                    subscribers: count,
                },
                4 => Reply::ConfirmMissed {
                    authorization,
                    tracing,
                },
                _ => Reply::UnsubscribeImmediate,
            },
        )
}

proptest! {
    #[test]
    fn subscriptions_are_decoded_as_they_were_encoded(
        url in address(), pattern in pattern(), recovery in recovery(), tracing in tracing(),
    ) {
        let subscribe = Subscribe { url: url.clone(), pattern: pattern.clone(), recovery, tracing: tracing.clone() };
        let unsubscribe = Unsubscribe { url, pattern, tracing };
        let (subscribed, unsubscribed) = match subscribe.pattern {
            Pattern::Exact(_) => (
                Subscribe::decode_exact(subscribe.encode()),
                Unsubscribe::decode_exact(unsubscribe.encode()),
            ),
            Pattern::Glob(_) => (
                Subscribe::decode_glob(subscribe.encode()),
                Unsubscribe::decode_glob(unsubscribe.encode()),
            ),
        };
        prop_assert_eq!(subscribed.unwrap(), subscribe);
        prop_assert_eq!(unsubscribed.unwrap(), unsubscribe);
    }

    #[test]
    fn lists_are_decoded_as_they_were_encoded(url in address(), list in subscriptions(), tracing in tracing()) {
        let check = CheckSubscriptions { tracing: tracing.clone(), url: url.clone() };
        prop_assert_eq!(CheckSubscriptions::decode(check.encode()).unwrap(), check);
        let set = SetSubscriptions::new(url, list, tracing);
        let (head, length) = SetSubscriptions::decode_head(&set.encode()).unwrap().unwrap();
        prop_assert_eq!(head, (set.tracing.clone(), set.url.clone(), set.etag));
        prop_assert_eq!(SetSubscriptions::decode_head(&set.encode().slice(..length - 1)).unwrap(), None);
        prop_assert_eq!(SetSubscriptions::decode(set.encode()).unwrap(), set);
    }

    #[test]
    fn heads_are_decoded_where_all_of_them_is_there(
        topic in topic(), digest in digest(), tracing in tracing(), identifier in identifier(),
        length: u64, message in bytes(9),
    ) {
        let notify = NotifyHead {
            topic: topic.clone(), digest, tracing: tracing.clone(), identifier: identifier.clone(), length,
        };
        let head = notify.encode();
        let whole = Bytes::from([&head[..], &message[..]].concat());
        prop_assert_eq!(NotifyHead::decode(&whole).unwrap(), Some((notify, head.len())));
        prop_assert_eq!(NotifyHead::decode(&head.slice(..head.len() - 1)).unwrap(), None);

        let receive = ReceiveHead { tracing: tracing.clone(), topic: topic.clone(), identifier, length };
        let head = receive.encode();
        let whole = Bytes::from([&head[..], &message[..]].concat());
        prop_assert_eq!(ReceiveHead::decode(&whole).unwrap(), Some((receive, head.len())));
        prop_assert_eq!(ReceiveHead::decode(&head.slice(..head.len() - 1)).unwrap(), None);

        let missed = Missed { tracing, topic };
        prop_assert_eq!(Missed::decode(missed.encode()).unwrap(), missed);
    }

    #[test]
    fn replies_are_decoded_as_they_were_encoded(reply in reply()) {
        prop_assert_eq!(Reply::decode(reply.encode()).unwrap(), reply);
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in bytes(300)) {
        let _ = Subscribe::decode_exact(bytes.clone());
        let _ = Subscribe::decode_glob(bytes.clone());
        let _ = Unsubscribe::decode_exact(bytes.clone());
        let _ = Unsubscribe::decode_glob(bytes.clone());
        let _ = CheckSubscriptions::decode(bytes.clone());
        let _ = SetSubscriptions::decode(bytes.clone());
        let _ = NotifyHead::decode(&bytes);
        let _ = ReceiveHead::decode(&bytes);
        let _ = Missed::decode(bytes.clone());
        let _ = Reply::decode(bytes);
    }
}

#[test]
fn a_list_that_does_not_ascend_or_has_another_etag_is_refused() {
    let url = Address::new("http://a/v1/receive").unwrap();
    let mut list = SubscriptionList::default();
    for topic in ["b", "a"] {
        list.insert(Pattern::Exact(Topic::try_from(topic).unwrap()), None);
    }
    let set = SetSubscriptions::new(url, list, Tracing::default());
    let good = set.encode();
    assert!(SetSubscriptions::decode(good.clone()).is_ok());

    let mut swapped = good.to_vec();
    let a = swapped.iter().rposition(|&byte| byte == b'a').unwrap();
    let b = swapped.iter().rposition(|&byte| byte == b'b').unwrap();
    swapped.swap(a, b);
    assert_eq!(
        SetSubscriptions::decode(swapped.into()),
        Err(crate::WireError::Order { list: "topics" })
    );

    let mut other = good.to_vec();
    other[a] = b'A';
    assert_eq!(
        SetSubscriptions::decode(other.into()),
        Err(crate::WireError::Value { field: "the etag" })
    );
}

#[test]
fn bytes_behind_a_message_are_refused() {
    let missed = Missed {
        tracing: Tracing::default(),
        topic: Topic::try_from("t").unwrap(),
    };
    let mut body = missed.encode().to_vec();
    body.push(0);
    assert_eq!(
        Missed::decode(body.into()),
        Err(crate::WireError::Trailing { count: 1 })
    );
}
