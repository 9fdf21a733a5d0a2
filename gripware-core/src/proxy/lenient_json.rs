//! Reads JSON of which any member may have any type: which type is wrong where is for the caller to
//! say, in words that a publisher knows. Texts are lent from the body where they have no escapes.
//!
//! Of members with the same name the last counts.
//!
//! By hand, since what serde derives stops at the first member of another type, and says so in
//! Rust's words.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A value of the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongType;

/// A member that ought to be a text, a number or a boolean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar<'de> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Integer(i64),
    Fraction(f64),
    Text(Cow<'de, str>),
    Other,
}

impl<'de> Scalar<'de> {
    pub(super) fn is_present(&self) -> bool {
        *self != Self::Absent
    }

    /// The text; none where there is none, or null.
    pub(super) fn text(self) -> Result<Option<Cow<'de, str>>, WrongType> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            _ => Err(WrongType),
        }
    }

    /// The whole number, which may stand in a text.
    pub(super) fn integer(&self) -> Result<i64, WrongType> {
        match self {
            Self::Integer(number) => Ok(*number),
            // 200.0 is a way to write 200. The cast saturates.
            Self::Fraction(number) if number.fract() == 0.0 => Ok(*number as i64),
            Self::Text(text) => text.trim_ascii().parse().map_err(|_| WrongType),
            _ => Err(WrongType),
        }
    }
}

/// A member that ought to be an object.
#[derive(Debug, Default)]
pub(super) enum Object<T> {
    #[default]
    Absent,
    Null,
    Members(T),
    Other,
}

/// A member that ought to be a list.
#[derive(Debug, Default)]
pub(super) enum List<T> {
    #[default]
    Absent,
    Null,
    Elements(Vec<T>),
    Other,
}

/// The names and values of an object, in their order.
#[derive(Debug, Default)]
pub(super) struct Pairs<'de>(pub(super) Vec<(Cow<'de, str>, Scalar<'de>)>);

/// A list of pairs, or an object.
#[derive(Debug, Default)]
pub(super) enum Headers<'de> {
    #[default]
    Absent,
    Read(Vec<(Cow<'de, str>, Cow<'de, str>)>),
    /// An element is none; the words say which.
    Broken(String),
    Other,
}

/// An object whose members are known by name.
pub(super) trait Members<'de>: Default {
    /// Takes the value of the member `name`, or passes it over.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Writes structs with [`Members`]. One that borrows has the lifetime `'de`.
macro_rules! members {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? { $($field:ident: $type:ty = $member:literal,)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name $(<$life>)? { $($field: $type,)* }

        impl<'de> $crate::proxy::lenient_json::Members<'de> for $name $(<$life>)? {
            fn take<A: serde::de::MapAccess<'de>>(
                &mut self,
                name: &str,
                map: &mut A,
            ) -> Result<(), A::Error> {
                match name {
                    $($member => self.$field = map.next_value()?,)*
                    _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                }
                Ok(())
            }
        }
    )*};
}
pub(super) use members;

impl<'de> Members<'de> for Pairs<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.0
            .push((Cow::Owned(name.to_owned()), map.next_value()?));
        Ok(())
    }
}

/// A name, lent where it can be.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Names)
    }
}

/// Reads all members of an object.
pub(super) fn members_of<'de, T, A>(mut map: A) -> Result<T, A::Error>
where
    T: Members<'de>,
    A: MapAccess<'de>,
{
    let mut members = T::default();
    while let Some(Name(name)) = map.next_key()? {
        members.take(&name, &mut map)?;
    }
    Ok(members)
}

/// A name as it is repeated in an error: of at most 100 characters, and in one line.
pub(super) fn shown(name: &str) -> String {
    name.chars()
        .take(100)
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Passes over what is left of a list.
pub(super) fn pass_over<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// What becomes of each type of value. What is not said becomes `Other`.
pub(super) trait FromJson<'de>: Sized {
    const NULL: Self;
    const OTHER: Self;

    fn from_bool(_value: bool) -> Self {
        Self::OTHER
    }

    fn from_integer(_value: i64) -> Self {
        Self::OTHER
    }

    fn from_fraction(_value: f64) -> Self {
        Self::OTHER
    }

    fn from_text(_value: Cow<'de, str>) -> Self {
        Self::OTHER
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        pass_over(list)?;
        Ok(Self::OTHER)
    }

    fn from_object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::OTHER)
    }
}

/// Reads a value of any type.
pub(super) fn any_value<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromJson<'de>,
    D: Deserializer<'de>,
{
    struct Any<T>(PhantomData<T>);

    impl<'de, T: FromJson<'de>> Visitor<'de> for Any<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_unit<E>(self) -> Result<T, E> {
            Ok(T::NULL)
        }

        fn visit_bool<E>(self, value: bool) -> Result<T, E> {
            Ok(T::from_bool(value))
        }

        fn visit_i64<E>(self, value: i64) -> Result<T, E> {
            Ok(T::from_integer(value))
        }

        fn visit_u64<E>(self, value: u64) -> Result<T, E> {
            Ok(T::from_integer(value.try_into().unwrap_or(i64::MAX)))
        }

        fn visit_f64<E>(self, value: f64) -> Result<T, E> {
            Ok(T::from_fraction(value))
        }

        fn visit_borrowed_str<E>(self, value: &'de str) -> Result<T, E> {
            Ok(T::from_text(Cow::Borrowed(value)))
        }

        fn visit_str<E>(self, value: &str) -> Result<T, E> {
            Ok(T::from_text(Cow::Owned(value.to_owned())))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
            T::from_list(list)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::from_object(map)
        }
    }

    deserializer.deserialize_any(Any(PhantomData))
}

impl<'de> FromJson<'de> for Scalar<'de> {
    const NULL: Self = Self::Null;
    const OTHER: Self = Self::Other;

    fn from_bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn from_integer(value: i64) -> Self {
        Self::Integer(value)
    }

    fn from_fraction(value: f64) -> Self {
        Self::Fraction(value)
    }

    fn from_text(value: Cow<'de, str>) -> Self {
        Self::Text(value)
    }
}

impl<'de, T: Members<'de>> FromJson<'de> for Object<T> {
    const NULL: Self = Self::Null;
    const OTHER: Self = Self::Other;

    fn from_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        members_of(map).map(Self::Members)
    }
}

impl<'de, T: Deserialize<'de>> FromJson<'de> for List<T> {
    const NULL: Self = Self::Null;
    const OTHER: Self = Self::Other;

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Self::Elements(elements))
    }
}

impl<'de> FromJson<'de> for Headers<'de> {
    const NULL: Self = Self::Other;
    const OTHER: Self = Self::Other;

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut headers = Vec::new();
        while let Some(element) = list.next_element::<List<Scalar<'de>>>()? {
            let header = match element {
                List::Elements(pair) => match <[Scalar<'de>; 2]>::try_from(pair) {
                    Ok([Scalar::Text(name), Scalar::Text(value)]) => Ok((name, value)),
                    Ok([Scalar::Text(_), _]) => {
                        Err("header contains value element with wrong type")
                    }
                    Ok(_) => Err("header contains name element with wrong type"),
                    Err(_) => Err("headers contains list with wrong number of elements"),
                },
                _ => Err("headers contains element with wrong type"),
            };
            match header {
                Ok(header) => headers.push(header),
                Err(words) => {
                    pass_over(list)?;
                    return Ok(Self::Broken(words.to_owned()));
                }
            }
        }
        Ok(Self::Read(headers))
    }

    fn from_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let Pairs(pairs) = members_of(map)?;
        let mut headers = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            match value {
                Scalar::Text(value) => headers.push((name, value)),
                _ => {
                    let name = shown(&name);
                    let words = format!("headers contains '{name}' with wrong type");
                    return Ok(Self::Broken(words));
                }
            }
        }
        Ok(Self::Read(headers))
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer)
    }
}

impl<'de, T: Members<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer)
    }
}

impl<'de> Deserialize<'de> for Headers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer)
    }
}
