//! The seeds of the fuzz targets, and whatever was found, played as an ordinary test.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use fuzz_targets::TARGETS;

fn fuzz(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(folder)
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_input_in_the_corpus_holds_what_its_target_checks() {
    for (name, target) in TARGETS {
        let mut good = 0;
        for (path, input) in inputs(name) {
            eprintln!("{}", path.display());
            good += usize::from(target(&input));
        }
        assert!(good >= 3, "only {good} good inputs for {name}");
    }
}

/// Rows of one byte, of which `arbitrary` makes the smallest and the largest numbers.
#[test]
fn any_bytes_hold_what_the_targets_check() {
    for (_, target) in TARGETS {
        for byte in 0..=255 {
            for length in [0, 1, 16, 200] {
                target(&vec![byte; length]);
            }
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let files = fs::read_dir(fuzz("fuzz_targets")).unwrap();
    let programs: BTreeSet<_> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_owned())
        .collect();
    for (name, _) in TARGETS {
        assert!(programs.contains(std::ffi::OsStr::new(name)), "{name}");
    }
}
