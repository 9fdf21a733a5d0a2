//! An application on axum: `WebSocketUpgrade`, socketioxide, `ServeDir`, `Multipart`,
//! `CompressionLayer`, `Sse`, `ConnectInfo`.

use gripware_around::{
    Around, Axum, Difference, Files, Served, Transcript, Visitor, differences::*, script,
};
use http::Version;

const HTTP_11: Version = Version::HTTP_11;
const HTTP_2: Version = Version::HTTP_2;

/// What is about HTTP/1.1 alone.
const OF_HTTP1: &[Difference] = &[HALF_CLOSED, CONNECTION, EXPECT, TARGET];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_serve_http1() {
    let differences = [SIGNED, FORWARDED, TOLD, CHUNKS];
    compare(Around::Serve, HTTP_11, &[&differences, OF_HTTP1].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_serve_http2() {
    let targets = [HTTP2_TARGETS, HTTP2_TARGETS_WITHIN, HTTP2_FOLDER];
    let differences = [SIGNED, FORWARDED, TOLD, HTTP2_REFUSAL];
    compare(
        Around::Serve,
        HTTP_2,
        &[&targets[..], &differences].concat(),
    )
    .await;
}

/// What the hub does alike in front of any address.
const ELSEWHERE: &[Difference] = &[SIGNED, FORWARDED, TOLD, FROM_HUB];
const ELSEWHERE_HTTP2: &[Difference] = &[
    HTTP2_TARGETS,
    HTTP2_TARGETS_ELSEWHERE,
    HTTP2_FOLDER,
    HTTP2_REFUSAL,
    HTTP2_EMPTY,
    HTTP2_NO_CONTENT,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_front_http1() {
    compare(Around::Front, HTTP_11, &[ELSEWHERE, OF_HTTP1].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_front_http2() {
    compare(
        Around::Front,
        HTTP_2,
        &[ELSEWHERE, ELSEWHERE_HTTP2].concat(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_program_http1() {
    compare(Around::Program, HTTP_11, &[ELSEWHERE, OF_HTTP1].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_program_http2() {
    compare(
        Around::Program,
        HTTP_2,
        &[ELSEWHERE, ELSEWHERE_HTTP2].concat(),
    )
    .await;
}

async fn compare(around: Around, version: Version, differences: &[Difference]) {
    let files = Files::new();
    let plain = visit(&files, Around::Nothing, version).await;
    let with = visit(&files, around, version).await;
    plain.is_kept_by(&with, differences);
}

async fn visit(files: &Files, around: Around, version: Version) -> Transcript {
    let served = Served::axum(Axum::router(files), around).await;
    let visitor = Visitor::new(served.address(), version);
    let mut transcript = Transcript::default();
    script::requests(&visitor, &mut transcript).await;
    script::trailers(&visitor, &mut transcript).await;
    script::both_ways(&visitor, &mut transcript).await;
    script::files(&visitor, &mut transcript).await;
    script::uploads(&visitor, &mut transcript).await;
    script::compression(&visitor, &mut transcript).await;
    script::events(&visitor, &mut transcript).await;
    script::leaving(&visitor, &mut transcript).await;
    script::websockets(&visitor, &mut transcript).await;
    script::socket_io(&visitor, &mut transcript).await;
    if !visitor.is_http2() {
        script::no_websocket(&visitor, &mut transcript).await;
        script::other_protocol(&visitor, &mut transcript).await;
        script::wire(&visitor, &mut transcript).await;
        script::too_much(&visitor, &mut transcript).await;
    }
    transcript
}
