use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{Event, decode},
};

/// What is left of the events once an origin has accepted the first `count` bytes of their content
/// (GRIP 2.4).
pub(super) fn left(offered: Vec<Event>, count: usize) -> Result<Vec<Event>, String> {
    let total: usize = offered.iter().map(|event| event.content().len()).sum();
    if count > total {
        return Err(format!(
            "the origin accepts {count} bytes of content, and {total} were offered"
        ));
    }
    let mut count = count;
    let mut left = Vec::new();
    for event in offered {
        let length = event.content().len();
        if count >= length {
            count -= length;
        } else {
            left.push(rest(&event, count)?);
            count = 0;
        }
    }
    Ok(left)
}

/// How many bytes of content events have.
pub(super) fn content_bytes(events: &[Event]) -> usize {
    events.iter().map(|event| event.content().len()).sum()
}

/// An event of the same kind without the start of its content, which may cut a character in two.
fn rest(event: &Event, start: usize) -> Result<Event, String> {
    let rest = event.content().slice(start..);
    let head = format!("{} {:x}\r\n", event.kind(), rest.len());
    let body: Bytes = [head.as_bytes(), &rest, b"\r\n"].concat().into();
    let events = decode(body, &Limits::default()).map_err(|error| error.to_string())?;
    events
        .into_iter()
        .next()
        .ok_or_else(|| "an event is lost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_accepted_is_left() {
        let offered = || {
            vec![
                Event::text("abc"),
                Event::text("d\u{e9}f"),
                Event::binary("g"),
            ]
        };
        assert_eq!(left(offered(), 8), Ok(vec![]));
        assert_eq!(left(offered(), 0), Ok(offered()));
        let cut = left(offered(), 5).unwrap();
        assert_eq!(cut[0].content(), &b"\xa9f"[..]);
        assert_eq!(cut[0].kind(), Event::text("").kind());
        assert_eq!((cut.len(), content_bytes(&cut)), (2, 3));
        assert!(left(offered(), 9).is_err());
    }
}
