//! What is sent to channels and users: the bodies of `/message`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Wire,
    fields::{Fields, Invalid, boolean, list, moment, object, random_uuid, text, uuid},
    frame::{Frame, Kind},
    moment::Moment,
};

/// The most messages of one request.
const MAX_MESSAGES: usize = 10_000;

/// A message, an edit of one, or what names one to be deleted, as it is answered with and as it
/// stands in a history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) pm_users: Vec<String>,
    pub(crate) exclude_users: Vec<String>,
    pub(crate) channel: Option<String>,
    pub(crate) no_history: bool,
    pub(crate) uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Box<RawValue>>,
    /// When; null for a message that nobody has edited, and nothing where there is none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub(crate) edited: Option<Option<String>>,
}

impl Message {
    /// One of which it is known to whom it goes.
    fn to_whom(fields: &mut Fields<'_>) -> Self {
        let mut users = |name| {
            let users = fields.optional(name, list(text(1..=512)));
            users.unwrap_or_default()
        };
        Self {
            pm_users: users("pm_users"),
            exclude_users: users("exclude_users"),
            channel: fields.nullable("channel", text(1..=256)),
            no_history: fields.optional("no_history", boolean).unwrap_or_default(),
            uuid: String::new(),
            timestamp: None,
            user: None,
            message: None,
            edited: None,
        }
    }

    /// The messages of a `POST`: a list of them, or one. Those for nobody are left out.
    pub(crate) fn read_new(body: &str, wire: Wire, now: Moment) -> Result<Vec<Self>, Invalid> {
        let now = now.to_string();
        let messages = many(body, |raw| {
            let mut fields = Fields::of(raw.get())?;
            let message = Self {
                uuid: fields.optional("uuid", uuid).unwrap_or_else(random_uuid),
                timestamp: fields
                    .optional("timestamp", moment)
                    .or_else(|| Some(now.clone())),
                user: fields.required("user", text(1..=512)),
                message: match wire {
                    Wire::Newest => fields.optional("message", object),
                    // Its payload may be anything.
                    Wire::First => fields.raw("message").map(ToOwned::to_owned),
                },
                edited: Some(None),
                ..Self::to_whom(&mut fields)
            };
            fields.finish()?;
            Ok(message)
        })?;
        let is_for_somebody =
            |message: &Self| message.channel.is_some() || !message.pm_users.is_empty();
        Ok(messages.into_iter().filter(is_for_somebody).collect())
    }

    /// The edits of a `PATCH`. What an edit does not have stays as it is.
    pub(crate) fn read_edits(body: &str, wire: Wire, now: Moment) -> Result<Vec<Self>, Invalid> {
        many(body, |raw| {
            let mut fields = Fields::of(raw.get())?;
            let edit = Self {
                uuid: fields.required("uuid", uuid).unwrap_or_default(),
                timestamp: fields.optional("timestamp", moment),
                user: fields.optional("user", text(1..=512)),
                message: match wire {
                    Wire::Newest => fields.optional("message", object),
                    Wire::First => fields.raw("message").map(ToOwned::to_owned),
                },
                edited: {
                    let edited = fields.optional("edited", moment);
                    Some(edited.or_else(|| Some(now.to_string())))
                },
                ..Self::to_whom(&mut fields)
            };
            fields.finish()?;
            Ok(edit)
        })
    }

    /// What a `DELETE` names.
    pub(crate) fn read_deleted(body: &str) -> Result<Vec<Self>, Invalid> {
        many(body, |raw| {
            let mut fields = Fields::of(raw.get())?;
            let deleted = Self {
                uuid: fields.required("uuid", uuid).unwrap_or_default(),
                ..Self::to_whom(&mut fields)
            };
            fields.finish()?;
            Ok(deleted)
        })
    }

    /// As it stands in a history.
    pub(crate) fn to_history(&self) -> String {
        let mut kept = serde_json::to_string(self).unwrap_or_default();
        // An object.
        kept.pop();
        kept.push_str(",\"catchup\":false,\"type\":\"message\"}");
        kept
    }

    /// Takes over what an edit says.
    pub(crate) fn edit(&mut self, edit: &Self) {
        if edit.timestamp.is_some() {
            self.timestamp.clone_from(&edit.timestamp);
        }
        if edit.user.is_some() {
            self.user.clone_from(&edit.user);
        }
        if edit.message.is_some() {
            self.message.clone_from(&edit.message);
        }
        self.edited.clone_from(&edit.edited);
    }

    /// The frame of it that browsers get, who are not told to whom else it goes.
    pub(crate) fn frame(&self, kind: Kind) -> Frame {
        Frame {
            timestamp: self.timestamp.as_deref().map(in_frames),
            user: self.user.clone(),
            channel: self.channel.clone(),
            message: self.message.clone(),
            edited: self.edited.clone(),
            ..Frame::new(kind, &self.uuid)
        }
    }
}

/// Frames have `Z` where answers have the offset.
fn in_frames(timestamp: &str) -> String {
    match timestamp.strip_suffix("+00:00") {
        Some(local) => format!("{local}Z"),
        None => timestamp.to_owned(),
    }
}

fn many<'a>(
    body: &'a str,
    read: impl Fn(&'a RawValue) -> Result<Message, Invalid>,
) -> Result<Vec<Message>, Invalid> {
    let input_type = || Invalid::field("_schema", "Invalid input type.");
    let raw: &RawValue = serde_json::from_str(body).map_err(|_| input_type())?;
    let list: Vec<&RawValue> = match raw.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(raw.get()).map_err(|_| input_type())?,
        // One, as the description of 0.2 has it.
        Some(b'{') => vec![raw],
        _ => return Err(input_type()),
    };
    if list.len() > MAX_MESSAGES {
        return Err(Invalid::field(
            "_schema",
            "Longer than maximum length 10000.",
        ));
    }
    let mut errors = Map::new();
    let mut messages = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        match read(raw) {
            Ok(message) => messages.push(message),
            Err(Invalid(error)) => drop(errors.insert(index.to_string(), error)),
        }
    }
    match errors.is_empty() {
        true => Ok(messages),
        false => Err(Invalid(Value::Object(errors))),
    }
}

/// Tells null from nothing.
pub(super) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn now() -> Moment {
        Moment::from_micros(1_767_323_045_678_901)
    }

    fn told(body: &str) -> Value {
        match Message::read_new(body, Wire::Newest, now()) {
            Ok(messages) => json!(messages),
            Err(Invalid(error)) => error,
        }
    }

    #[test]
    fn messages_are_answered_with_as_they_are_understood() {
        let uuid = "7b1f3f4e-5b0e-4c5e-8d8e-8a6cf1a0a0a0";
        let message =
            json!({"uuid": uuid, "user": "bob", "channel": "room", "message": {"n": 1}, "x": 1});
        let understood = json!({
            "pm_users": [], "exclude_users": [], "channel": "room", "no_history": false,
            "uuid": uuid, "timestamp": "2026-01-02T03:04:05.678901", "user": "bob",
            "message": {"n": 1}, "edited": null,
        });
        assert_eq!(told(&json!([message]).to_string()), json!([understood]));
        assert_eq!(told(&message.to_string()), json!([understood]));
        assert_eq!(told(r#"[{"user": "for nobody"}]"#), json!([]));
    }

    #[test]
    fn what_is_wrong_is_told_by_index() {
        for (body, error) in [
            (
                "[{}]",
                json!({"0": {"user": ["Missing data for required field."]}}),
            ),
            ("5", json!({"_schema": ["Invalid input type."]})),
            ("[5]", json!({"0": {"_schema": ["Invalid input type."]}})),
            (
                r#"[{"user": "a", "message": "x"}]"#,
                json!({"0": {"message": ["Not a valid mapping type."]}}),
            ),
            (
                r#"[{"user":"a","channel":"a","pm_users":"x","exclude_users":[""],"no_history":"q","uuid":"z"}]"#,
                json!({"0": {"pm_users": ["Not a valid list."],
                    "exclude_users": {"0": ["Length must be between 1 and 512."]},
                    "no_history": ["Not a valid boolean."], "uuid": ["Not a valid UUID."]}}),
            ),
            (
                r#"[{"user": "a", "channel": null, "message": null}]"#,
                json!({"0": {"message": ["Field may not be null."]}}),
            ),
        ] {
            assert_eq!(told(body), error, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<String>()) {
            let _ = told(&body);
            let _ = Message::read_deleted(&body);
        }
    }
}
