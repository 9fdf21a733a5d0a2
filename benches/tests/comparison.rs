//! The comparison as a command, with few clients and those sides that need nothing installed.

#![allow(clippy::expect_used, reason = "it is a test")]

use std::{fs, process::Command};

use serde_json::Value;

fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_comparison"))
        .args(["--quick", "--sweep", "4,2"])
        .args(arguments)
        .output()
        .expect("it is built");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    (output.status.success(), printed)
}

#[test]
fn a_run_is_told_as_tables_json_a_plot_and_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (json, svg, page) = (path("figures.json"), path("plot.svg"), path("page.md"));
    let (is_whole, printed) = run(&[
        "--only",
        "inside,router",
        "--part",
        "plain,sweep",
        "--json",
        &json,
        "--svg",
        &svg,
        "--page",
        &page,
    ]);
    assert!(is_whole, "{printed}");
    assert!(
        printed.contains("| 4 streams: last receipt, ms |"),
        "{printed}"
    );

    let json = fs::read_to_string(json).expect("the figures");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let figures = json["figures"].as_array().expect("figures");
    let of = |name: &str, side: &str| {
        let figure = figures.iter().find(|figure| figure["name"] == name);
        figure.and_then(|figure| figure["sides"][side]["median"].as_f64())
    };
    let rate = "32 connections: requests per second";
    for side in ["inside", "router"] {
        assert!(of(rate, side).is_some_and(|rate| rate > 0.0), "{json:#}");
    }
    for row in ["2 streams", "4 streams", "2 WebSockets", "4 WebSockets"] {
        let figure = of(&format!("{row}: last receipt, ms"), "inside");
        assert!(figure.is_some_and(|ms| ms > 0.0), "{row}: {json:#}");
    }
    assert_eq!(json["failures"], Value::Array(Vec::new()));
    let svg = fs::read_to_string(svg).expect("the plot");
    assert_eq!(svg.matches("class=\"line inside\"").count(), 5, "{svg}");
    let page = fs::read_to_string(page).expect("the page");
    assert!(
        page.contains("](page.svg)") && page.contains("## Targets"),
        "{page}"
    );
}

#[test]
fn a_side_that_fails_is_a_row_and_the_run_goes_on() {
    let (is_whole, printed) = run(&[
        "--hub",
        "/nonexistent/gripware-hub",
        "--only",
        "hub,router",
        "--part",
        "plain",
    ]);
    assert!(!is_whole);
    let row = printed.lines().find(|line| line.contains("failed: "));
    assert!(
        row.is_some_and(|row| row.starts_with("| requests | ")),
        "{printed}"
    );
    let rate = printed
        .lines()
        .find(|line| line.starts_with("| 32 connections: requests per second"));
    assert!(rate.is_some(), "{printed}");
}
