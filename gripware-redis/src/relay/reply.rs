//! What Redis answers to `XREAD` and `XRANGE`.

use bytes::Bytes;
use redis::Value;

use super::broker::FIELD;

/// The id of an entry: milliseconds, and a count. They order as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryId(u64, u64);

impl EntryId {
    fn read(value: &Value) -> Option<Self> {
        let Value::BulkString(text) = value else {
            return None;
        };
        let (millis, count) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self(millis.parse().ok()?, count.parse().ok()?))
    }
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// The id of the first entry of an answer to `XRANGE` or `XREVRANGE`; `None` where there is none.
pub(crate) fn first_id(reply: &Value) -> Option<EntryId> {
    let Value::Array(entries) = reply else {
        return None;
    };
    let Value::Array(entry) = entries.first()? else {
        return None;
    };
    EntryId::read(entry.first()?)
}

/// What was read of one stream. A message that is missing in an entry is empty, which nobody can
/// read, so that it is counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) key: Vec<u8>,
    pub(crate) entries: Vec<(EntryId, Bytes)>,
}

/// The streams of an answer to `XREAD`.
pub(crate) fn streams(reply: Value) -> Vec<Read> {
    let pairs: Vec<(Value, Value)> = match reply {
        Value::Map(pairs) => pairs,
        Value::Array(streams) => streams.into_iter().filter_map(pair).collect(),
        _ => Vec::new(),
    };
    let stream = |(key, entries)| match (key, entries) {
        (Value::BulkString(key), Value::Array(entries)) => {
            let entries = entries.into_iter().filter_map(entry).collect();
            Some(Read { key, entries })
        }
        _ => None,
    };
    pairs.into_iter().filter_map(stream).collect()
}

fn entry(value: Value) -> Option<(EntryId, Bytes)> {
    let (id, fields) = pair(value)?;
    let id = EntryId::read(&id)?;
    let Value::Array(fields) = fields else {
        return Some((id, Bytes::new()));
    };
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if let (Value::BulkString(name), Value::BulkString(value)) = (name, value)
            && name == FIELD.as_bytes()
        {
            return Some((id, value.into()));
        }
    }
    Some((id, Bytes::new()))
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let Value::Array(parts) = value else {
        return None;
    };
    let mut parts = parts.into_iter();
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn array<const N: usize>(values: [Value; N]) -> Value {
        Value::Array(values.into())
    }

    #[test]
    fn entries_are_read_in_both_versions_of_the_protocol() {
        let entries = || {
            array([
                array([
                    text("5-1"),
                    array([text("x"), text("1"), text("d"), text("hi")]),
                ]),
                array([text("5-2"), array([text("other"), text("hi")])]),
                array([text("5-3"), Value::Nil]),
            ])
        };
        let expected = [Read {
            key: b"key".to_vec(),
            entries: vec![
                (EntryId(5, 1), Bytes::from_static(b"hi")),
                (EntryId(5, 2), Bytes::new()),
                (EntryId(5, 3), Bytes::new()),
            ],
        }];
        assert_eq!(streams(array([array([text("key"), entries()])])), expected);
        assert_eq!(
            streams(Value::Map(vec![(text("key"), entries())])),
            expected
        );
        assert_eq!(first_id(&entries()), Some(EntryId(5, 1)));
    }

    #[test]
    fn what_is_no_answer_is_nothing() {
        for reply in [
            Value::Nil,
            Value::Int(1),
            array([]),
            array([Value::Int(1)]),
            array([array([text("key")])]),
            array([array([
                text("key"),
                array([array([text("5"), Value::Nil])]),
            ])]),
        ] {
            let read: usize = streams(reply.clone())
                .iter()
                .map(|it| it.entries.len())
                .sum();
            assert_eq!(read, 0);
            assert_eq!(first_id(&reply), None);
        }
    }

    #[test]
    fn ids_order_as_numbers() {
        assert!(EntryId(9, 1) < EntryId(10, 0));
        assert!(EntryId(9, 9) < EntryId(9, 10));
        assert_eq!(EntryId(9, 10).to_string(), "9-10");
    }
}
