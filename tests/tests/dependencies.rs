//! What the libraries bring into the build of an application.

use std::{fs, path::Path, process::Command};

/// `jsonwebtoken` panics where both of its backends are enabled anywhere in a build. A library that
/// enables one would break the applications that use the other.
#[test]
fn no_library_chooses_the_backend_of_jsonwebtoken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = 0;
    for library in libraries(&root) {
        for features in ["--no-default-features", "--all-features"] {
            for line in tree(&root, &library, features).lines() {
                let Some(enabled) = line.strip_prefix("jsonwebtoken ") else {
                    continue;
                };
                assert!(enabled.starts_with("[]"), "{library} {features}: {enabled}");
                found += 1;
            }
        }
    }
    assert!(found > 0, "no library depends on it");
}

/// The names of the workspace's libraries, which are those of their folders.
fn libraries(root: &Path) -> Vec<String> {
    let folders = fs::read_dir(root).expect("the workspace");
    folders
        .map(|folder| folder.expect("a folder").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with("gripware-"))
        .collect()
}

/// Each crate that a library is built with, without tests, and its features: `serde [derive,std]`.
fn tree(root: &Path, library: &str, features: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--frozen", "--package", library, features])
        .args(["--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{lib} [{f}]"])
        .current_dir(root)
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{library}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}
