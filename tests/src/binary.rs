use std::{
    collections::HashMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

/// The conformance server written with `gripware-axum`.
pub const AXUM: &str = "conformance-axum";
/// The conformance server written with `gripware-actix`.
pub const ACTIX: &str = "conformance-actix";

/// An application written with Django and `django-grip`, which keeps a part of the contract of the
/// conformance servers.
pub const DJANGO: &str = "django";
/// An application written with `@fanoutio/serve-grip`, which keeps the same part.
pub const NODE: &str = "node";

static FOUND: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

/// What runs an origin: a program of the workspace, or a script.
pub(crate) fn origin(name: &str) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (program, script) = match name {
        DJANGO => (
            scripts.join("../.peers/venv/bin/python"),
            "peers_py/django_origin.py",
        ),
        NODE => ("node".into(), "node/origin.mjs"),
        name => return Command::new(find(name)),
    };
    let mut command = Command::new(program);
    command.arg(scripts.join(script));
    command
}

/// A program of the workspace, built where it is out of date.
///
/// An environment variable such as `GRIPWARE_CONFORMANCE_AXUM` or `GRIPWARE_HUB` names another
/// program to use.
///
/// # Panics
/// Where the package does not build.
#[must_use]
pub fn find(name: &str) -> PathBuf {
    let own = name.trim_start_matches("gripware-");
    let variable = format!("GRIPWARE_{}", own.replace('-', "_").to_uppercase());
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found
        .get_or_insert_default()
        .entry(name.to_owned())
        .or_insert_with(|| once_per_run(name).unwrap_or_else(|| panic!("{name} does not build")))
        .clone()
}

/// Builds a program, once for all the processes of one run of `cargo nextest`.
fn once_per_run(name: &str) -> Option<PathBuf> {
    let Ok(run) = env::var("NEXTEST_RUN_ID") else {
        return build(name);
    };
    let directory = target_directory().join("tmp");
    fs::create_dir_all(&directory).expect("a directory in the target directory");
    let lock = File::create(directory.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("a lock");
    let note = directory.join(format!("{name}.built"));
    if let Some((built_in, path)) = fs::read_to_string(&note)
        .unwrap_or_default()
        .split_once('\n')
        && built_in == run
    {
        return Some(path.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty());
    }
    let path = build(name);
    // An empty path says that it does not build: one attempt is enough for all tests.
    let text = path.as_deref().unwrap_or(Path::new("")).display();
    fs::write(&note, format!("{run}\n{text}")).expect("a note of what was built");
    path
}

/// Builds a program as this test was built: same target directory, same profile.
fn build(name: &str) -> Option<PathBuf> {
    let profile = match profile_directory().file_name() {
        Some(folder) if folder != "debug" => folder.to_string_lossy().into_owned(),
        _ => "dev".to_owned(),
    };
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--message-format=json-render-diagnostics",
            "--package",
            package(name),
            "--bin",
            name,
        ])
        .args(["--profile", &profile, "--target-dir"])
        .arg(target_directory())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo");
    if !output.status.success() {
        return None;
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// The package of a program: a package of the same name, but for those that are named here.
fn package(program: &str) -> &str {
    match program {
        "gripware-hub" => "gripware-cli",
        "gripware-topics" => "gripware-topics-server",
        "restpipe-client" | "restpipe-server" => "gripware-pipe",
        program => program,
    }
}

fn target_directory() -> PathBuf {
    profile_directory()
        .parent()
        .map(Path::to_path_buf)
        .expect("a target directory above the profile's")
}

/// `target/debug`, from the test's own path `target/debug/deps/holds-0123456789abcdef`.
fn profile_directory() -> PathBuf {
    env::current_exe()
        .expect("the path of this test")
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .expect("a profile's directory above the test")
}
