//! Whatever bytes come over one of httppubsub's wires, they are an error, or a message that is
//! encoded to bytes that are the same message. A pattern matches what a slow matcher matches.

use bytes::Bytes;
use gripware_topics::{
    Glob, Topic,
    http::{
        CheckSubscriptions, Missed, NotifyHead, ReceiveHead, Reply, SetSubscriptions, Subscribe,
        Unsubscribe,
    },
    ws::{FromBroadcaster, FromSubscriber},
};

/// The target. The first byte says what the rest is. Whether the input is a good one.
pub fn topics(input: &[u8]) -> bool {
    let Some((&which, rest)) = input.split_first() else {
        return false;
    };
    let body = Bytes::copy_from_slice(rest);
    match which % 14 {
        0 => same(body, Subscribe::decode_exact, Subscribe::encode),
        1 => same(body, Subscribe::decode_glob, Subscribe::encode),
        2 => same(body, Unsubscribe::decode_exact, Unsubscribe::encode),
        3 => same(body, Unsubscribe::decode_glob, Unsubscribe::encode),
        4 => same(body, CheckSubscriptions::decode, CheckSubscriptions::encode),
        5 => same(body, SetSubscriptions::decode, SetSubscriptions::encode),
        6 => same(body, Missed::decode, Missed::encode),
        7 => same(body, Reply::decode, Reply::encode),
        8 => same(
            body,
            |body| NotifyHead::decode(&body).map(drop_length),
            encode_notify,
        ),
        9 => same(
            body,
            |body| ReceiveHead::decode(&body).map(drop_length),
            encode_receive,
        ),
        10 => same(body, FromSubscriber::decode, |message| {
            message.encode(true).unwrap()
        }),
        11 => same(body, FromSubscriber::decode, |message| {
            message.encode(false).unwrap()
        }),
        12 => same(body, FromBroadcaster::decode, |message| {
            message.encode(rest.len() % 2 == 0).unwrap()
        }),
        _ => glob(rest),
    }
}

fn same<T: PartialEq + std::fmt::Debug, E: std::fmt::Debug>(
    body: Bytes,
    decode: impl Fn(Bytes) -> Result<T, E>,
    encode: impl Fn(&T) -> Bytes,
) -> bool {
    let Ok(message) = decode(body) else {
        return false;
    };
    assert_eq!(decode(encode(&message)).unwrap(), message);
    true
}

fn drop_length<T>(head: Option<(T, usize)>) -> Option<T> {
    head.map(|(head, _)| head)
}

fn encode_notify(head: &Option<NotifyHead>) -> Bytes {
    head.as_ref().map(NotifyHead::encode).unwrap_or_default()
}

fn encode_receive(head: &Option<ReceiveHead>) -> Bytes {
    head.as_ref().map(ReceiveHead::encode).unwrap_or_default()
}

/// A pattern, a line feed and a topic, both short: the slow matcher tries everything.
fn glob(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let Some((pattern, topic)) = text.split_once('\n') else {
        return false;
    };
    if pattern.len() > 12 || topic.len() > 12 {
        return false;
    }
    let glob = Glob::new(pattern).unwrap();
    let matches = glob.matches(&Topic::try_from(topic).unwrap());
    let pattern: Vec<_> = pattern.chars().collect();
    let topic: Vec<_> = topic.chars().collect();
    assert_eq!(matches, slow(&pattern, &topic), "{glob} and {topic:?}");
    true
}

fn slow(pattern: &[char], topic: &[char]) -> bool {
    match (pattern, topic) {
        ([], topic) => topic.is_empty(),
        (['*', rest @ ..], topic) => (0..=topic.len()).any(|skipped| slow(rest, &topic[skipped..])),
        (_, []) => false,
        (['?', rest @ ..], [_, behind @ ..]) => slow(rest, behind),
        (['[', rest @ ..], [given, behind @ ..]) => {
            let (inverted, list) = match rest {
                ['^', list @ ..] => (true, list),
                list => (false, list),
            };
            // A bracket right at the beginning is a member.
            let Some(end) = (1..list.len()).find(|&at| list[at] == ']') else {
                return false;
            };
            let found = match &list[..end] {
                // It starts no range.
                [']', rest @ ..] => *given == ']' || in_list(rest, *given),
                list => in_list(list, *given),
            };
            found != inverted && slow(&list[end + 1..], behind)
        }
        ([c, rest @ ..], [given, behind @ ..]) => c == given && slow(rest, behind),
    }
}

fn in_list(list: &[char], given: char) -> bool {
    match list {
        [] => false,
        [start, '-', end, rest @ ..] => {
            (*start..=*end).contains(&given) || *start == given || in_list(rest, given)
        }
        [one, rest @ ..] => *one == given || in_list(rest, given),
    }
}
