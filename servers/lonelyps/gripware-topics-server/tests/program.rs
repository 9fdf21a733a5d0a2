//! The program, as it is started and ended.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Output,
};

use bytes::Bytes;
use gripware_topics::{
    Auth, Digest, Identifier, Topic, Tracing,
    http::{NOTIFY, NotifyHead},
};
use tokio::time::timeout;

use crate::support::{Running, SOON, Served, client, program};

fn setup(folder: &Path, to_broadcasters: &str, to_subscribers: &str) -> Output {
    program()
        .arg("--setup")
        .arg(folder)
        .args(["--to-broadcasters-auth", to_broadcasters])
        .args(["--to-subscribers-auth", to_subscribers])
        .output()
        .unwrap()
}

#[test]
fn setup_writes_both_files_once_and_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let made = setup(folder.path(), "hmac", "token");
    assert!(made.status.success(), "{made:?}");
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    let secrets = read("broadcaster-secrets.json");
    assert_eq!(read("subscriber-secrets.json"), secrets);
    let auth = Auth::from_json(&secrets).unwrap();
    assert_eq!(auth.to_broadcaster.kind().as_str(), "hmac");
    assert_eq!(auth.to_subscriber.kind().as_str(), "token");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = fs::metadata(folder.path().join("broadcaster-secrets.json")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    let again = setup(folder.path(), "none", "none");
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(read("broadcaster-secrets.json"), secrets);
}

#[test]
fn it_says_where_it_listens_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("broadcaster-secrets.json");
    assert!(setup(folder.path(), "hmac", "hmac").status.success());
    let db = format!("sqlite:{}", folder.path().join("topics.db").display());
    let running = Running::start(program().arg("--secrets").arg(&secrets).args(["--db", &db]));
    TcpStream::connect(&running.1).unwrap();

    // The file is in use.
    let second = program()
        .args(["--listen", "127.0.0.1:0", "--db", &db])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert_eq!(running.end(), 0);
    let third = Running::start(program().env("GRIPWARE_TOPICS_DB", &db));
    assert_eq!(third.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_passes_the_hub_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("broadcaster-secrets.json");
    assert!(setup(folder.path(), "hmac", "hmac").status.success());
    let auth = Auth::from_file(&secrets).unwrap();
    let running = Running::start(
        program()
            .arg("--secrets")
            .arg(&secrets)
            .args(["--allow-target", "127.0.0.0/8"]),
    );
    let broadcaster = Served {
        url: format!("http://{}", running.1),
        serving: tokio::spawn(async {}),
    };
    let client = client(&auth, &broadcaster).await;
    let mut subscription = client.subscribe_exact("t").await.unwrap();
    let large: Bytes = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
    let both = async {
        tokio::join!(client.notify("t", large.clone()), async {
            let message = subscription.next().await.unwrap();
            assert!(*message.data() == large);
        })
    };
    let (sent, ()) = timeout(SOON, both).await.unwrap();
    assert_eq!(sent.unwrap().subscribers, 1);
    assert_eq!(running.end(), 0);
}

/// One byte less than it says is noticed at the end. With the last one this build would take long for
/// the digest.
#[test]
fn the_largest_message_passes_the_hub_and_each_byte_counts() {
    const LENGTH: usize = 64 << 20;
    let running = Running::start(&mut program());
    let head = NotifyHead {
        topic: Topic::try_from("t").unwrap(),
        digest: Digest::of(b""),
        tracing: Tracing::default(),
        identifier: Identifier::try_from(b"1").unwrap(),
        length: LENGTH as u64,
    }
    .encode();
    let message = vec![7; LENGTH - 1];
    let mut connection = TcpStream::connect(&running.1).unwrap();
    write!(
        connection,
        "POST {NOTIFY} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        head.len() + message.len()
    )
    .unwrap();
    connection.write_all(&head).unwrap();
    connection.write_all(&message).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(
        answer.ends_with("the message has another length"),
        "{answer}"
    );
    assert_eq!(running.end(), 0);
}

#[test]
fn who_never_ends_its_request_does_not_keep_it_from_ending() {
    // In front of clients, and behind a proxy.
    for proxy in ["", "http://127.0.0.1:9/?iss=a&key=b"] {
        let running = Running::start(program().env("GRIP_URL", proxy));
        let mut head = TcpStream::connect(&running.1).unwrap();
        head.write_all(b"POST /v1/notify HTTP/1.1\r\n").unwrap();
        let mut body = TcpStream::connect(&running.1).unwrap();
        body.write_all(
            b"POST /v1/notify HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\
            expect: 100-continue\r\n\r\n",
        )
        .unwrap();
        // It waits for the body.
        let mut going_on = [0; 12];
        body.read_exact(&mut going_on).unwrap();
        assert_eq!(going_on, *b"HTTP/1.1 100");
        assert_eq!(running.end(), 0, "{proxy}");
    }
}

#[test]
fn settings_stand_in_a_file_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (file, db) = (folder.path().join("topics.toml"), folder.path().join("db"));
    let text = format!(
        "db = 'sqlite:{}'\nallow-target = [\"127.0.0.1\", \"10.0.0.0/8\"]\n",
        db.display()
    );
    fs::write(&file, text).unwrap();
    let running = Running::start(program().env("GRIPWARE_TOPICS_CONFIG", &file));
    assert_eq!(running.end(), 0);
    assert!(db.exists());
}

#[test]
fn a_wrong_setting_is_one_line_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.json");
    fs::write(
        &broken,
        r#"{"version":"2","to-broadcaster":{"type":"token","secret":"se same"}}"#,
    )
    .unwrap();
    let broken = broken.to_str().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let used = listener.local_addr().unwrap().to_string();
    for arguments in [
        &["--listen", "nowhere"][..],
        &["--listen", "0.0.0.0:0"],
        &["--listen", &used],
        &["--db", "postgres:x"],
        &["--db", "sqlite:/does/not/exist/topics.db"],
        &["--allow-target", "localhost"],
        &["--secrets", "/does/not/exist"],
        &["--secrets", broken],
        &["--log", "a=b=c"],
        &["--setup", "x", "--to-broadcasters-auth", "md5"],
        &[
            "--setup",
            "x",
            "--to-broadcasters-auth",
            "standard-webhooks",
        ],
        &["--unknown"],
        &["secret"],
    ] {
        let ended = program()
            .env("GRIPWARE_TOPICS_LISTEN", "127.0.0.1:0")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(ended.stderr).unwrap();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("gripware-topics: "))
            .collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {text}");
        assert!(!text.contains("se same"), "{text}");
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {text}");
    }
    let proxy = program().env("GRIP_URL", "nowhere").output().unwrap();
    assert_eq!(proxy.status.code(), Some(2), "{proxy:?}");
}

#[test]
fn help_names_every_flag() {
    let help = program().arg("--help").output().unwrap();
    let mut text = String::new();
    help.stdout.as_slice().read_to_string(&mut text).unwrap();
    for flag in ["--listen", "--setup", "--secrets", "--db", "--allow-target"] {
        assert!(text.contains(flag), "{flag}");
    }
}
