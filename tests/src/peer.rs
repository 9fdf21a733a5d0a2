use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::KEY;

/// Another implementation of GRIP, asked by lines of JSON.
///
/// A question is `{"do": name, ...}`, an answer `{"ok": value}` or `{"error": text}`.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Python's `gripcontrol` and `pubcontrol`, and PyJWT.
    ///
    /// # Panics
    /// Where they are not installed.
    #[must_use]
    pub fn python() -> Self {
        let program = root().join(".peers/venv/bin/python");
        let mut command = Command::new(&program);
        command.arg(root().join("tests/peers_py/peer.py"));
        Self::start("gripcontrol", command)
    }

    /// JavaScript's `@fanoutio/grip`.
    ///
    /// # Panics
    /// Where it is not installed.
    #[must_use]
    pub fn node() -> Self {
        let mut command = Command::new("node");
        command.arg(root().join("tests/node/peer.mjs"));
        Self::start("@fanoutio/grip", command)
    }

    /// A WebSocket client, Python's `websockets`.
    ///
    /// # Panics
    /// Where it is not installed.
    #[must_use]
    pub fn websockets() -> Self {
        let mut command = Command::new(root().join(".peers/venv/bin/python"));
        command.arg(root().join("tests/peers_py/websocket.py"));
        Self::start("websockets", command)
    }

    /// A real browser, Chromium.
    ///
    /// # Panics
    /// Where it is not installed.
    #[must_use]
    pub fn browser() -> Self {
        let mut command = Command::new("node");
        command.arg(root().join("tests/node/browser.mjs"));
        Self::start("chromium", command)
    }

    fn start(name: &'static str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name} does not start ({error}): run tests/peers, which installs it")
            });
        Self {
            name,
            questions: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().expect("a piped output")),
            child,
        }
    }

    /// A token with these claims, signed by the library with HS256 and the key of the tests'
    /// Pushpin.
    ///
    /// # Panics
    /// Where the library refuses.
    #[must_use]
    pub fn token(&mut self, claims: &Value) -> String {
        self.mint(claims, KEY, "HS256")
    }

    /// A token with these claims, signed by the library.
    ///
    /// # Panics
    /// Where the library refuses.
    #[must_use]
    pub fn mint(&mut self, claims: &Value, key: &str, algorithm: &str) -> String {
        let arguments = json!({"claims": claims, "key": key, "alg": algorithm});
        let token = self.ask("mint", &arguments).expect("a token");
        token.as_str().expect("a token of text").to_owned()
    }

    /// The library's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the library says: its value, or the text of its exception.
    ///
    /// # Errors
    /// Where the library refuses.
    ///
    /// # Panics
    /// Where the peer does not run: a library that is not installed.
    pub fn ask(&mut self, what: &str, arguments: &Value) -> Result<Value, String> {
        let mut question = arguments.clone();
        question["do"] = json!(what);
        let mut line = question.to_string();
        line.push('\n');
        let written = self
            .questions
            .as_mut()
            .map(|pipe| pipe.write_all(line.as_bytes()));
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer);
        assert!(
            matches!((written, read), (Some(Ok(())), Ok(1..))),
            "{} ended: run tests/peers, which installs it",
            self.name
        );
        let mut answer: Value = serde_json::from_str(&answer).expect("an answer of JSON");
        match answer.get_mut("ok") {
            Some(value) => Ok(value.take()),
            None => Err(answer["error"].as_str().unwrap_or_default().to_owned()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is the end of a peer.
        self.questions = None;
        let _ = self.child.wait();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .expect("a workspace around this package")
}
