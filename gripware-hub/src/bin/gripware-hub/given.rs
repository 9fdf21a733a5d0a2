use std::{
    collections::HashMap,
    env, fmt,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    args::Flags,
    file,
    settings::{self, Setting},
};

/// What was given for a setting, and where.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// Where a value was given. `Display` says it in front of what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag(&'static str),
    Variable(String),
    File {
        path: PathBuf,
        line: usize,
        key: String,
    },
    Default(&'static str),
}

/// The values of all settings that have one.
#[derive(Debug)]
pub(crate) struct Values(HashMap<&'static str, Given>);

impl Values {
    /// A flag wins over the environment, the environment over the file, and the file over the
    /// default.
    pub(crate) fn collect(mut flags: Flags) -> Result<Self, ConfigError> {
        let config = match flags.remove(&settings::CONFIG) {
            Some(given) => Some(given),
            None => variable(&settings::CONFIG)?,
        };
        let mut in_file = match config {
            Some(given) => file::read(Path::new(&given.text), &given.source)?,
            None => HashMap::new(),
        };
        let mut values = HashMap::new();
        for setting in settings::ALL {
            let given = match flags.remove(setting) {
                Some(given) => Some(given),
                None => variable(setting)?,
            };
            let default = || {
                setting.default.map(|text| Given {
                    text: text.to_owned(),
                    source: Source::Default(setting.name),
                })
            };
            let given = given
                .or_else(|| in_file.remove(setting.name))
                .or_else(default);
            if let Some(given) = given {
                values.insert(setting.name, given);
            }
        }
        Ok(Self(values))
    }

    /// The value of a setting, read by `read`, whose error says what is wrong with it and shows no
    /// secret.
    pub(crate) fn read<T, E: fmt::Display>(
        &self,
        setting: &Setting,
        read: impl FnOnce(&Given) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.0.get(setting.name) else {
            return Ok(None);
        };
        read(given)
            .map(Some)
            .map_err(|error| ConfigError::at(&given.source, error))
    }

    /// The same for a setting that has a default or has to be given.
    pub(crate) fn require<T, E: fmt::Display>(
        &self,
        setting: &Setting,
        read: impl FnOnce(&Given) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        self.read(setting, read)?
            .ok_or_else(|| ConfigError::missing(setting))
    }
}

/// Why there is no configuration, on one line.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        // Names and paths may have line breaks in them.
        Self(what.to_string().replace(char::is_control, " "))
    }

    pub(crate) fn at(source: &Source, what: impl fmt::Display) -> Self {
        Self::new(format_args!("{source}: {what}"))
    }

    fn missing(setting: &Setting) -> Self {
        Self::new(format_args!(
            "--{name} is required (or {variable}, or `{name}` in the file of --config)",
            name = setting.name,
            variable = setting.variable()
        ))
    }
}

/// An empty variable is a value too: where a secret was to come from one that is not set, it would
/// be wrong to go on without.
fn variable(setting: &Setting) -> Result<Option<Given>, ConfigError> {
    let name = setting.variable();
    match env::var(&name) {
        Ok(text) => Ok(Some(Given {
            text,
            source: Source::Variable(name),
        })),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(ConfigError::at(&Source::Variable(name), "it is not UTF-8"))
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, key } => {
                write!(f, "{}, line {line}: {key}", path.display())
            }
            Self::Default(name) => write!(f, "the default of --{name}"),
        }
    }
}

/// It may be a secret.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("text", &format_args!("[redacted]"))
            .field("source", &self.source)
            .finish()
    }
}
