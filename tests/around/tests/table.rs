//! The table "what passes through" in the documentation of the hub, and the tests that show it.

use std::{fs, path::Path};

/// A line of the table: what it is about, and a test of it inside an application, in front of its
/// listener, and as a program.
type Line = (&'static str, [&'static str; 3]);

const AXUM: [&str; 3] = [
    "tests/around/tests/axum.rs under_serve_http1",
    "tests/around/tests/axum.rs behind_front_http1",
    "tests/around/tests/axum.rs behind_the_program_http1",
];

const AXUM_HTTP2: [&str; 3] = [
    "tests/around/tests/axum.rs under_serve_http2",
    "tests/around/tests/axum.rs behind_front_http2",
    "tests/around/tests/axum.rs behind_the_program_http2",
];

/// The lines whose tests take the engine of the hub, with an application inside and with one at an
/// address, which is what `front` and the program have.
const fn engine(inside_and_elsewhere: &'static str) -> [&'static str; 3] {
    [inside_and_elsewhere; 3]
}

const TABLE: &[Line] = &[
    ("addresses of clients", AXUM),
    ("files in ranges, uploads, cookies, methods, targets", AXUM),
    ("server-sent events of the application's own", AXUM),
    ("trailers", AXUM),
    ("compression", AXUM),
    (
        "time",
        engine(
            "gripware-hub/src/gateway/tests/patience.rs \
             a_handler_and_an_answer_take_as_long_as_they_take",
        ),
    ),
    (
        "headers",
        engine(
            "gripware-hub/src/gateway/tests/heads.rs \
             many_small_headers_pass_in_both_directions",
        ),
    ),
    ("half-closed clients", AXUM),
    ("early answers", AXUM),
    ("WebSockets of the application's own", AXUM),
    ("WebSockets over HTTP/2 (RFC 8441)", AXUM_HTTP2),
    ("other protocols by `Upgrade`", AXUM),
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_line_has_its_tests() {
    let documentation = read("gripware-hub/src/lib.rs");
    let (_, section) = documentation
        .split_once("//! # What passes through\n")
        .expect("the section");
    let lines = section
        .lines()
        .take_while(|line| !line.starts_with("//! # "));
    let rows = lines.filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let documented: Vec<_> = rows.skip(1).collect();
    let tested: Vec<_> = TABLE.iter().map(|(what, _)| *what).collect();
    assert_eq!(documented, tested);
}

#[test]
fn every_test_is_there() {
    for (what, tests) in TABLE {
        for test in tests {
            let (path, name) = test.split_once(' ').expect("a file and a name");
            let text = read(path);
            let start = format!("async fn {name}() {{");
            assert!(text.contains(&start), "{what}: {path} has no {name}");
        }
    }
}
