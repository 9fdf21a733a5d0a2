//! Flags for the settings of the hub, made of its table: names, documentation, defaults, limits.

use std::{fmt, sync::Arc, time::Duration};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use gripware_hub::{Hub, HubBuilder, OnLoss, Setting, SettingKind, SlowClients};
use gripware_program::parse;

/// A hub that is set by flags.
pub(crate) struct HubSettings {
    pub(crate) builder: HubBuilder,
    /// How long the end of the program may take, of which the hub's own is a part.
    pub(crate) drain: Duration,
}

/// What the value of a flag changes.
type Change = Arc<dyn Fn(HubBuilder) -> HubBuilder + Send + Sync>;

impl Args for HubSettings {
    fn augment_args(command: Command) -> Command {
        command.args(HubBuilder::settings().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for HubSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let changes = HubBuilder::settings().filter_map(|it| matches.get_one::<Change>(it.name));
        let builder = changes.fold(Hub::builder(), |builder, change| change(builder));
        let drain = matches.get_raw("drain").and_then(Iterator::last);
        let drain = drain.and_then(|text| parse::time(text.to_str()?).ok());
        Ok(Self {
            builder,
            drain: drain.unwrap_or_default(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.builder.fmt(f)
    }
}

fn arg(setting: &'static Setting) -> Arg {
    let (mut short, mut long) = help(setting.about);
    let mut arg = Arg::new(setting.name)
        .long(setting.name.replace('_', "-"))
        .value_name(match setting.kind {
            SettingKind::Switch(_) => "BOOL",
            SettingKind::Count(..) => "COUNT",
            SettingKind::Size(..) => "SIZE",
            SettingKind::Time(..) => "TIME",
            SettingKind::SlowClients(_) | SettingKind::OnLoss(_) => "WHAT",
        })
        .help_heading(setting.group)
        .value_parser(|text: &str| change(setting, text));
    if change(setting, setting.default).is_ok() {
        // Without a blank it needs no quotes.
        arg = arg.default_value(setting.default.replace(' ', ""));
    } else {
        // In words.
        let default = format!(" [default: {}]", setting.default);
        short += &default;
        long += &default;
    }
    arg.help(short).long_help(long)
}

/// Reads a value.
fn change(setting: &Setting, text: &str) -> Result<Change, String> {
    Ok(match &setting.kind {
        SettingKind::Switch(set) => with(*set, parse::switch(text)?),
        SettingKind::Count(set, range) => {
            let count = parse::count(text)?;
            with(*set, within(setting, count, range.contains(&count))?)
        }
        SettingKind::Size(set, range) => {
            let size = parse::size(text)?;
            with(*set, within(setting, size, range.contains(&size))?)
        }
        SettingKind::Time(set, range) => {
            let time = parse::time(text)?;
            with(*set, within(setting, time, range.contains(&time))?)
        }
        SettingKind::SlowClients(set) => match text {
            "close" => with(*set, SlowClients::Close),
            "drop" => with(*set, SlowClients::Drop),
            _ => return Err("it has to be close or drop".to_owned()),
        },
        SettingKind::OnLoss(set) => match text {
            "poll" => with(*set, OnLoss::Poll),
            "close" => with(*set, OnLoss::Close),
            "nothing" => with(*set, OnLoss::Nothing),
            _ => return Err("it has to be poll, close or nothing".to_owned()),
        },
    })
}

fn with<T: Copy + Send + Sync + 'static>(set: fn(HubBuilder, T) -> HubBuilder, value: T) -> Change {
    Arc::new(move |builder| set(builder, value))
}

fn within<T>(setting: &Setting, value: T, is_in: bool) -> Result<T, String> {
    match is_in {
        true => Ok(value),
        false => Err(format!("it has to be {}", setting.limits)),
    }
}

/// The first paragraph of a documentation, and all of it, as plain text: links to other settings
/// become their flags.
fn help(about: &str) -> (String, String) {
    let lines: Vec<_> = about.lines().map(str::trim_ascii).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    let mut paragraphs: Vec<_> = paragraphs.map(|lines| flags(&lines.join(" "))).collect();
    if let Some(first) = paragraphs.first_mut()
        && let Some(letter) = first.get_mut(..1)
    {
        letter.make_ascii_uppercase();
    }
    let short = paragraphs.first().cloned().unwrap_or_default();
    let short = short.trim_end_matches('.').to_owned();
    // A single one has no full stop, as clap has it.
    let long = match paragraphs.len() {
        1 => short.clone(),
        _ => paragraphs.join("\n\n"),
    };
    (short, long)
}

/// Writes ``[`name`](Self::name)`` as `--name`.
fn flags(text: &str) -> String {
    let mut parts = text.split("[`");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part
            .split_once("`](")
            .and_then(|(name, rest)| Some((name, rest.split_once(')')?.1)))
        {
            Some((name, rest)) => {
                plain += &format!("--{}{rest}", name.replace('_', "-"));
            }
            None => plain = format!("{plain}[`{part}"),
        }
    }
    plain
}
