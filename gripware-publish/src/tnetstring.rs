//! Tagged netstrings, in which Pushpin's command socket speaks: `LENGTH:CONTENT` and a byte for the
//! kind.

/// How deep values may be in each other: an answer has a map in a map.
const MAX_DEPTH: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Bytes(&'a [u8]),
    Bool(bool),
    Map(Vec<(&'a [u8], Value<'a>)>),
    /// A number, a list or nothing, of which a command needs none.
    Other,
}

impl<'a> Value<'a> {
    /// Returns a member of a map.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Value<'a>> {
        match self {
            Self::Map(members) => members
                .iter()
                .find_map(|(known, value)| (*known == name).then_some(value)),
            _ => None,
        }
    }
}

pub(crate) fn encode(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

/// Reads a value that is followed by nothing; `None` if it is none.
pub(crate) fn decode(bytes: &[u8]) -> Option<Value<'_>> {
    let (value, rest) = read(bytes, MAX_DEPTH)?;
    rest.is_empty().then_some(value)
}

fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bytes(bytes) => tag(bytes, b',', out),
        Value::Bool(true) => tag(b"true", b'!', out),
        Value::Bool(false) => tag(b"false", b'!', out),
        Value::Map(members) => {
            let mut content = Vec::new();
            for (name, value) in members {
                tag(name, b',', &mut content);
                write(value, &mut content);
            }
            tag(&content, b'}', out);
        }
        Value::Other => tag(b"", b'~', out),
    }
}

fn tag(content: &[u8], kind: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(content.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(content);
    out.push(kind);
}

fn read(bytes: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length = bytes.get(..colon)?;
    if !length.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length: usize = str::from_utf8(length).ok()?.parse().ok()?;
    let rest = bytes.get(colon.checked_add(1)?..)?;
    let (content, rest) = rest.split_at_checked(length)?;
    let (kind, rest) = rest.split_first()?;
    let value = match kind {
        b',' => Value::Bytes(content),
        b'!' => Value::Bool(content == b"true"),
        b'}' => Value::Map(members(content, depth)?),
        b'#' | b'^' | b']' | b'~' => Value::Other,
        _ => return None,
    };
    Some((value, rest))
}

fn members(mut content: &[u8], depth: usize) -> Option<Vec<(&[u8], Value<'_>)>> {
    let mut members = Vec::new();
    while !content.is_empty() {
        let (Value::Bytes(name), rest) = read(content, depth)? else {
            return None;
        };
        let (value, rest) = read(rest, depth)?;
        members.push((name, value));
        content = rest;
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_command_and_an_answer_are_as_pushpin_has_them() {
        let arguments = Value::Map(vec![(b"cid", Value::Bytes(b"a"))]);
        let command = Value::Map(vec![(b"id", Value::Bytes(b"1")), (b"args", arguments)]);
        let bytes = encode(&command);
        assert_eq!(bytes, b"30:2:id,1:1,4:args,10:3:cid,1:a,}}");
        assert_eq!(decode(&bytes), Some(command));
        let answer = decode(b"37:2:id,1:1,7:success,4:true!5:value,0:~}").unwrap();
        assert_eq!(answer.get(b"success"), Some(&Value::Bool(true)));
        assert_eq!(answer.get(b"value"), Some(&Value::Other));
        assert_eq!(answer.get(b"condition"), None);
    }

    #[test]
    fn what_is_none_is_refused() {
        for wrong in [
            &b""[..],
            b"1:a",
            b"2:a,",
            b"1:a,x",
            b"+1:a,",
            b"99999999999999999999:a,",
            b"4:1:a,}",
            b"1:a?",
        ] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
        let mut deep = Value::Bool(true);
        for _ in 0..MAX_DEPTH {
            deep = Value::Map(vec![(b"a", deep)]);
        }
        assert_eq!(decode(&encode(&deep)), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(prop::sample::select(b"0123456789:,!}~a".to_vec()), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
