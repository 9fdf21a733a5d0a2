//! Reading a JSON object field by field, with the errors of marshmallow, which callers of
//! channelstream show to their users.

use std::{collections::HashSet, fmt, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, json, value::RawValue};
use uuid::Uuid;

use super::moment::parse_moment;

/// What is wrong with a request, by field: a map or a list of marshmallow's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invalid(pub(crate) Value);

impl Invalid {
    pub(crate) fn field(name: &str, message: &str) -> Self {
        Self(json!({ name: [message] }))
    }
}

/// An object in the order in which it was written. Of two fields of one name the last counts.
pub(crate) struct Pairs<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

const NULL: &str = "Field may not be null.";
const MISSING: &str = "Missing data for required field.";

/// An object that is being read, and what was wrong with it so far.
pub(crate) struct Fields<'a> {
    pairs: Vec<(String, &'a RawValue)>,
    errors: Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(json: &'a str) -> Result<Self, Invalid> {
        match serde_json::from_str(json) {
            Ok(Pairs(pairs)) => Ok(Self {
                pairs,
                errors: Map::new(),
            }),
            Err(_) => Err(Invalid::field("_schema", "Invalid input type.")),
        }
    }

    /// What was read, if nothing was wrong.
    pub(crate) fn finish(self) -> Result<(), Invalid> {
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(Invalid(Value::Object(self.errors))),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The JSON of a field, `null` included.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let mut pairs = self.pairs.iter().rev();
        pairs.find(|(key, _)| key == name).map(|(_, raw)| *raw)
    }

    /// All fields in their order, each once.
    pub(crate) fn pairs(&self) -> Vec<(String, &'a RawValue)> {
        let mut pairs: Vec<(String, &RawValue)> = Vec::with_capacity(self.pairs.len());
        let mut seen = HashSet::new();
        for (name, raw) in self.pairs.iter().rev() {
            if seen.insert(name.as_str()) {
                pairs.push((name.clone(), raw));
            }
        }
        pairs.reverse();
        pairs
    }

    pub(crate) fn wrong(&mut self, name: &str, error: impl Into<Value>) {
        self.errors.insert(name.to_owned(), error.into());
    }

    fn note<T>(&mut self, name: &str, read: Result<T, Value>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(name, error);
                None
            }
        }
    }

    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, Value>,
    ) -> Option<T> {
        if !self.has(name) {
            self.wrong(name, json!([MISSING]));
        }
        self.optional(name, read)
    }

    /// A field that may be left out, but not null.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, Value>,
    ) -> Option<T> {
        let raw = self.raw(name)?;
        let read = match is_null(raw) {
            true => Err(json!([NULL])),
            false => read(raw),
        };
        self.note(name, read)
    }

    /// A field of which null says as much as nothing.
    pub(crate) fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, Value>,
    ) -> Option<T> {
        let raw = self.raw(name).filter(|raw| !is_null(raw))?;
        let read = read(raw);
        self.note(name, read)
    }
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

fn wrong(message: &str) -> Value {
    json!([message])
}

/// A text of so many characters.
pub(crate) fn text(
    length: RangeInclusive<usize>,
) -> impl Fn(&RawValue) -> Result<String, Value> + Clone {
    move |raw| {
        let text: String =
            serde_json::from_str(raw.get()).map_err(|_| wrong("Not a valid string."))?;
        match length.contains(&text.chars().count()) {
            true => Ok(text),
            false => {
                let (least, most) = (length.start(), length.end());
                let message = format!("Length must be between {least} and {most}.");
                Err(wrong(&message))
            }
        }
    }
}

/// A list.
pub(crate) fn list<'a, T>(
    read: impl Fn(&'a RawValue) -> Result<T, Value>,
) -> impl FnOnce(&'a RawValue) -> Result<Vec<T>, Value> {
    move |raw| {
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| wrong("Not a valid list."))?;
        let mut errors = Map::new();
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let item = match is_null(item) {
                true => Err(wrong(NULL)),
                false => read(item),
            };
            match item {
                Ok(item) => list.push(item),
                Err(error) => drop(errors.insert(index.to_string(), error)),
            }
        }
        match errors.is_empty() {
            true => Ok(list),
            false => Err(Value::Object(errors)),
        }
    }
}

/// The same with at least one item.
pub(crate) fn some<'a, T>(
    read: impl Fn(&'a RawValue) -> Result<T, Value>,
) -> impl FnOnce(&'a RawValue) -> Result<Vec<T>, Value> {
    move |raw| {
        let list = list(read)(raw)?;
        match list.is_empty() {
            true => Err(wrong("Shorter than minimum length 1.")),
            false => Ok(list),
        }
    }
}

/// An object with values of one kind, in its order.
pub(crate) fn mapping<'a, T>(
    read: impl Fn(&'a RawValue) -> Result<T, Value>,
) -> impl FnOnce(&'a RawValue) -> Result<Vec<(String, T)>, Value> {
    move |raw| {
        let fields = Fields::of(raw.get()).map_err(|_| wrong("Not a valid mapping type."))?;
        let mut errors = Map::new();
        let mut mapping = Vec::new();
        for (key, value) in fields.pairs() {
            match read(value) {
                Ok(value) => mapping.push((key, value)),
                Err(error) => drop(errors.insert(key, json!({ "value": error }))),
            }
        }
        match errors.is_empty() {
            true => Ok(mapping),
            false => Err(Value::Object(errors)),
        }
    }
}

/// An object, as it is written.
pub(crate) fn object(raw: &RawValue) -> Result<Box<RawValue>, Value> {
    match raw.get().starts_with('{') {
        true => Ok(raw.to_owned()),
        false => Err(wrong("Not a valid mapping type.")),
    }
}

/// A value of a user's state.
pub(crate) fn scalar(raw: &RawValue) -> Result<Value, Value> {
    let value: Option<Value> = serde_json::from_str(raw.get()).ok();
    let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
    value
        .filter(is_scalar)
        .ok_or_else(|| wrong("Value is not type of string, integer, boolean or float."))
}

pub(crate) fn boolean(raw: &RawValue) -> Result<bool, Value> {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    match &value {
        Value::Bool(value) => return Ok(*value),
        Value::Number(number) if number.as_f64() == Some(1.0) => return Ok(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => return Ok(false),
        Value::String(text) => match text.as_str() {
            "t" | "T" | "true" | "True" | "TRUE" | "1" => return Ok(true),
            "f" | "F" | "false" | "False" | "FALSE" | "0" => return Ok(false),
            _ => {}
        },
        _ => {}
    }
    Err(wrong("Not a valid boolean."))
}

/// A whole number from 0 on. What is larger than any list is as good as that.
pub(crate) fn count(raw: &RawValue) -> Result<u32, Value> {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let number = match &value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<i64>().ok().map(|number| number as f64),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        _ => None,
    };
    match number {
        Some(number) if number <= -1.0 => Err(wrong("Must be at least 0.")),
        // Saturates.
        Some(number) => Ok(number as u32),
        None => Err(wrong("Not a valid integer.")),
    }
}

pub(crate) fn moment(raw: &RawValue) -> Result<String, Value> {
    let text: Option<String> = serde_json::from_str(raw.get()).ok();
    text.and_then(|text| parse_moment(&text))
        .ok_or_else(|| wrong("Not a valid datetime."))
}

pub(crate) fn uuid(raw: &RawValue) -> Result<String, Value> {
    let text: Option<String> = serde_json::from_str(raw.get()).ok();
    text.and_then(|text| parse_uuid(&text))
        .ok_or_else(|| wrong("Not a valid UUID."))
}

/// A UUID in any of its forms, in the usual one.
pub(crate) fn parse_uuid(text: &str) -> Option<String> {
    let uuid = Uuid::parse_str(text).ok()?;
    Some(uuid.hyphenated().to_string())
}

pub(crate) fn random_uuid() -> String {
    let mut bytes = [0; 16];
    // Without the system's randomness nothing of the proxy starts either.
    let _ = getrandom::fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .hyphenated()
        .to_string()
}
