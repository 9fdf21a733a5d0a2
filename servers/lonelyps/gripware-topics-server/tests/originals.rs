//! The client and the broadcaster with those of PyPI, `lonelypsc` and `lonelypss`, which
//! `tests/peers` installs.
//!
//! What defects of theirs prevent is not here, and is done by our own pair: a fragment in the URL of
//! their client under hmac, missed messages of their broadcaster (it forgets the subscription), and a
//! changed recovery URL.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_topics::{Auth, Topic, auth::Kind, client::Client};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::support::{Served, builder, client, serve, serve_with_hub};

/// Starting Python takes seconds where there is much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

const KINDS: [(Kind, &str); 3] = [
    (Kind::None, "none"),
    (Kind::Token, "token"),
    (Kind::Hmac, "hmac"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn python(script: &str) -> Command {
    let program = root().join(".peers/venv/bin/python");
    assert!(program.exists(), "run tests/peers first: {program:?}");
    let mut command = Command::new(program);
    command
        .arg(root().join("tests/peers_py").join(script))
        .kill_on_drop(true);
    command
}

async fn patiently<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

/// PyPI's client.
struct Original {
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Original {
    async fn start(broadcaster: &str, auth: &Auth, folder: &TempDir) -> Self {
        Self::over("http", broadcaster, auth, folder).await
    }

    async fn over(transport: &str, broadcaster: &str, auth: &Auth, folder: &TempDir) -> Self {
        let secrets = folder.path().join("subscriber-secrets.json");
        std::fs::write(&secrets, auth.to_json()).unwrap();
        let mut child = python("topics_client.py")
            .arg(broadcaster)
            .arg(secrets)
            .arg(transport)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut this = Self {
            child,
            questions,
            answers,
        };
        this.expect("ready").await;
        this
    }

    async fn say(&mut self, question: Value) {
        let line = format!("{question}\n");
        self.questions.write_all(line.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let line = patiently(self.answers.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("it has ended")).unwrap()
    }

    async fn expect(&mut self, member: &str) -> Value {
        let answer = self.hear().await;
        assert!(answer.get(member).is_some(), "no {member}: {answer}");
        answer
    }

    async fn subscribe(&mut self, question: Value) {
        self.say(question).await;
        self.expect("subscribed").await;
    }

    async fn expect_message(&mut self, topic: &[u8], length: usize) {
        let message = self.expect("topic").await;
        assert_eq!(message["topic"], STANDARD.encode(topic));
        assert_eq!(message["length"], length);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_publishes_to_and_receives_from_our_broadcaster() {
    for (kind, _) in KINDS {
        let auth = Auth::generate(kind, kind).unwrap();
        let broadcaster = serve(&builder(&auth).build().unwrap()).await;
        let folder = tempfile::tempdir().unwrap();
        let mut theirs = Original::start(&broadcaster.url, &auth, &folder).await;
        let ours = client(&auth, &broadcaster).await;
        let binary = b"\x00\xfe\xff";
        theirs
            .subscribe(json!({"exact": STANDARD.encode(binary)}))
            .await;
        theirs.subscribe(json!({"glob": "foo/*"})).await;

        // Ours to theirs, and large where it is worth it.
        let length = if kind == Kind::Hmac { 20_000_000 } else { 1000 };
        for (topic, length) in [(&binary[..], 5), (b"foo/bar", length)] {
            let topic = Topic::try_from(topic).unwrap();
            let sent = ours.notify(topic.clone(), vec![7; length]);
            let (sent, ()) = tokio::join!(sent, theirs.expect_message(topic.as_bytes(), length));
            assert_eq!(sent.unwrap().subscribers, 1);
        }

        // Theirs to both.
        let mut subscription = ours.subscribe_exact("foo/baz").await.unwrap();
        let question = json!({
            "notify": STANDARD.encode("foo/baz"), "data": STANDARD.encode("hello"), "times": 3
        });
        theirs.say(question).await;
        let message = patiently(subscription.next()).await.unwrap();
        assert_eq!(message.data(), "hellohellohello");
        drop(message);
        theirs.expect_message(b"foo/baz", 15).await;
        assert_eq!(theirs.expect("notified").await["notified"], 2);

        // It goes without a word, and is not waited for.
        theirs.child.kill().await.unwrap();
        let (sent, message) = tokio::join!(ours.notify("foo/baz", "x"), async {
            subscription.next().await.map(drop)
        });
        assert_eq!(sent.unwrap().subscribers, 1);
        assert!(message.is_some());
    }
}

/// Publishes until somebody is there: over a WebSocket their client does not wait until it is
/// subscribed.
async fn notify_one(ours: &Client, topic: &Topic, length: usize) {
    loop {
        let sent = ours.notify(topic.clone(), vec![7; length]).await.unwrap();
        if sent.subscribers == 1 {
            return;
        }
        assert_eq!(sent.subscribers, 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_publishes_and_receives_over_a_websocket() {
    for (kind, _) in KINDS {
        let auth = Auth::generate(kind, kind).unwrap();
        let broadcaster = serve_with_hub(&auth, |builder| builder).await;
        let folder = tempfile::tempdir().unwrap();
        let mut theirs = Original::over("websocket", &broadcaster.url, &auth, &folder).await;
        let ours = client(&auth, &broadcaster).await;
        let binary = b"\x00\xfe\xff";
        theirs
            .subscribe(json!({"exact": STANDARD.encode(binary)}))
            .await;
        theirs.subscribe(json!({"glob": "foo/*"})).await;

        // Ours, over HTTP, to theirs.
        for (topic, length) in [(&binary[..], 5), (b"foo/bar", 3_000_000), (b"foo/bar", 0)] {
            let topic = Topic::try_from(topic).unwrap();
            patiently(notify_one(&ours, &topic, length)).await;
            theirs.expect_message(topic.as_bytes(), length).await;
        }

        // Theirs, over the WebSocket that it waits at itself, to both.
        let mut subscription = ours.subscribe_exact("foo/baz").await.unwrap();
        for times in [1, 700_000] {
            let question = json!({
                "notify": STANDARD.encode("foo/baz"), "data": STANDARD.encode("hello"),
                "times": times
            });
            theirs.say(question).await;
            let message = patiently(subscription.next()).await.unwrap();
            assert_eq!(message.data().len(), 5 * times);
            drop(message);
            // It says in either order that it has the message and that both have.
            let heard = [theirs.hear().await, theirs.hear().await];
            assert!(heard.iter().any(|one| one["length"] == 5 * times));
            assert!(heard.iter().any(|one| one["notified"] == 2), "{heard:?}");
        }

        // Many at a time.
        let topic = Topic::try_from("foo/many").unwrap();
        let sent: Vec<_> = (0..50)
            .map(|_| {
                let (ours, topic) = (ours.clone(), topic.clone());
                tokio::spawn(async move { ours.notify(topic, "x").await.unwrap().subscribers })
            })
            .collect();
        for one in sent {
            assert_eq!(patiently(one).await.unwrap(), 1);
            theirs.expect_message(b"foo/many", 1).await;
        }

        // It goes without a word, and is not waited for.
        theirs.child.kill().await.unwrap();
        let gone = async {
            while ours.notify("foo/bar", "x").await.unwrap().subscribers > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        patiently(gone).await;
    }
}

/// PyPI's broadcaster.
struct OriginalBroadcaster {
    _child: Child,
    served: Served,
    auth: Auth,
    folder: TempDir,
}

impl OriginalBroadcaster {
    async fn start(kind: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let mut child = python("topics_broadcaster.py")
            .args([&port.to_string(), kind, kind])
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        let serving = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "it has ended");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        patiently(serving).await;
        let auth = Auth::from_file(folder.path().join("subscriber-secrets.json")).unwrap();
        Self {
            _child: child,
            served: Served {
                url: format!("http://127.0.0.1:{port}"),
                serving: tokio::spawn(async {}),
            },
            auth,
            folder,
        }
    }

    async fn client(&self) -> Client {
        client(&self.auth, &self.served).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_publishes_to_and_receives_from_their_broadcaster() {
    for (kind, name) in KINDS {
        let broadcaster = OriginalBroadcaster::start(name).await;
        assert_eq!(broadcaster.auth.to_broadcaster.kind(), kind);
        let ours = broadcaster.client().await;
        let mut exact = ours.subscribe_exact(b"\x00\xfe\xff").await.unwrap();
        let mut glob = ours.subscribe_glob("foo/*").await.unwrap();
        assert!(!ours.reconcile().await.unwrap(), "both mean the same");

        // It waits five seconds for a confirmation, and this build takes them for 20 MB.
        let length = if kind == Kind::Hmac { 2_000_000 } else { 1000 };
        for (topic, length) in [(&b"\x00\xfe\xff"[..], 5), (b"foo/bar", length)] {
            let topic = Topic::try_from(topic).unwrap();
            let subscription = match topic.as_str() {
                None => &mut exact,
                Some(_) => &mut glob,
            };
            let sent = ours.notify(topic.clone(), vec![7; length]);
            let (sent, message) = tokio::join!(sent, async {
                let message = patiently(subscription.next()).await.unwrap();
                (message.topic().clone(), message.data().len())
            });
            assert_eq!(sent.unwrap().subscribers, 1);
            assert_eq!(message, (topic, length));
        }

        // With theirs, both ways.
        let mut theirs = Original::start(
            &broadcaster.served.url,
            &broadcaster.auth,
            &broadcaster.folder,
        )
        .await;
        theirs
            .subscribe(json!({"exact": STANDARD.encode("foo/baz")}))
            .await;
        let (sent, (), _) = tokio::join!(
            ours.notify("foo/baz", "x"),
            theirs.expect_message(b"foo/baz", 1),
            async { patiently(glob.next()).await.map(drop) },
        );
        assert_eq!(sent.unwrap().subscribers, 2);

        exact.close().await.unwrap();
        glob.close().await.unwrap();
        assert!(!ours.reconcile().await.unwrap(), "both mean the same");
        assert_eq!(ours.notify("foo/bar", "x").await.unwrap().subscribers, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_sets_right_what_their_broadcaster_has_lost() {
    let broadcaster = OriginalBroadcaster::start("hmac").await;
    let ours = broadcaster.client().await;
    let mut subscription = ours.subscribe_exact("t").await.unwrap();

    let wiped = python("topics_wipe.py")
        .current_dir(broadcaster.folder.path())
        .status();
    assert!(patiently(wiped).await.unwrap().success());
    assert_eq!(ours.notify("t", "x").await.unwrap().subscribers, 0);
    assert!(ours.reconcile().await.unwrap());
    let (sent, message) = tokio::join!(ours.notify("t", "x"), async {
        patiently(subscription.next()).await.map(drop)
    });
    assert_eq!(sent.unwrap().subscribers, 1);
    assert!(message.is_some());
}
