//! An application on actix-web, with actix-ws.

use gripware_around::{Around, Difference, Served, Transcript, Visitor, differences::*, script};
use http::Version;

const HTTP_11: Version = Version::HTTP_11;
const HTTP_2: Version = Version::HTTP_2;

/// With gripware's middleware, `peer_addr` is the client's.
const FRONT: &[Difference] = &[SIGNED, FORWARDED, PORT];
/// Without it, it is the hub's, and `realip_remote_addr` the client's.
const PROGRAM: &[Difference] = &[SIGNED, FORWARDED, FROM_HUB, BY_HUB];

/// What is about HTTP/1.1 alone.
const OF_HTTP1: &[Difference] = &[CONNECTION, EXPECT, TARGET];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_front_http1() {
    compare(Around::Front, HTTP_11, &[FRONT, OF_HTTP1].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_front_http2() {
    compare(Around::Front, HTTP_2, FRONT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_program_http1() {
    compare(Around::Program, HTTP_11, &[PROGRAM, OF_HTTP1].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_program_http2() {
    compare(Around::Program, HTTP_2, PROGRAM).await;
}

/// The port of the client, which no header tells.
const PORT: Difference = Difference {
    steps: &["an address"],
    without: &["| from CLIENT"],
    with: &["| from 127.9.9.9:0"],
    why: "the middleware has the address from `X-Forwarded-For`",
};

/// Without gripware it does not speak HTTP/2 without TLS, so that HTTP/1.1 is what is compared with.
async fn compare(around: Around, version: Version, differences: &[Difference]) {
    let is_http1 = version == Version::HTTP_11;
    let plain = visit(Around::Nothing, Version::HTTP_11, is_http1).await;
    let with = visit(around, version, is_http1).await;
    plain.is_kept_by(&with, differences);
}

async fn visit(around: Around, version: Version, is_http1: bool) -> Transcript {
    let served = Served::actix(around).await;
    let visitor = Visitor::new(served.address(), version);
    let mut transcript = Transcript::default();
    script::requests(&visitor, &mut transcript).await;
    script::both_ways(&visitor, &mut transcript).await;
    script::compression(&visitor, &mut transcript).await;
    script::events(&visitor, &mut transcript).await;
    script::websockets(&visitor, &mut transcript).await;
    if is_http1 {
        script::no_websocket(&visitor, &mut transcript).await;
        script::wire(&visitor, &mut transcript).await;
        script::too_much(&visitor, &mut transcript).await;
    }
    transcript
}
