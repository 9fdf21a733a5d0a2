//! The same clients against the same origin, behind Pushpin and behind the hub: what clients get and
//! what the origin is asked is the same, but for what stands in [`DIFFERENCES`].
//!
//! Each scenario is played at both, and written down. A difference that a scenario names has to be
//! there: it is a change that makes Pushpin's transcript the hub's, and a change that changes
//! nothing fails.

mod http;
mod items;
mod links;
mod native;
mod origin;
mod recovery;
mod responses;
mod sockets;
mod streams;
mod stricter;
mod transcript;

use std::cell::RefCell;

use gripware_interop::{AXUM, DIFFERENCES, Difference, Front, Layout, Site, scenario};
use transcript::Transcript;

/// A difference that a scenario expects, and what evens it out.
struct Expected<'a> {
    difference: Difference,
    front: Front,
    change: Box<dyn Fn(&str) -> String + 'a>,
}

impl<'a> Expected<'a> {
    /// Evened out by changing what was written down behind Pushpin.
    fn of_pushpin(difference: Difference, change: impl Fn(&str) -> String + 'a) -> Self {
        Self {
            difference,
            front: Front::Pushpin,
            change: Box::new(change),
        }
    }

    /// Evened out by changing what was written down behind the hub.
    fn of_hub(difference: Difference, change: impl Fn(&str) -> String + 'a) -> Self {
        Self {
            difference,
            front: Front::HubProgram,
            change: Box::new(change),
        }
    }
}

/// Plays a scenario behind Pushpin and behind the hub, and compares what was written down.
async fn compare(play: impl AsyncFn(&Site, &mut Transcript), expected: Vec<Expected<'_>>) {
    let pushpin = written(Front::Pushpin, &play).await;
    let hub = written(Front::HubProgram, &play).await;
    agree(pushpin, hub, expected);
}

/// Evens out what is expected, and compares.
fn agree(mut pushpin: String, mut hub: String, expected: Vec<Expected<'_>>) {
    for expected in expected {
        assert!(DIFFERENCES.contains(&expected.difference));
        let transcript = match expected.front {
            Front::Pushpin => &mut pushpin,
            _ => &mut hub,
        };
        let changed = (expected.change)(transcript);
        assert_ne!(
            &changed, transcript,
            "there is no difference any more in {}",
            expected.difference.about
        );
        *transcript = changed;
    }
    assert!(
        pushpin == hub,
        "behind the hub (+) it is not as behind Pushpin (-):\n{}",
        diff(&pushpin, &hub)
    );
}

async fn written(front: Front, play: &impl AsyncFn(&Site, &mut Transcript)) -> String {
    let transcript = RefCell::new(String::new());
    let layout = Layout {
        front,
        origin: AXUM,
    };
    scenario(async || {
        let site = Site::with(layout).scripted(origin::answer).start().await;
        let mut log = Transcript::of(&site);
        play(&site, &mut log).await;
        transcript.replace(log.end(&site));
    })
    .await;
    transcript.into_inner()
}

/// Puts one text in the place of another, wherever it stands.
fn replaced<'a>(from: &'a str, to: &'a str) -> impl Fn(&str) -> String + 'a {
    move |transcript| transcript.replace(from, to)
}

/// Leaves out every line that starts like this.
fn without<'a>(starts: &'a [&'a str]) -> impl Fn(&str) -> String + 'a {
    move |transcript| {
        let is_kept = |line: &&str| !starts.iter().any(|start| line.starts_with(start));
        let lines = transcript.lines().filter(is_kept);
        lines.map(|line| format!("{line}\n")).collect()
    }
}

/// Leaves out what the origin was asked a second time, word for word.
fn asked_once(transcript: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in transcript.trim_ascii_end().split("\norigin < ") {
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    format!("{}\n", parts.join("\norigin < "))
}

/// The lines of both, those of one only with a sign.
fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    // The length of the longest common part of what is left, for each pair of places.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        let (sign, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (' ', old[i])
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            ('-', old[i])
        } else {
            ('+', new[j])
        };
        i += usize::from(sign != '+');
        j += usize::from(sign != '-');
        text.push_str(&format!("{sign} {line}\n"));
    }
    text
}
