//! A table of settings: from each row come a field with its default, a setter of [`HubBuilder`] with
//! its documentation, and a [`Setting`] that programs make their flags of.

use std::{fmt, ops::RangeInclusive, time::Duration};

use crate::{
    builder::HubBuilder,
    settings::{OnLoss, SlowClients},
};

/// One setting of a [`HubBuilder`], for programs that read settings from a command line, the
/// environment or a file.
///
/// ```
/// use gripware_hub::{Hub, HubBuilder, SettingKind};
///
/// let setting = HubBuilder::settings().find(|it| it.name == "queue_bytes").unwrap();
/// assert_eq!(setting.default, "1 MiB");
/// assert_eq!(setting.limits, "at least 1");
///
/// let SettingKind::Size(set, range) = &setting.kind else { panic!() };
/// assert!(range.contains(&65_536) && !range.contains(&0));
/// let hub = set(Hub::builder(), 65_536).build()?;
/// # Ok::<(), gripware_hub::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name, such as `queue_bytes`: with dashes that of a flag, in capitals that of a variable.
    pub name: &'static str,
    /// What it belongs to, such as `Clients`.
    pub group: &'static str,
    /// What is set, in Markdown: the documentation of its setter, without "Sets" in front.
    pub about: &'static str,
    /// The default, such as `1 MiB`, `20 s` or `false`; in words where it depends on the machine or
    /// there is no limit.
    pub default: &'static str,
    /// What is in the range, such as `at least 1, at most 64`; empty if everything is.
    pub limits: &'static str,
    /// The type of its value, and its setter.
    pub kind: SettingKind,
}

/// The type of a [`Setting`], with its setter and the range that [`HubBuilder::build`] accepts.
///
/// It is exhaustive on purpose: a program that does not know one of them would leave settings out.
#[derive(Clone)]
pub enum SettingKind {
    /// Yes or no.
    Switch(fn(HubBuilder, bool) -> HubBuilder),
    /// A number.
    Count(fn(HubBuilder, usize) -> HubBuilder, RangeInclusive<usize>),
    /// A number of bytes.
    Size(fn(HubBuilder, usize) -> HubBuilder, RangeInclusive<usize>),
    /// A length of time.
    Time(
        fn(HubBuilder, Duration) -> HubBuilder,
        RangeInclusive<Duration>,
    ),
    /// What becomes of slow clients.
    SlowClients(fn(HubBuilder, SlowClients) -> HubBuilder),
    /// What becomes of WebSockets after a loss between nodes.
    OnLoss(fn(HubBuilder, OnLoss) -> HubBuilder),
}

impl fmt::Debug for SettingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(_) => f.write_str("Switch"),
            Self::Count(_, range) => f.debug_tuple("Count").field(range).finish(),
            Self::Size(_, range) => f.debug_tuple("Size").field(range).finish(),
            Self::Time(_, range) => f.debug_tuple("Time").field(range).finish(),
            Self::SlowClients(_) => f.write_str("SlowClients"),
            Self::OnLoss(_) => f.write_str("OnLoss"),
        }
    }
}

/// A value that may be out of its range.
pub(crate) trait Ranged<T> {
    fn is_in(&self, range: &RangeInclusive<T>) -> bool;
}

impl<T: PartialOrd> Ranged<T> for T {
    fn is_in(&self, range: &RangeInclusive<T>) -> bool {
        range.contains(self)
    }
}

/// No limit is in every range.
impl<T: PartialOrd> Ranged<T> for Option<T> {
    fn is_in(&self, range: &RangeInclusive<T>) -> bool {
        self.as_ref().is_none_or(|value| range.contains(value))
    }
}

/// The longest time: about 30 years, which every clock and timer can add to now.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(1_000_000_000);

/// Makes of a table a struct of values, their defaults, setters, descriptions and limits. A row is
///
/// ```text
/// /// what the setter's documentation says behind "Sets"
/// setter_name as other_name: Kind = default, at least MIN, at most MAX;
/// ```
///
/// where the other name is [`Setting::name`], if it is not the setter's. A default or a limit is a
/// literal, with a unit for sizes and times, or one of the words of [`value!`], which are explained
/// in a text behind them.
macro_rules! settings {
    (
        $(#[$struct_doc:meta])*
        $builder_field:ident: struct $struct:ident {
            $($(#[$more_doc:meta])* $more:ident: $more_type:ty = $more_default:expr,)*
        }
        $($group:literal {$(
            #[doc = $first:literal]
            $(#[doc = $doc:literal])*
            $name:ident $(as $other:ident)?: $kind:ident
                = $default:tt $($unit:ident)? $($words:literal)?
                $(, at least $min:tt $($min_unit:ident)? $(, at most $max:tt)?)?;
        )*})*
    ) => {
        $(#[$struct_doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $struct {
            $($(#[$more_doc])* pub(crate) $more: $more_type,)*
            $($(pub(crate) $name: $crate::setting::field!($kind),)*)*
        }

        impl Default for $struct {
            #[allow(unused_doc_comments, reason = "the attributes of a field are needed here too")]
            fn default() -> Self {
                Self {
                    $($(#[$more_doc])* $more: $more_default,)*
                    $($($name: $crate::setting::value!($default $($unit)?),)*)*
                }
            }
        }

        impl $struct {
            pub(crate) const TABLE: &'static [$crate::Setting] = &[$($($crate::Setting {
                name: $crate::setting::name!($name $($other)?),
                group: $group,
                about: concat!($first, $("\n", $doc),*),
                default: $crate::setting::text!($default $($unit)? $($words)?),
                limits: concat!($(
                    "at least ", $crate::setting::text!($min $($min_unit)?),
                    $(", at most ", stringify!($max))?
                )?),
                kind: $crate::setting::kind!(
                    $kind, $crate::HubBuilder::$name $(, $min $($min_unit)? $(, $max)?)?
                ),
            },)*)*];

            /// Finds the first value out of its range.
            pub(crate) fn check(&self) -> Result<(), $crate::BuildError> {
                $($($(
                    let range = $crate::setting::range!($kind, $min $($min_unit)? $(, $max)?);
                    if !$crate::setting::Ranged::is_in(&self.$name, &range) {
                        return Err($crate::BuildError::OutOfRange {
                            setting: stringify!($name),
                            limits: concat!(
                                "at least ", $crate::setting::text!($min $($min_unit)?),
                                $(", at most ", stringify!($max))?
                            ),
                        });
                    }
                )?)*)*
                Ok(())
            }
        }

        impl $crate::HubBuilder {$($(
            #[doc = concat!("Sets", $first)]
            $(#[doc = $doc])*
            #[doc = ""]
            #[doc = concat!(
                "Default: ", $crate::setting::text!($default $($unit)? $($words)?)
                $(, "; at least ", $crate::setting::text!($min $($min_unit)?))?
                $($(, ", at most ", stringify!($max))?)?
                , "."
            )]
            pub fn $name(mut self, value: $crate::setting::input!($kind)) -> Self {
                self.$builder_field.$name = value.into();
                self
            }
        )*)*}
    };
}

/// The name of a setting.
macro_rules! name {
    ($setter:ident $other:ident) => {
        stringify!($other)
    };
    ($setter:ident) => {
        stringify!($setter)
    };
}

/// A default or a limit as text.
macro_rules! text {
    ($value:tt $words:literal) => {
        $words
    };
    ($value:tt $unit:ident) => {
        concat!(stringify!($value), " ", stringify!($unit))
    };
    ($value:tt) => {
        stringify!($value)
    };
}

/// A default or a limit.
macro_rules! value {
    ($value:literal s) => {
        ::std::time::Duration::from_secs($value)
    };
    ($value:literal ms) => {
        ::std::time::Duration::from_millis($value)
    };
    ($value:literal KiB) => {
        $value << 10
    };
    ($value:literal MiB) => {
        $value << 20
    };
    ($value:literal) => {
        $value
    };
    (close) => {
        $crate::SlowClients::Close
    };
    (poll) => {
        $crate::OnLoss::Poll
    };
    (cores) => {
        $crate::settings::cores()
    };
    (none) => {
        None
    };
}

/// What is kept of a kind of setting.
macro_rules! field {
    (Limit) => { Option<usize> };
    ($kind:ident) => { $crate::setting::input!($kind) };
}

/// What the setter of a kind takes.
macro_rules! input {
    (Switch) => {
        bool
    };
    (Count) => {
        usize
    };
    (Limit) => {
        usize
    };
    (Size) => {
        usize
    };
    (Time) => {
        ::std::time::Duration
    };
    (SlowClients) => {
        $crate::SlowClients
    };
    (OnLoss) => {
        $crate::OnLoss
    };
}

macro_rules! range {
    (Time, $min:tt $unit:ident) => {
        $crate::setting::value!($min $unit)..=$crate::setting::MAX_TIME
    };
    ($kind:ident, $min:tt $($unit:ident)?, $max:tt) => {
        $crate::setting::value!($min $($unit)?)..=$max
    };
    ($kind:ident, $min:tt $($unit:ident)?) => {
        $crate::setting::value!($min $($unit)?)..=usize::MAX
    };
}

macro_rules! kind {
    (Limit, $set:expr, $($range:tt)*) => {
        $crate::SettingKind::Count($set, $crate::setting::range!(Count, $($range)*))
    };
    ($kind:ident, $set:expr, $($range:tt)*) => {
        $crate::SettingKind::$kind($set, $crate::setting::range!($kind, $($range)*))
    };
    ($kind:ident, $set:expr) => {
        $crate::SettingKind::$kind($set)
    };
}

pub(crate) use field;
pub(crate) use input;
pub(crate) use kind;
pub(crate) use name;
pub(crate) use range;
pub(crate) use settings;
pub(crate) use text;
pub(crate) use value;
