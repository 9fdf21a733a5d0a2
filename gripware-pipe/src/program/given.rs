use std::{collections::HashMap, env, fmt, path::Path};

use thiserror::Error;

use super::{
    file,
    settings::{self, Program, Setting},
};

/// The values of all settings that have one, and where each was given.
pub(super) struct Values {
    program: &'static Program,
    given: HashMap<&'static str, (String, String)>,
    without_effect: Vec<String>,
}

/// Why there is no configuration, on one line.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(what: impl fmt::Display) -> Self {
        // Names and paths may have line breaks in them.
        Self(what.to_string().replace(char::is_control, " "))
    }
}

impl Values {
    /// A flag wins over its variable, that over RestPipe's, that over the file, and the file over the
    /// default.
    pub(super) fn collect(
        program: &'static Program,
        mut flags: HashMap<&'static str, String>,
    ) -> Result<Self, ConfigError> {
        let mut given = HashMap::new();
        let config = &settings::CONFIG;
        let path = match flags.get(config.name) {
            Some(path) => Some(path.clone()),
            None => variable(&config.variable(program))?,
        };
        if let Some(path) = path {
            given = file::read(program, Path::new(&path))?;
        }
        for (name, text) in RestPipe(program).values()? {
            given.insert(name, text);
        }
        for setting in program.settings {
            let name = setting.variable(program);
            if let Some(text) = variable(&name)? {
                given.insert(setting.name, (text, name));
            }
            if let Some(text) = flags.remove(setting.name) {
                given.insert(setting.name, (text, format!("--{}", setting.name)));
            }
            if let Some(default) = setting.default {
                let source = || format!("the default of --{}", setting.name);
                given
                    .entry(setting.name)
                    .or_insert_with(|| (default.to_owned(), source()));
            }
        }
        Ok(Self {
            program,
            given,
            without_effect: RestPipe(program).without_effect(),
        })
    }

    /// The value of a setting, read by `read`, whose error says what is wrong with it.
    pub(super) fn read<T, E: fmt::Display>(
        &self,
        setting: &Setting,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, source)) = self.given.get(setting.name) else {
            return Ok(None);
        };
        let wrong = |error| ConfigError::new(format_args!("{source}: {error}"));
        read(text).map(Some).map_err(wrong)
    }

    /// The same for a setting that has a default or has to be given.
    pub(super) fn require<T, E: fmt::Display>(
        &self,
        setting: &Setting,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        self.read(setting, read)?.ok_or_else(|| {
            let (name, variable) = (setting.name, setting.variable(self.program));
            let what = format!("--{name} is required (or {variable}, or `{name}` in a file)");
            ConfigError::new(what)
        })
    }

    /// The same for one that may be given several times, in a list with commas.
    pub(super) fn list<T, E: fmt::Display>(
        &self,
        setting: &Setting,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, ConfigError> {
        let all = |text: &str| text.split(',').map(|one| read(one.trim_ascii())).collect();
        Ok(self.read(setting, all)?.unwrap_or_default())
    }

    /// RestPipe's variables that are set and mean nothing here.
    pub(super) fn without_effect(&self) -> &[String] {
        &self.without_effect
    }
}

fn variable(name: &str) -> Result<Option<String>, ConfigError> {
    match env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(ConfigError::new(format_args!("{name}: it is not UTF-8")))
        }
    }
}

/// The variables that RestPipe has, as far as they mean something here.
struct RestPipe(&'static Program);

/// RestPipe's port.
const PORT: &str = "1234";

type Found = Vec<(&'static str, (String, String))>;

impl RestPipe {
    fn values(&self) -> Result<Found, ConfigError> {
        let mut found = Found::new();
        let prefix = self.0.prefix;
        let is_server = self.0.name == settings::SERVER.name;
        let first = |names: &[&str]| -> Result<Option<(String, String)>, ConfigError> {
            for name in names {
                // RestPipe takes an empty one for one that is not set.
                if let Some(text) = variable(name)?.filter(|text| !text.is_empty()) {
                    return Ok(Some((text, (*name).to_owned())));
                }
            }
            Ok(None)
        };
        if is_server {
            let host = first(&["BIND_IP", "RP_SERVER_BIND_INTERFACE"])?;
            let port = first(&["BIND_PORT", "RP_SERVER_BIND_PORT"])?;
            if let Some((_, source)) = host.as_ref().or(port.as_ref()) {
                let text = |it: &Option<(String, String)>, default: &str| {
                    it.as_ref().map_or(default.to_owned(), |it| it.0.clone())
                };
                let address = format!("{}:{}", text(&host, "0.0.0.0"), text(&port, PORT));
                found.push((settings::PIPE.name, (address, source.clone())));
            }
        } else if let Some((host, source)) = first(&["RP_CLIENT_TARGET_HOSTNAME"])? {
            let port = first(&["RP_CLIENT_TARGET_PORT"])?;
            let port = port.map_or(PORT.to_owned(), |it| it.0);
            let address = format!("{host}:{port}");
            found.push((settings::SERVER_ADDRESS.name, (address, source)));
        }
        if let Some((folder, source)) = first(&[&format!("{prefix}_CERT_PATH")])? {
            let side = if is_server { "server" } else { "client" };
            for (setting, variable, default) in [
                (
                    &settings::CA,
                    "RP_CA_CRT_FILENAME".to_owned(),
                    "ca.crt.pem".to_owned(),
                ),
                (
                    &settings::CERT,
                    format!("{prefix}_CRT_FILENAME"),
                    format!("restpipe.{side}.crt.pem"),
                ),
                (
                    &settings::KEY,
                    format!("{prefix}_KEY_FILENAME"),
                    format!("restpipe.{side}.key.pem"),
                ),
            ] {
                let name = first(&[&variable])?.map_or(default, |it| it.0);
                let path = Path::new(&folder).join(name).display().to_string();
                found.push((setting.name, (path, source.clone())));
            }
        }
        for (setting, name) in [
            (&settings::HEARTBEAT, "RP_CLIENT_HEARTBEAT_INTERVAL_S"),
            (
                &settings::HEARTBEAT_TIMEOUT,
                "RP_CLIENT_HEARTBEAT_TIMEOUT_S",
            ),
        ] {
            if let Some(value) = first(&[name])?.filter(|_| !is_server) {
                found.push((setting.name, value));
            }
        }
        let (host, port) = (first(&["RP_STATSD_HOST"])?, first(&["RP_STATSD_PORT"])?);
        if let (Some((host, source)), Some((port, _))) = (host, port) {
            found.push((settings::STATSD.name, (format!("{host}:{port}"), source)));
        }
        if let Some((_, source)) = first(&["DEBUG"])?.filter(|(text, _)| text != "0") {
            found.push((
                settings::DEVELOPMENT.name,
                ("true".to_owned(), source.clone()),
            ));
            found.push((settings::LOG.name, ("debug".to_owned(), source)));
        }
        Ok(found)
    }

    fn without_effect(&self) -> Vec<String> {
        let prefix = self.0.prefix;
        let names = [
            "RP_EVENT_HANDLER_FQ_CLASS".to_owned(),
            format!("{prefix}_USER_CONFIG_MODULE"),
            "RP_CONNECTION_STATE_CHANGE_EVENT_CLASS".to_owned(),
            format!("{prefix}_CONNECTION_STATE_CHANGE_EVENT_CLASS"),
            "RP_GUNICORN_PATH".to_owned(),
        ];
        let is_set = |name: &String| env::var_os(name).is_some_and(|value| !value.is_empty());
        names.into_iter().filter(is_set).collect()
    }
}
