//! Request smuggling: one client's bytes that the hub and the origin could read as other requests
//! than each other.

use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use gripware_interop::{Place, RawOrigin, Step, until};

use crate::{
    frames::{DATA, END_HEADERS, END_STREAM, HEADERS, Http2, Outcome, field},
    front::{Naive, hub},
    http1_shapes::{Becomes, CHUNKS, FRAMING, HOSTS, LINES, Shape},
    http2_shapes,
    wire::Wire,
    witness::{Seen, Witness},
};

/// How many shapes are tried at a time.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn of_two_ways_to_read_a_length_none_reaches_the_origin() {
    hold_out(FRAMING).await;
}

#[tokio::test]
async fn chunks_that_are_none_do_not_reach_the_origin() {
    hold_out(CHUNKS).await;
}

#[tokio::test]
async fn lines_that_are_none_do_not_reach_the_origin() {
    hold_out(LINES).await;
}

#[tokio::test]
async fn the_origin_sees_one_host() {
    hold_out(HOSTS).await;
}

/// The detector works: without the hub, what is planted arrives.
#[tokio::test]
async fn behind_a_front_that_passes_on_bytes_the_planted_request_is_found() {
    let witness = Witness::start().await;
    let front = Naive::start(witness.address()).await;
    let mut wire = Wire::connect(front.address()).await;
    wire.sends(filled(
        "POST /shape{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n{plant}",
        0,
    ))
    .await;
    until("the second request", async || witness.seen().len() == 2).await;
    let wrong = judge(Becomes::Two, 0, false, &witness.seen());
    assert_eq!(wrong, Err("it is not the hub's: [\"planted\"]".to_owned()));

    let mut wire = Wire::connect(front.address()).await;
    wire.sends(filled(FRAMING[0].1, 0)).await;
    until("a fault", async || !witness.faults().is_empty()).await;
    let fault = witness.faults().remove(0);
    assert!(fault.starts_with("the framing of /shape000 is"), "{fault}");
}

/// The origin answers by a hold before it has read the body, which is a request by itself. Were it
/// left on the connection, it would be the next request.
#[tokio::test]
async fn the_body_of_a_held_request_is_no_request() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let origin = RawOrigin::start(Place::new().free_address(), move |path| {
        log.lock().expect("no panic").push(path.to_owned());
        Some(vec![Step::send(
            "HTTP/1.1 200 OK\r\nGrip-Hold: response\r\nGrip-Channel: news\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n",
        )])
    })
    .await;
    let hub = hub(origin.address(), &[]).await;
    for (n, framing) in [
        "Content-Length: {length}\r\n\r\n{plant}",
        "Transfer-Encoding: chunked\r\n\r\n{hex}\r\n{plant}\r\n0\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let mut wire = Wire::connect(hub.client()).await;
        let head = "POST /shape{n} HTTP/1.1\r\nHost: a\r\n";
        wire.sends(filled(&format!("{head}{framing}"), n)).await;
        // This one is meant to be the next.
        wire.sends("GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        for _ in 0..2 {
            until("a hold", async || hub.subscribers("news").await == 1).await;
            hub.publish(r#"{"channel": "news", "http-response": {"body": "now"}}"#)
                .await;
            let answer = wire.until(b"\r\n\r\nnow").await;
            assert!(
                answer.starts_with(b"HTTP/1.1 200 "),
                "{}",
                answer.escape_ascii()
            );
        }
        assert_eq!(wire.rest().await, b"");
    }
    let asked = asked.lock().expect("no panic").clone();
    assert_eq!(asked, ["/shape000", "/end", "/shape001", "/end"]);
}

#[tokio::test]
async fn what_http_2_can_say_and_http_1_cannot_does_not_reach_the_origin() {
    let shapes = http2_shapes::SHAPES;
    let witness = Witness::start().await;
    let mut hub = hub(witness.address(), &[]).await;
    let mut outcomes = Vec::new();
    for (n, &(_, given, body, _)) in shapes.iter().enumerate() {
        let mut client = Http2::connect(hub.client()).await;
        let flags = END_HEADERS | if body.is_none() { END_STREAM } else { 0 };
        client.sends(HEADERS, flags, 1, &block(given, n)).await;
        if let Some(body) = body {
            client.sends(DATA, END_STREAM, 1, &filled(body, n)).await;
        }
        outcomes.push(client.outcome(1).await);
    }
    hub.stop().await;
    witness.is_left().await;

    assert_eq!(witness.faults(), Vec::<String>::new());
    let wrong = shapes
        .iter()
        .zip(outcomes)
        .enumerate()
        .filter_map(|(n, (shape, outcome))| {
            let &(what, _, _, becomes) = shape;
            let why = judge(becomes, n, outcome.is_refused(), &witness.seen()).err()?;
            Some(format!("{what}: {why} ({outcome:?})"))
        });
    let wrong: Vec<String> = wrong.collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        shapes.len(),
        wrong.join("\n")
    );
}

/// The client of HTTP/2 sees an answer where nothing is wrong, so that a refusal says something.
#[tokio::test]
async fn over_http_2_a_request_as_it_should_be_is_answered() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let mut client = Http2::connect(hub.client()).await;
    client
        .sends(
            HEADERS,
            END_HEADERS | END_STREAM,
            1,
            &block(&[("x", "a")], 7),
        )
        .await;
    assert_eq!(client.outcome(1).await, Outcome::Answered(200));
    let seen = witness.seen().remove(0);
    assert_eq!((&*seen.method, &*seen.target), ("POST", "/shape007"));
}

/// The headers of a request over HTTP/2. A pseudo-header of `-` is left out.
fn block(given: &[(&str, &str)], n: usize) -> Vec<u8> {
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/shape{n}"),
    ];
    let is_given = |name: &str| given.iter().any(|(own, _)| *own == name);
    let usual = usual.into_iter().filter(|(name, _)| !is_given(name));
    let fields = usual.chain(given.iter().copied().filter(|(_, value)| *value != "-"));
    let text = |template: &str| String::from_utf8(filled(template, n)).expect("text");
    fields
        .flat_map(|(name, value)| field(&text(name), &text(value)))
        .collect()
}

/// Sends each shape to a hub, and fails with all that did not become what they have to.
async fn hold_out(shapes: &[Shape]) {
    let witness = Witness::start().await;
    let mut hub = hub(witness.address(), &[]).await;
    let client = hub.client();
    let answers =
        stream::iter(shapes.iter().enumerate()).map(|(n, &(_, template, _))| async move {
            let mut wire = Wire::connect(client).await;
            wire.sends(filled(template, n)).await;
            (n, wire.rest().await)
        });
    let answers: Vec<(usize, Vec<u8>)> = answers.buffer_unordered(AT_ONCE).collect().await;
    hub.stop().await;
    witness.is_left().await;

    assert_eq!(witness.faults(), Vec::<String>::new());
    let wrong = answers.into_iter().filter_map(|(n, answer)| {
        let (what, _, becomes) = shapes[n];
        let is_refused = answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5");
        let why = judge(becomes, n, is_refused, &witness.seen()).err()?;
        Some(format!(
            "{what}: {why} (the client got {})",
            answer.escape_ascii()
        ))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        shapes.len(),
        wrong.join("\n")
    );
}

/// What is wrong with what the shape of this number has become.
fn judge(becomes: Becomes, n: usize, is_refused: bool, seen: &[Seen]) -> Result<(), String> {
    let to = |path: &str| {
        let target = format!("/{path}{n:03}");
        let to = seen.iter().filter(|seen| seen.target == target);
        to.collect::<Vec<_>>()
    };
    let (carriers, planted) = (to("shape"), to("plant"));
    // A signature of the hub is a token; nobody else's arrives.
    let signed = carriers.iter().chain(&planted);
    let signed: Vec<&str> = signed.flat_map(|seen| seen.all("grip-sig")).collect();
    if signed.iter().any(|token| !token.starts_with("eyJ")) {
        return Err(format!("it is not the hub's: {signed:?}"));
    }
    if (becomes == Becomes::Refused) != is_refused {
        return Err(format!("refused: {is_refused}"));
    }
    let expected = match becomes {
        Becomes::Refused => (0, 0),
        Becomes::Body(_) | Becomes::Host(_) => (1, 0),
        Becomes::Two => (1, 1),
    };
    let arrived = (carriers.len(), planted.len());
    if arrived != expected {
        return Err(format!("{arrived:?} carriers and plants"));
    }
    let Some(carrier) = carriers.first() else {
        return Ok(());
    };
    let body = match becomes {
        Becomes::Body(body) => filled(body, n),
        _ => Vec::new(),
    };
    if carrier.body != body {
        return Err(format!("the body is {}", carrier.body.escape_ascii()));
    }
    match becomes {
        Becomes::Host(host) if carrier.all("host") != [host] => {
            Err(format!("the host is {:?}", carrier.all("host")))
        }
        _ => Ok(()),
    }
}

/// The bytes of a template.
fn filled(template: &str, n: usize) -> Vec<u8> {
    let plant = format!(
        "GET /plant{n:03} HTTP/1.1\r\nHost: a\r\nGrip-Sig: planted\r\nConnection: close\r\n\r\n"
    );
    let length = plant.len();
    template
        .replace("{plant}", &plant)
        .replace("{n}", &format!("{n:03}"))
        .replace("{length}", &length.to_string())
        .replace("{hex}", &format!("{length:x}"))
        .replace("{all}", &(length + 5).to_string())
        .into_bytes()
}
