//! The variables that RestPipe has, as far as they mean something here.

use std::{collections::HashMap, env, path::Path};

use gripware_program::{ConfigError, Given};

/// RestPipe's port.
const PORT: &str = "1234";

/// Values by the names of flags.
type Found = HashMap<String, Given>;

/// A variable and its value.
struct Variable {
    name: String,
    text: String,
}

/// What the variables of RestPipe's server say.
pub(super) fn server() -> Result<Found, ConfigError> {
    let mut found = both("server", "RP_SERVER")?;
    let host = first(&["BIND_IP", "RP_SERVER_BIND_INTERFACE"])?;
    let port = first(&["BIND_PORT", "RP_SERVER_BIND_PORT"])?;
    if let Some(of) = host.as_ref().or(port.as_ref()) {
        let text = |it: &Option<Variable>, default: &str| {
            it.as_ref().map_or(default.to_owned(), |it| it.text.clone())
        };
        let address = format!("{}:{}", text(&host, "0.0.0.0"), text(&port, PORT));
        found.insert("pipe".to_owned(), given(address, of));
    }
    Ok(found)
}

/// What the variables of RestPipe's client say.
pub(super) fn client() -> Result<Found, ConfigError> {
    let mut found = both("client", "RP_CLIENT")?;
    if let Some(host) = first(&["RP_CLIENT_TARGET_HOSTNAME"])? {
        let port = first(&["RP_CLIENT_TARGET_PORT"])?;
        let port = port.map_or(PORT.to_owned(), |port| port.text);
        let address = format!("{}:{port}", host.text);
        found.insert("server".to_owned(), given(address, &host));
    }
    for (flag, name) in [
        ("heartbeat", "RP_CLIENT_HEARTBEAT_INTERVAL_S"),
        ("heartbeat-timeout", "RP_CLIENT_HEARTBEAT_TIMEOUT_S"),
    ] {
        if let Some(value) = first(&[name])? {
            found.insert(flag.to_owned(), given(value.text.clone(), &value));
        }
    }
    Ok(found)
}

/// Those that are set and mean nothing here, of the programs whose variables begin with `prefix`.
pub(super) fn without_effect(prefix: &str) -> Vec<String> {
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

fn both(side: &str, prefix: &str) -> Result<Found, ConfigError> {
    let mut found = Found::new();
    if let Some(folder) = first(&[&format!("{prefix}_CERT_PATH")])? {
        for (flag, name, default) in [
            (
                "ca",
                "RP_CA_CRT_FILENAME".to_owned(),
                "ca.crt.pem".to_owned(),
            ),
            (
                "cert",
                format!("{prefix}_CRT_FILENAME"),
                format!("restpipe.{side}.crt.pem"),
            ),
            (
                "key",
                format!("{prefix}_KEY_FILENAME"),
                format!("restpipe.{side}.key.pem"),
            ),
        ] {
            let name = first(&[&name])?.map_or(default, |name| name.text);
            let path = Path::new(&folder.text).join(name);
            found.insert(flag.to_owned(), given(path.display().to_string(), &folder));
        }
    }
    let (host, port) = (first(&["RP_STATSD_HOST"])?, first(&["RP_STATSD_PORT"])?);
    if let (Some(host), Some(port)) = (host, port) {
        let address = format!("{}:{}", host.text, port.text);
        found.insert("statsd".to_owned(), given(address, &host));
    }
    if let Some(debug) = first(&["DEBUG"])?.filter(|debug| debug.text != "0") {
        found.insert("development".to_owned(), given("true".to_owned(), &debug));
        found.insert("log".to_owned(), given("debug".to_owned(), &debug));
    }
    Ok(found)
}

fn given(text: String, of: &Variable) -> Given {
    Given {
        texts: vec![text],
        source: of.name.clone(),
    }
}

/// The first that is set. RestPipe takes an empty one for one that is not set.
fn first(names: &[&str]) -> Result<Option<Variable>, ConfigError> {
    for name in names {
        match env::var(name) {
            Ok(text) if !text.is_empty() => {
                let name = (*name).to_owned();
                return Ok(Some(Variable { name, text }));
            }
            Ok(_) | Err(env::VarError::NotPresent) => {}
            Err(env::VarError::NotUnicode(_)) => {
                return Err(ConfigError::new(format_args!("{name}: it is not UTF-8")));
            }
        }
    }
    Ok(None)
}
