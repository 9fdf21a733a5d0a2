//! The unit files of the servers, which are checked by systemd and played by hand.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use gripware_interop::{PATIENCE, Place, Process, program};

const SECRET: &str = "a secret of the tests";

/// A unit, by its program.
struct Unit {
    program: &'static str,
    name: String,
    text: String,
}

/// All that the servers come with.
fn units() -> Vec<Unit> {
    let mut units = Vec::new();
    for (folder, program) in [
        ("channelstream", "gripware-channelstream"),
        ("high-templar", "gripware-templar"),
    ] {
        for end in ["", "@"] {
            let name = format!("{program}{end}.service");
            let servers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../servers");
            let path = servers.join(folder).join("systemd").join(&name);
            let text = fs::read_to_string(path).expect("a unit");
            units.push(Unit {
                program,
                name,
                text,
            });
        }
    }
    units
}

impl Unit {
    /// The values of a setting.
    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let before = format!("{name}=");
        let lines = self.text.lines();
        lines.filter_map(move |line| line.strip_prefix(&before))
    }

    fn setting(&self, name: &str) -> &str {
        let mut values = self.all(name);
        let value = values.next().expect("it is set");
        assert_eq!(values.next(), None, "{name} is set twice");
        value
    }
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let folder = tempfile::tempdir().expect("a folder");
    for unit in units() {
        // It looks for what is to be started.
        let installed = format!("/usr/local/bin/{}", unit.program);
        let start = unit.setting("ExecStart");
        assert!(start.starts_with(&installed), "{start}");
        let path = folder.path().join(&unit.name);
        fs::write(&path, unit.text.replace(&installed, "/bin/true")).expect("a file");
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--man=no"]).arg(path).output();
        let output = output.expect("systemd-analyze, of the package systemd");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", unit.name);
        assert!(!said.contains(unit.program), "{said}");
    }
}

#[tokio::test]
async fn what_channelstreams_units_start_ends_at_their_signal_and_in_their_time() {
    for unit in units() {
        if unit.program != "gripware-channelstream" {
            continue;
        }
        let place = Place::new();
        let address = place.free_address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let settings = format!("[channelstream]\nhost = {host}\nport = {port}\n");
        let ini = place.write("channelstream.ini", &settings);
        let key = place.write("secret", SECRET);
        let in_place = |text: &str| {
            let text = text.replace("/etc/channelstream.ini", &ini.display().to_string());
            let text = text.replace("%d/secret", &key.display().to_string());
            // Each process has an address on loopback of its own here.
            text.replace("127.0.0.1:%i", &address.to_string())
        };
        let mut command = Command::new(program(unit.program));
        command.args(unit.setting("ExecStart").split(' ').skip(1).map(in_place));
        for variable in ["GRIP_URL", "GRIPWARE_STATE", "GRIPWARE_RELAY"] {
            command.env_remove(variable);
        }
        for pair in unit.all("Environment") {
            let (name, value) = pair.split_once('=').expect("a variable");
            command.env(name, in_place(value));
        }
        let mut process = Process::start(command, place.directory(), "channelstream");
        let ready = format!("listening on {address}\n");
        let start = std::time::Instant::now();
        while process.output() != ready {
            assert!(process.ended().is_none(), "{}", process.errors());
            assert!(start.elapsed() < PATIENCE, "{}", process.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(unit.setting("KillSignal"), "SIGTERM");
        let limit = unit.setting("TimeoutStopSec").parse().expect("seconds");
        let status = process.stop(Duration::from_secs(limit)).await;
        assert_eq!(status.code(), Some(0), "{}", unit.name);
    }
}
