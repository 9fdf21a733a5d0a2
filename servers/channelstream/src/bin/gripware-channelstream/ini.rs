//! The ini file of channelstream, as Python's `configparser` reads it: the section `[channelstream]`.

use std::{
    collections::HashMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use clap::CommandFactory as _;
use gripware_program::{ConfigError, Given};

use crate::options::Options;

const SECTION: &str = "channelstream";

/// Keys of channelstream that mean nothing here, and why.
const WITHOUT_MEANING: [(&str, &str); 6] = [
    ("http_scheme", "no links are made"),
    ("gc_conns_after", "channelstream reads it and does nothing"),
    (
        "gc_channels_after",
        "channelstream reads it and does nothing",
    ),
    ("wake_connections_after", "a poll is held for 5 s"),
    ("demo_app_url", "the demo is at /demo"),
    (
        "signature_checker",
        "tokens are those of itsdangerous' TimestampSigner",
    ),
];

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// By the names of flags.
    pub(crate) given: HashMap<String, Given>,
    /// Lines for the log, about keys that mean nothing.
    pub(crate) unknown: Vec<String>,
}

/// The file that the command line names, or `CHANNELSTREAM_INI`.
pub(crate) fn path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "-i" || argument == "--ini" {
            return arguments.next().map(PathBuf::from);
        }
        let text = argument.to_string_lossy();
        let joined = text
            .strip_prefix("--ini=")
            .or_else(|| text.strip_prefix("-i"));
        if let Some(path) = joined.filter(|path| !path.is_empty()) {
            return Some(path.into());
        }
    }
    let variable = env::var_os("CHANNELSTREAM_INI");
    variable
        .filter(|path| path != OsStr::new(""))
        .map(PathBuf::from)
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| ConfigError::new(format_args!("--ini: {name}: {error}")))?;
    let pairs = parse(&text).map_err(|line| {
        ConfigError::new(format_args!("{name}, line {line}: it is no `key = value`"))
    })?;
    let command = Options::command();
    let mut settings = Settings::default();
    for (key, value) in pairs {
        let flag = key.replace('_', "-");
        let is_known = command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(&flag) && flag != "ini");
        if is_known {
            let given = Given {
                texts: vec![value],
                source: format!("{name}: {key}"),
            };
            settings.given.insert(flag, given);
            continue;
        }
        let why = WITHOUT_MEANING.iter().find(|(known, _)| *known == key);
        let why = why.map_or("it is not known", |(_, why)| why);
        settings
            .unknown
            .push(format!("{name}: {key} is left out: {why}"));
    }
    Ok(settings)
}

/// The pairs of the section, or the line that is none. A line that is indented goes on with the
/// value before it.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut is_ours = false;
    for (index, line) in text.lines().enumerate() {
        let content = line.trim_ascii();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = content.strip_prefix('[') {
            is_ours = section.strip_suffix(']') == Some(SECTION);
            continue;
        }
        if !is_ours {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = pairs.last_mut()
        {
            value.push('\n');
            value.push_str(content);
            continue;
        }
        let Some((key, value)) = content.split_once(['=', ':']) else {
            return Err(index + 1);
        };
        let key = key.trim_ascii().to_ascii_lowercase();
        pairs.retain(|(other, _)| *other != key);
        pairs.push((key, value.trim_ascii().to_owned()));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_original_s_description_is_read() {
        let text = "\
[other]
secret = not this
[channelstream]
debug = 0
; a comment
secret = YOURSECRET
allow_posting_from = 127.0.0.1,
                     10.0.0.1,
PORT: 8000
";
        let expected = [
            ("debug", "0"),
            ("secret", "YOURSECRET"),
            ("allow_posting_from", "127.0.0.1,\n10.0.0.1,"),
            ("port", "8000"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(parse(text), Ok(expected.to_vec()));
        assert_eq!(parse("[channelstream]\nnonsense\n"), Err(2));
    }

    #[test]
    fn the_file_is_named_in_each_way() {
        let named = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            path(&arguments)
        };
        for arguments in [
            &["program", "-i", "a.ini"][..],
            &["program", "-ia.ini"],
            &["program", "--listen", "x", "--ini", "a.ini"],
            &["program", "--ini=a.ini"],
        ] {
            assert_eq!(named(arguments), Some("a.ini".into()), "{arguments:?}");
        }
    }
}
