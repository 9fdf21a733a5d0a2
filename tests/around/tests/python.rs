//! An application in Python: Starlette on uvicorn, with the library `websockets`.

use gripware_around::{
    Around, Difference, Files, Served, Transcript, Visitor, differences::*, script,
};
use http::Version;

const HTTP_11: Version = Version::HTTP_11;
const HTTP_2: Version = Version::HTTP_2;

/// uvicorn believes a proxy on the same machine, so that the client's address stays.
const ELSEWHERE: &[Difference] = &[SIGNED, FORWARDED, TOLD];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_program_http1() {
    let of_http1 = [
        HALF_CLOSED,
        CONNECTION,
        EXPECT,
        HTTP_1_0,
        KEPT,
        OWN_SERVER,
        BLANKS,
    ];
    compare(Around::Program, HTTP_11, &[ELSEWHERE, &of_http1].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_program_http2() {
    compare(Around::Program, HTTP_2, ELSEWHERE).await;
}

/// A connection that a client of HTTP/1.0 wants to keep.
const KEPT: Difference = Difference {
    steps: &["HTTP/1.0 that stays"],
    without: ANSWER,
    with: &[
        "connection: keep-alive",
        ANSWER[0],
        ANSWER[1],
        ANSWER[2],
        ANSWER[3],
        ANSWER[4],
    ],
    why: "the hub keeps it, and gives a second answer, and uvicorn does not",
};

const ANSWER: &[&str] = &[
    "content-length: that of the body",
    "content-type: text/plain; charset=utf-8",
    "date: ...",
    "server: uvicorn",
    "| hello",
];

/// uvicorn's name in an answer that only comes with the hub.
const OWN_SERVER: Difference = Difference {
    steps: &["a client that has said all"],
    without: &[],
    with: &["server: uvicorn"],
    why: HALF_CLOSED.why,
};

/// Blanks behind a value.
const BLANKS: Difference = Difference {
    steps: &["white space around values"],
    without: &["| x-a: a b \t"],
    with: &["| x-a: a b"],
    why: "they are no part of it (RFC 9110, section 5.5), and uvicorn leaves them there",
};

/// Without gripware it does not speak HTTP/2 without TLS, so that HTTP/1.1 is what is compared with.
async fn compare(around: Around, version: Version, differences: &[Difference]) {
    let is_http1 = version == Version::HTTP_11;
    let files = Files::new();
    let plain = visit(&files, Around::Nothing, Version::HTTP_11, is_http1).await;
    let with = visit(&files, around, version, is_http1).await;
    plain.is_kept_by(&with, differences);
}

async fn visit(files: &Files, around: Around, version: Version, is_http1: bool) -> Transcript {
    let served = Served::python(files, around).await;
    let visitor = Visitor::new(served.address(), version);
    let mut transcript = Transcript::default();
    script::requests(&visitor, &mut transcript).await;
    script::files(&visitor, &mut transcript).await;
    script::compression(&visitor, &mut transcript).await;
    script::events(&visitor, &mut transcript).await;
    script::leaving(&visitor, &mut transcript).await;
    script::websockets(&visitor, &mut transcript).await;
    if is_http1 {
        script::no_websocket(&visitor, &mut transcript).await;
        script::wire(&visitor, &mut transcript).await;
        script::too_much(&visitor, &mut transcript).await;
    }
    transcript
}
