//! The bodies of the API's requests but for messages.

use serde_json::{Value, json, value::RawValue};

use super::{
    config::ChannelConfig,
    fields::{
        Fields, Invalid, boolean, count, list, mapping, parse_uuid, random_uuid, scalar, some, text,
    },
};

type Pairs<T> = Vec<(String, T)>;

/// How much an answer tells of channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    /// All where nothing is said.
    pub(crate) channels: Option<Vec<String>>,
    pub(crate) exclude_channels: Vec<String>,
    pub(crate) include_history: bool,
    pub(crate) include_users: bool,
    pub(crate) return_public_state: bool,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            channels: None,
            exclude_channels: Vec::new(),
            include_history: true,
            include_users: true,
            return_public_state: false,
        }
    }
}

impl Info {
    /// The body of `/info`: `{"info": {…}}` as 0.7.1 has it, or `{"channels": […]}` as 0.2 has it,
    /// where an empty list means all.
    pub(crate) fn read(body: &str) -> Result<Self, Invalid> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let mut fields = Fields::of(body)?;
        if !fields.has("info") && fields.has("channels") {
            let channels = fields.optional("channels", list(text(1..=256)));
            fields.finish()?;
            return Ok(Self {
                channels: channels.filter(|channels| !channels.is_empty()),
                ..Self::default()
            });
        }
        let info = fields.required("info", Self::nested);
        fields.finish()?;
        Ok(info.unwrap_or_default())
    }

    fn nested(raw: &RawValue) -> Result<Self, Value> {
        let mut fields = Fields::of(raw.get()).map_err(|invalid| invalid.0)?;
        let default = Self::default();
        let info = Self {
            include_history: fields
                .optional("include_history", boolean)
                .unwrap_or(default.include_history),
            include_users: fields
                .optional("include_users", boolean)
                .unwrap_or(default.include_users),
            return_public_state: fields
                .optional("return_public_state", boolean)
                .unwrap_or(default.return_public_state),
            channels: fields.optional("channels", list(text(1..=256))),
            exclude_channels: fields
                .optional("exclude_channels", list(text(1..=256)))
                .unwrap_or_default(),
        };
        // It changes nothing in 0.7.1 either.
        fields.optional("include_connections", boolean);
        fields.finish().map_err(|invalid| invalid.0)?;
        Ok(info)
    }
}

/// The body of `/connect`.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) username: String,
    pub(crate) conn_id: String,
    pub(crate) channels: Vec<String>,
    pub(crate) fresh_user_state: Pairs<Value>,
    pub(crate) user_state: Pairs<Value>,
    pub(crate) state_public_keys: Vec<String>,
    pub(crate) channel_configs: Pairs<ChannelConfig>,
    pub(crate) info: Info,
}

impl Connect {
    pub(crate) fn read(body: &str) -> Result<Self, Invalid> {
        let mut fields = Fields::of(body)?;
        // The description of 0.2 calls it `user`.
        let name = match fields.has("username") || !fields.has("user") {
            true => "username",
            false => "user",
        };
        let username = fields.required(name, text(1..=512));
        let conn_id = match fields.nullable("conn_id", text(1..=256)) {
            Some(id) => canonical(id),
            None => random_uuid(),
        };
        let connect = Self {
            username: username.unwrap_or_default(),
            conn_id,
            channels: fields
                .optional("channels", list(text(1..=256)))
                .unwrap_or_default(),
            fresh_user_state: state(&mut fields, "fresh_user_state"),
            user_state: state(&mut fields, "user_state"),
            state_public_keys: fields
                .optional("state_public_keys", list(text(1..=256)))
                .unwrap_or_default(),
            channel_configs: configs(&mut fields),
            info: info(&mut fields),
        };
        fields.finish()?;
        Ok(connect)
    }
}

/// The body of `/subscribe` and `/unsubscribe`.
#[derive(Clone, Debug)]
pub(crate) struct Subscribe {
    pub(crate) conn_id: String,
    pub(crate) channels: Vec<String>,
    pub(crate) channel_configs: Pairs<ChannelConfig>,
    pub(crate) info: Info,
}

impl Subscribe {
    /// `in_query` is the connection that the URL names, where the body names none.
    pub(crate) fn read(body: &str, in_query: Option<&str>) -> Result<Self, Invalid> {
        let mut fields = Fields::of(body)?;
        let conn_id = match (fields.has("conn_id"), in_query) {
            (false, Some(id)) => Some(id.to_owned()),
            (false, None) => {
                fields.wrong("conn_id", json!(["Field may not be null."]));
                None
            }
            (true, _) => fields.required("conn_id", text(1..=256)),
        };
        let subscribe = Self {
            conn_id: canonical(conn_id.unwrap_or_default()),
            channels: fields
                .required("channels", some(text(1..=256)))
                .unwrap_or_default(),
            channel_configs: configs(&mut fields),
            info: info(&mut fields),
        };
        fields.finish()?;
        Ok(subscribe)
    }
}

/// The body of `/user_state`.
#[derive(Clone, Debug)]
pub(crate) struct UserState {
    pub(crate) user: String,
    pub(crate) user_state: Pairs<Value>,
    pub(crate) state_public_keys: Option<Vec<String>>,
}

impl UserState {
    pub(crate) fn read(body: &str) -> Result<Self, Invalid> {
        let mut fields = Fields::of(body)?;
        let state = Self {
            user: fields.required("user", text(1..=512)).unwrap_or_default(),
            user_state: state(&mut fields, "user_state"),
            state_public_keys: fields.nullable("state_public_keys", list(text(1..=256))),
        };
        fields.finish()?;
        Ok(state)
    }
}

/// The body of `/user_status`, which 0.2 has instead: a user and a number.
pub(crate) fn user_status(body: &str) -> Result<(String, u32), Invalid> {
    let mut fields = Fields::of(body)?;
    let user = fields.required("user", text(1..=512)).unwrap_or_default();
    let status = fields.required("status", count).unwrap_or_default();
    fields.finish()?;
    Ok((user, status))
}

/// The body of `/channel_config`: settings by channel.
pub(crate) fn channel_configs(body: &str) -> Result<Pairs<ChannelConfig>, Invalid> {
    let raw: &RawValue =
        serde_json::from_str(body).map_err(|_| Invalid::field("_schema", "Invalid input type."))?;
    let mut fields = Fields::of(raw.get())?;
    let mut configs = Vec::new();
    for (name, raw) in fields.pairs() {
        if let Err(error) = text(1..=256)(&as_json(&name)) {
            fields.wrong(&name, error);
            continue;
        }
        match ChannelConfig::read(raw) {
            Ok(config) => configs.push((name, config)),
            Err(error) => return Err(Invalid(error)),
        }
    }
    fields.finish()?;
    Ok(configs)
}

/// The connection of `/disconnect`, `/listen` and `/ws`, from the body or from the URL.
pub(crate) fn connection_id(body: Option<&str>, in_query: Option<&str>) -> Result<String, Invalid> {
    let missing = || Invalid::field("conn_id", "Field may not be null.");
    let Some(body) = body else {
        let id = in_query.ok_or_else(missing)?;
        let is_id = (1..=256).contains(&id.chars().count());
        return match is_id {
            true => Ok(canonical(id.to_owned())),
            false => Err(Invalid::field(
                "conn_id",
                "Length must be between 1 and 256.",
            )),
        };
    };
    let mut fields = Fields::of(body)?;
    if !fields.has("conn_id") {
        return Err(missing());
    }
    let id = fields.required("conn_id", text(1..=256));
    fields.finish()?;
    Ok(canonical(id.unwrap_or_default()))
}

/// Values of a user's state.
fn state(fields: &mut Fields<'_>, name: &str) -> Pairs<Value> {
    fields.optional(name, mapping(scalar)).unwrap_or_default()
}

/// Settings of channels that the request makes.
fn configs(fields: &mut Fields<'_>) -> Pairs<ChannelConfig> {
    let configs = fields.optional("channel_configs", mapping(ChannelConfig::read));
    configs.unwrap_or_default()
}

/// How much the answer shall tell.
fn info(fields: &mut Fields<'_>) -> Info {
    fields.optional("info", Info::nested).unwrap_or_default()
}

/// A UUID may be written in several ways, and is the same connection.
fn canonical(id: String) -> String {
    parse_uuid(&id).unwrap_or(id)
}

fn as_json(name: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(body: &str) -> Value {
        match Connect::read(body) {
            Ok(connect) => json!(connect.username),
            Err(Invalid(error)) => error,
        }
    }

    #[test]
    fn what_is_wrong_is_told_as_marshmallow_tells_it() {
        for (body, told) in [
            (
                "{}",
                json!({"username": ["Missing data for required field."]}),
            ),
            (
                r#"{"username": ""}"#,
                json!({"username": ["Length must be between 1 and 512."]}),
            ),
            (
                r#"{"username": null}"#,
                json!({"username": ["Field may not be null."]}),
            ),
            (
                r#"{"username": 5}"#,
                json!({"username": ["Not a valid string."]}),
            ),
            (
                r#"{"username": "a", "channels": "x"}"#,
                json!({"channels": ["Not a valid list."]}),
            ),
            (
                r#"{"username": "a", "channels": ["a", ""]}"#,
                json!({"channels": {"1": ["Length must be between 1 and 256."]}}),
            ),
            (
                r#"{"username": "a", "user_state": {"a": [1]}}"#,
                json!({"user_state": {"a": {"value":
                    ["Value is not type of string, integer, boolean or float."]}}}),
            ),
            (
                r#"{"username": "a", "user_state": 5}"#,
                json!({"user_state": ["Not a valid mapping type."]}),
            ),
            (
                r#"{"username": "a", "channel_configs": {"a": {"history_size": -1, "store_history": "maybe"}}}"#,
                json!({"channel_configs": {"a": {"value": {
                    "store_history": ["Not a valid boolean."],
                    "history_size": ["Must be at least 0."]}}}}),
            ),
            (
                r#"{"username": "a", "info": {"include_users": "x", "channels": [5]}}"#,
                json!({"info": {"include_users": ["Not a valid boolean."],
                    "channels": {"0": ["Not a valid string."]}}}),
            ),
            ("[]", json!({"_schema": ["Invalid input type."]})),
            ("null", json!({"_schema": ["Invalid input type."]})),
            (r#"{"user": "as 0.2 calls it"}"#, json!("as 0.2 calls it")),
        ] {
            assert_eq!(connect(body), told, "{body}");
        }
    }

    #[test]
    fn a_uuid_is_the_same_connection_however_it_is_written() {
        let id = "7b1f3f4e-5b0e-4c5e-8d8e-8a6cf1a0a0a0";
        for written in [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}")] {
            assert_eq!(connection_id(None, Some(&written)), Ok(id.to_owned()));
        }
        assert_eq!(connection_id(None, Some("of 0.2")), Ok("of 0.2".to_owned()));
        assert!(connection_id(None, None).is_err());
        assert!(connection_id(Some("{}"), None).is_err());
    }

    #[test]
    fn info_is_asked_for_in_both_forms() {
        let named = Some(vec!["a".to_owned()]);
        assert_eq!(Info::read("").unwrap(), Info::default());
        assert_eq!(Info::read(r#"{"channels": []}"#).unwrap().channels, None);
        assert_eq!(
            Info::read(r#"{"channels": ["a"]}"#).unwrap().channels,
            named
        );
        let newest = Info::read(r#"{"info": {"channels": ["a"]}}"#).unwrap();
        assert_eq!(newest.channels, named);
        let none = Info::read(r#"{"info": {"channels": []}}"#).unwrap();
        assert_eq!(none.channels, Some(vec![]));
        assert!(Info::read("{}").is_err());
    }
}
