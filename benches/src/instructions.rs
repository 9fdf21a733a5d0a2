//! Writing holds into headers.

use std::time::Duration;

use gripware_core::{Hold, KeepAlive, Limits};
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};

use crate::{Case, Error, Operation, Target};

const INTERVAL: Duration = Duration::from_secs(20);

/// The cases.
///
/// # Errors
/// Where a hold cannot be written.
pub fn cases() -> Result<Vec<Case>, Error> {
    let hold = stream();
    written(&hold)?;
    let again = hold.clone();
    let ready = written(&hold)?;
    let ready_made = Operation::new(move || {
        let mut headers = response();
        for (name, value) in ready.iter().skip(1) {
            headers.insert(name.clone(), value.clone());
        }
        headers
    });
    Ok(vec![
        Case::new(
            "headers of a stream",
            Operation::new(move || written(&hold)),
        )
        .beside("the same response without", Operation::new(response))
        .target(Target::Above(100.0))
        .allocations(2),
        Case::new(
            "headers of a stream, again",
            Operation::new(move || written(&again)),
        )
        .beside("the same, ready made", ready_made),
        Case::new(
            "a stream built and written",
            Operation::new(|| written(&stream())),
        )
        .beside("by hand, unchecked", Operation::new(|| by_hand("news", 20))),
        Case::new("a long poll built and written", {
            let poll = || Hold::response("news").timeout(Duration::from_secs(25));
            Operation::new(move || written(&poll()))
        })
        .beside("the same response without", Operation::new(response)),
        ten_channels()?,
    ])
}

fn stream() -> Hold {
    Hold::stream("news").keep_alive(KeepAlive::sse(INTERVAL))
}

fn response() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers
}

fn written(hold: &Hold) -> Result<HeaderMap, Error> {
    let mut headers = response();
    hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers)?;
    Ok(headers)
}

/// What people write without a library.
fn by_hand(channel: &str, seconds: u64) -> Result<HeaderMap, Error> {
    let mut headers = response();
    for (name, value) in [
        ("Grip-Hold", "stream".to_owned()),
        ("Grip-Channel", channel.to_owned()),
        (
            "Grip-Keep-Alive",
            format!(r":\n\n; format=cstring; timeout={seconds}"),
        ),
    ] {
        headers.insert(name, HeaderValue::from_str(&value)?);
    }
    Ok(headers)
}

fn ten_channels() -> Result<Case, Error> {
    let channels = || (0..10).fold(stream(), |hold, n| hold.channel(format!("room-{n}")));
    let hold = channels();
    written(&hold)?;
    Ok(Case::new("headers of a stream, 11 channels", {
        Operation::new(move || written(&hold))
    })
    .beside("the same response without", Operation::new(response)))
}
