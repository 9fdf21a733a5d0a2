//! What the benchmarks have in common: broadcasters in processes of their own.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use gripware_topics::{Auth, auth::Kind};

/// A broadcaster in a process of its own.
pub(crate) struct Broadcaster {
    child: Child,
    pub(crate) url: String,
    pub(crate) auth: Auth,
    _folder: tempfile::TempDir,
}

impl Drop for Broadcaster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Broadcaster {
    pub(crate) fn ours(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_gripware-topics");
        let setup = Command::new(program)
            .arg("--setup")
            .arg(folder.path())
            .args(["--to-broadcasters-auth", kind.as_str()])
            .args(["--to-subscribers-auth", kind.as_str()])
            .status();
        assert!(setup.unwrap().success());
        let secrets = folder.path().join("broadcaster-secrets.json");
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .args(["--allow-target", "127.0.0.0/8"])
            .arg("--db")
            .arg(format!("sqlite:{}/topics.db", folder.path().display()))
            .arg("--secrets")
            .arg(&secrets)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let address = address(&mut child);
        Self {
            url: format!("http://{address}"),
            auth: Auth::from_file(secrets).unwrap(),
            child,
            _folder: folder,
        }
    }

    pub(crate) fn original(kind: Kind) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(root.join(".peers/venv/bin/python"))
            .arg(root.join("tests/peers_py/topics_broadcaster.py"))
            .args([kind.as_str(), kind.as_str()])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("run tests/peers first");
        let address = address(&mut child);
        Self {
            url: format!("http://{address}"),
            auth: Auth::from_file(folder.path().join("broadcaster-secrets.json")).unwrap(),
            child,
            _folder: folder,
        }
    }
}

/// Where a broadcaster says that it listens.
fn address(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let address = line.trim_ascii_end().strip_prefix("listening on ");
    address.unwrap().to_owned()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// The value below which so many of a hundred are, of sorted ones.
pub(crate) fn percentile(sorted: &[Duration], part: usize) -> Duration {
    sorted[(sorted.len() * part / 100).min(sorted.len() - 1)]
}
