//! The client and the broadcaster of PyPI, `lonelypsc` and `lonelypss`, which `tests/peers` installs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_topics::{Auth, auth::Kind, client::Client};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{Served, client};

/// Starting Python takes seconds where there is much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const KINDS: [(Kind, &str); 3] = [
    (Kind::None, "none"),
    (Kind::Token, "token"),
    (Kind::Hmac, "hmac"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

pub(crate) fn python(script: &str) -> Command {
    let program = root().join(".peers/venv/bin/python");
    assert!(program.exists(), "run tests/peers first: {program:?}");
    let mut command = Command::new(program);
    command
        .arg(root().join("tests/peers_py").join(script))
        .kill_on_drop(true);
    command
}

pub(crate) async fn patiently<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it takes too long")
}

/// PyPI's client.
pub(crate) struct Original {
    pub(crate) child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Original {
    pub(crate) async fn start(broadcaster: &str, auth: &Auth, folder: &TempDir) -> Self {
        Self::over("http", broadcaster, auth, folder).await
    }

    pub(crate) async fn over(
        transport: &str,
        broadcaster: &str,
        auth: &Auth,
        folder: &TempDir,
    ) -> Self {
        let command = python("topics_client.py");
        Self::with(command, transport, broadcaster, auth, folder).await
    }

    /// One that trusts an authority.
    pub(crate) async fn trusting(
        authority: &Path,
        transport: &str,
        broadcaster: &str,
        auth: &Auth,
        folder: &TempDir,
    ) -> Self {
        let mut command = python("topics_client.py");
        command.env("SSL_CERT_FILE", authority);
        Self::with(command, transport, broadcaster, auth, folder).await
    }

    async fn with(
        mut command: Command,
        transport: &str,
        broadcaster: &str,
        auth: &Auth,
        folder: &TempDir,
    ) -> Self {
        let secrets = folder.path().join("subscriber-secrets.json");
        std::fs::write(&secrets, auth.to_json()).unwrap();
        let mut child = command
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

    pub(crate) async fn say(&mut self, question: Value) {
        let line = format!("{question}\n");
        self.questions.write_all(line.as_bytes()).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Value {
        let line = patiently(self.answers.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("it has ended")).unwrap()
    }

    pub(crate) async fn expect(&mut self, member: &str) -> Value {
        let answer = self.hear().await;
        assert!(answer.get(member).is_some(), "no {member}: {answer}");
        answer
    }

    pub(crate) async fn subscribe(&mut self, question: Value) {
        self.say(question).await;
        self.expect("subscribed").await;
    }

    pub(crate) async fn expect_message(&mut self, topic: &[u8], length: usize) {
        let message = self.expect("topic").await;
        assert_eq!(message["topic"], STANDARD.encode(topic));
        assert_eq!(message["length"], length);
    }
}

/// PyPI's broadcaster.
pub(crate) struct OriginalBroadcaster {
    pub(crate) child: Child,
    pub(crate) served: Served,
    pub(crate) auth: Auth,
    pub(crate) folder: TempDir,
}

impl OriginalBroadcaster {
    pub(crate) async fn start(kind: &str) -> Self {
        Self::start_with(kind, None).await
    }

    /// One with the secrets of a file.
    pub(crate) async fn start_with(kind: &str, secrets: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = python("topics_broadcaster.py")
            .args([kind, kind])
            .args(secrets)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = patiently(said.next_line()).await.unwrap();
        let line = line.expect("it has ended");
        let address = line.strip_prefix("listening on ").unwrap();
        let auth = Auth::from_file(folder.path().join("subscriber-secrets.json")).unwrap();
        Self {
            child,
            served: Served {
                url: format!("http://{address}"),
                serving: tokio::spawn(async {}),
            },
            auth,
            folder,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.auth, &self.served).await
    }
}
