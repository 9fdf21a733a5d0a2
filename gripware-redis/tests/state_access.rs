//! Passwords, permissions, TLS, and what is handed to other nodes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{fs, path::Path};

use gripware_core::{HttpStream, Item, WsMessage};
use gripware_state::{
    Backends, ConfigError, Expect, History, Member, Namespace, Presence, Records, State,
    StateError, StateErrorKind, StateProvider,
};
use support::Server;

const QUIET: [&str; 4] = ["--save", "", "--appendonly", "no"];

fn open(url: &str) -> Backends {
    gripware_redis::state()
        .open(url, &Namespace::default())
        .unwrap()
}

/// Everything that is done to Redis.
async fn all(backends: &Backends) -> Result<(), StateError> {
    let history = History::new(backends.history.clone());
    let _ = history.append("a", WsMessage::text("1")).await?;
    history.read_after("a", None, 10).await?;
    history.remove("a", "k").await?;
    let _ = history.clear("a").await?;
    let presence = Presence::new(backends.presence.clone()).by_node();
    presence.join("a", &Member::new("anna", "c1")?).await?;
    presence.list("a", None, 10).await?;
    presence.touch(&[("a", "c1")]).await?;
    presence.leave("a", "c1").await?;
    presence.sweep().await?;
    let records = Records::new(backends.records.clone());
    records.put("k", &1, Expect::Any, None).await?;
    records.get::<u8>("k").await?;
    records.take_expired("k", 10).await?;
    Ok(())
}

#[tokio::test]
async fn a_user_of_the_documented_permissions_can_do_everything() {
    let server = Server::start();
    let rules = "on >secret resetkeys ~gw:default:* resetchannels -@all \
                 +@connection +@read +@write +@scripting -@dangerous +time";
    let mut words = vec!["ACL", "SETUSER", "gripware"];
    words.extend(rules.split(' ').filter(|rule| !rule.is_empty()));
    assert_eq!(server.command(&words).await, "ok");
    let address = format!("127.0.0.1:{}", server.port);
    all(&open(&format!("redis://gripware:secret@{address}/")))
        .await
        .unwrap();

    // Another cluster's keys are not theirs.
    let other = Namespace::default().with_cluster("other").unwrap();
    let url = format!("redis://gripware:secret@{address}/");
    let other = gripware_redis::state().open(&url, &other).unwrap();
    let error = all(&other).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Refused, "{error:?}");

    let wrong = open(&format!("redis://gripware:wrong@{address}/"));
    let error = all(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Refused, "{error:?}");
    assert!(
        !format!("{error:?} {wrong:?}").contains("wrong@"),
        "{error:?} {wrong:?}"
    );
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let server = Server::with(&[&QUIET[..], &["--requirepass", "p@ss/word"]].concat());
    let address = format!("127.0.0.1:{}", server.port);
    all(&open(&format!("redis://:p%40ss%2Fword@{address}")))
        .await
        .unwrap();
    let error = all(&open(&format!("redis://{address}"))).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Refused, "{error:?}");
}

#[test]
fn a_url_that_cannot_be_used_stops_the_application_and_is_not_printed() {
    let build = |url: &str| {
        State::with([gripware_redis::state()])
            .url(url)
            .build()
            .unwrap_err()
    };
    for (url, reason) in [
        ("redis://:secret@host:port", "the URL is not `redis://"),
        ("redis:", "the URL is not `redis://"),
        ("redis://:secret@host/db", "the URL is not `redis://"),
        (
            "redis://:secret@host?ca=/x",
            "the parameter `ca` is not known here",
        ),
        (
            "rediss://:secret@host?what=x",
            "the parameter `what` is not known here",
        ),
        (
            "rediss://:secret@host?ca=/no/such/file",
            "the file of the parameter `ca` cannot be read",
        ),
        (
            "rediss://:secret@host?cert=/dev/null",
            "the parameters `cert` and `key` need each other",
        ),
        (
            "rediss://:secret@host?cert=/dev/null&key=/dev/null",
            "the certificates or the key cannot be used",
        ),
    ] {
        let error = build(url);
        let ConfigError::Open { reason: said, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(said.starts_with(reason), "{url}: {said}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn tls_needs_certificates_that_are_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        identity(folder.path(), "ours"),
        identity(folder.path(), "theirs"),
    );
    let (cert, key) = (format!("{ours}.crt"), format!("{ours}.key"));
    let server = Server::with(
        &[
            &QUIET[..],
            &[
                "--port",
                "0",
                "--tls-cert-file",
                &cert,
                "--tls-key-file",
                &key,
            ],
            &[
                "--tls-ca-cert-file",
                &cert,
                "--tls-auth-clients",
                "optional",
            ],
        ]
        .concat(),
    );
    let url = |ca: &str| format!("rediss://localhost:{}?ca={ca}.crt", server.port);
    all(&open(&url(&ours))).await.unwrap();
    all(&open(&format!("{}&cert={cert}&key={key}", url(&ours))))
        .await
        .unwrap();
    let error = all(&open(&url(&theirs))).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let error = all(&open(&format!("redis://localhost:{}", server.port)))
        .await
        .unwrap_err();
    assert!(error.is_unavailable() || error.is_uncertain(), "{error:?}");
}

/// A certificate that signs itself, and its key; returns the path without the ends.
fn identity(folder: &Path, name: &str) -> String {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = folder.join(name);
    fs::write(path.with_extension("crt"), identity.cert.pem()).unwrap();
    fs::write(
        path.with_extension("key"),
        identity.signing_key.serialize_pem(),
    )
    .unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_appended_is_handed_to_all_nodes_in_the_same_step() {
    let server = Server::start();
    let namespace = Namespace::default()
        .with_cluster("c-1")
        .unwrap()
        .with_prefix("app-")
        .unwrap();
    let backends = gripware_redis::state()
        .relaying()
        .open(&server.url(), &namespace)
        .unwrap();
    let history = History::new(backends.history.clone());
    let item = || Item::from(HttpStream::text("x\n")).require_sub("b");
    let first = history.append("a", item()).await.unwrap();
    assert!(first.is_relayed());
    let id = first.id().to_string();
    assert_eq!(first.into_item(), None);
    let page = history.read_after("a", None, 10).await.unwrap();
    assert_eq!(
        page.entries[0].item.parts().unwrap().meta,
        [("require_sub".to_owned(), "b".to_owned())]
    );

    let presence = Presence::new(backends.presence.clone()).announcing(|_, _| async {
        panic!("it is announced already");
    });
    presence
        .join("room", &Member::new("anna", "c1").unwrap())
        .await
        .unwrap();

    let items = server.command(&["XRANGE", "gw:c-1:items", "-", "+"]).await;
    let relayed = format!(
        r#"{{"channel":"app-a","id":"{id}","prev-id":"0","meta":{{"require_sub":"app-b"}},"formats":{{"http-stream":{{"content":"x\n"}}}}}}"#
    );
    assert!(items.contains(&format!("{relayed:?}")), "{items}");
    assert!(
        items.contains(r#"{\"channel\":\"app-room:presence\",\"id\":"#),
        "{items}"
    );
    assert!(items.contains(r#"event: join"#), "{items}");
}
