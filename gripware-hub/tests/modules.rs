//! An arrow between two modules of the hub points one way: from the later of this order to the
//! earlier.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each module knows those above it, and none below.
const ORDER: &[&str] = &[
    // Words and values.
    "clock",
    "log",
    "connection_id",
    "page",
    "inspect",
    "metrics",
    "signature",
    "socket",
    "threads",
    "tls",
    "passed",
    "descriptors",
    "http",
    // Items and channels, and the way to the application.
    "turns",
    "ws",
    "channels",
    "settings",
    "setting",
    "origin",
    // Clients that are held.
    "handoff",
    "session",
    "shard",
    "node",
    // Other nodes.
    "nodes",
    "relay",
    "cluster",
    // Connections that are served.
    "server",
    "gateway",
    "control",
    // What an application sees.
    "local_publisher",
    "hub",
    "builder",
];

/// Arrows that still point the other way.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The table of settings names the setters, and its macros the values.
    ("settings", "setting"),
    ("setting", "builder"),
];

/// Not part of what is built, or nothing but documentation.
const OUTSIDE: &[&str] = &["design", "differences", "fuzzing", "lib"];

#[test]
fn arrows_between_modules_point_one_way() {
    let mut arrows = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&source, &source, &mut arrows);
    let place = |module: &str| ORDER.iter().position(|it| *it == module);
    let mut wrong = Vec::new();
    for (from, files) in &arrows {
        let Some(of_from) = place(from) else {
            panic!("{from} has no place in the order");
        };
        for (to, file) in files {
            if to.starts_with(char::is_uppercase) {
                wrong.push(format!("{file}: crate::{to} hides in which module it is"));
                continue;
            }
            let of_to =
                place(to).unwrap_or_else(|| panic!("{file}: {to} has no place in the order"));
            if of_to > of_from && !EXCEPTIONS.contains(&(from, to)) {
                wrong.push(format!("{file}: {from} -> {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (from, to) in EXCEPTIONS {
        let is_used = arrows[*from].iter().any(|(used, _)| used == to);
        assert!(is_used, "{from} -> {to} is no exception any more");
    }
}

/// Finds the modules that each module names, with a file that does.
fn collect(
    source: &Path,
    folder: &Path,
    arrows: &mut BTreeMap<String, BTreeSet<(String, String)>>,
) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.strip_prefix(source).unwrap().to_str().unwrap();
        let module = file.split(['/', '\\', '.']).next().unwrap().to_owned();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if is_test || OUTSIDE.contains(&&*module) {
            continue;
        }
        if path.is_dir() {
            collect(source, &path, arrows);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let used = arrows.entry(module.clone()).or_default();
        for name in named(&code(&text)).into_iter().filter(|it| *it != module) {
            used.insert((name, file.to_owned()));
        }
    }
}

/// The code without its comments and without the tests at its end.
fn code(text: &str) -> String {
    let tests = text.find("\nmod tests {").unwrap_or(text.len());
    let lines = text[..tests].lines();
    let lines = lines.map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands behind `crate::`, alone or in braces. Macros' `$crate::` is whoever uses them.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let is_path =
            !code[..at].ends_with(|before: char| before == '$' || before.is_alphanumeric());
        let rest = &code[at + path.len()..];
        if !is_path {
            continue;
        }
        let Some(group) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut is_first = true;
        for (at, char) in group.char_indices() {
            match char {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_first = true,
                _ if char.is_ascii_whitespace() => {}
                _ if is_first => {
                    names.push(word(&group[at..]));
                    is_first = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn word(text: &str) -> String {
    let is_of_word = |char: &char| char.is_alphanumeric() || *char == '_';
    text.chars().take_while(is_of_word).collect()
}

#[test]
fn what_code_names_is_found() {
    let code = code(
        "use crate::{\n    a::{b, c},\n    d,\n};\nuse crate::e;\nfn f() -> crate::g::H {\n\
         $crate::i!() } // crate::j\n#[cfg(test)]\nmod tests {\n    use crate::k;\n}",
    );
    assert_eq!(named(&code), ["a", "d", "e", "g"]);
}
