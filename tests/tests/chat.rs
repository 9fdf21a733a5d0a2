//! The README's commands, and two windows of a real browser.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use gripware_interop::{PATIENCE, Place, Process};

#[tokio::test]
async fn two_windows_chat_with_nothing_installed() {
    two_windows_chat_and_the_chat_ends_well("chat").await;
}

#[tokio::test]
async fn two_windows_chat_on_actix_with_nothing_installed() {
    two_windows_chat_and_the_chat_ends_well("chat-actix").await;
}

#[tokio::test]
async fn two_windows_chat_through_pushpin() {
    two_windows_chat_behind_pushpin("chat").await;
}

#[tokio::test]
async fn two_windows_chat_on_actix_through_pushpin() {
    two_windows_chat_behind_pushpin("chat-actix").await;
}

async fn two_windows_chat_and_the_chat_ends_well(package: &str) {
    let place = Place::new();
    let mut run = Command::new(env!("CARGO"));
    run.args(["run", "-p", package])
        .current_dir(root())
        .env("LISTEN", "127.0.0.1:0")
        .env_remove("GRIP_URL");
    let mut chat = Process::start(run, place.directory(), "chat");
    let url = address(&mut chat).await;
    two_windows_chat(&place, &url).await;
    assert!(chat.stop(PATIENCE).await.success());
}

async fn two_windows_chat_behind_pushpin(package: &str) {
    let place = Place::new();
    let mut run = Command::new(root().join("examples/chat/run"));
    run.arg(package);
    for name in ["PORT", "CONTROL", "ORIGIN"] {
        run.env(name, free_port().to_string());
    }
    let mut chat = Process::start(run, place.directory(), "chat");
    let url = address(&mut chat).await;
    two_windows_chat(&place, &url).await;
    chat.stop(PATIENCE).await;
}

/// Waits until a browser has played its script to the end.
async fn two_windows_chat(place: &Place, url: &str) {
    let mut script = Command::new("node");
    script.arg(root().join("tests/node/chat.mjs")).arg(url);
    let mut browser = Process::start(script, place.directory(), "browser");
    let start = Instant::now();
    let status = loop {
        if let Some(status) = browser.ended() {
            break status;
        }
        assert!(start.elapsed() < 4 * PATIENCE, "the browser does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(status.success());
    assert_eq!(browser.output(), "two windows chatted\n");
}

/// What the command says is to be opened. It may have to build the chat before.
async fn address(chat: &mut Process) -> String {
    let start = Instant::now();
    loop {
        let output = chat.output();
        let line = output.lines().find_map(|line| line.strip_prefix("open "));
        if let Some((url, _)) = line.and_then(|line| line.split_once(' ')) {
            return url.to_owned();
        }
        if let Some(status) = chat.ended() {
            panic!("the chat ended with {status}");
        }
        assert!(start.elapsed() < 30 * PATIENCE, "the chat does not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
