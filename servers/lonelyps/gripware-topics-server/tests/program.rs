//! The program, as it is started and ended.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use gripware_topics::Auth;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-topics"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GRIPWARE_TOPICS_")) {
        command.env_remove(name);
    }
    command
}

fn setup(folder: &Path, to_broadcasters: &str, to_subscribers: &str) -> Output {
    program()
        .arg("--setup")
        .arg(folder)
        .args(["--to-broadcasters-auth", to_broadcasters])
        .args(["--to-subscribers-auth", to_subscribers])
        .output()
        .unwrap()
}

struct Running(Child, String);

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim_ascii_end().strip_prefix("listening on ").unwrap();
        let address = address.to_owned();
        Self(child, address)
    }

    fn end(mut self) -> i32 {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
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
    std::net::TcpStream::connect(&running.1).unwrap();

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
    for arguments in [
        &["--listen", "nowhere"][..],
        &["--listen", "0.0.0.0:0"],
        &["--db", "postgres:x"],
        &["--db", "sqlite:/does/not/exist/topics.db"],
        &["--allow-target", "localhost"],
        &["--secrets", "/does/not/exist"],
        &["--secrets", broken],
        &["--log", "a=b=c"],
        &["--setup", "x", "--to-broadcasters-auth", "md5"],
        &["--unknown"],
        &["secret"],
    ] {
        let ended = program().args(arguments).output().unwrap();
        let text = String::from_utf8(ended.stderr).unwrap();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("gripware-topics: "))
            .collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {text}");
        assert!(!text.contains("se same"), "{text}");
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {text}");
    }
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
