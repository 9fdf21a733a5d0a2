//! The same clients against the same origin, behind Pushpin and behind the hub: what clients get and
//! what the origin is asked is the same, but for what stands in [`DIFFERENCES`].
//!
//! Each scenario is played at both, and written down. A difference that a scenario names has to be
//! there: it is a change that makes Pushpin's transcript the hub's, and a change that changes
//! nothing fails.

mod http;
mod items;
mod origin;
mod recovery;
mod responses;
mod sockets;
mod streams;
mod transcript;

use gripware_interop::{AXUM, DIFFERENCES, Difference, Front, Layout, Site, scenario};
use transcript::Transcript;

/// What a scenario expects to be different, and how it makes Pushpin's transcript the hub's.
type Expected<'a> = (Difference, &'a dyn Fn(&str) -> String);

/// Plays a scenario behind Pushpin and behind the hub, and compares what was written down.
async fn compare(play: impl AsyncFn(&Site, &mut Transcript), expected: &[Expected<'_>]) {
    let mut transcripts = Vec::new();
    let fronts = if std::env::var_os("ONLY").is_some() {
        &[Front::Pushpin][..]
    } else {
        &[Front::Pushpin, Front::HubProgram]
    };
    for &front in fronts {
        let transcript = std::cell::RefCell::new(String::new());
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
        transcripts.push(transcript.into_inner());
    }
    if std::env::var_os("ONLY").is_some() {
        println!("{}", transcripts[0]);
        return;
    }
    let [mut pushpin, hub] = <[String; 2]>::try_from(transcripts).expect("two of them");
    for (difference, change) in expected {
        assert!(DIFFERENCES.contains(difference));
        let changed = change(&pushpin);
        assert_ne!(
            changed, pushpin,
            "there is no difference any more in {}",
            difference.about
        );
        pushpin = changed;
    }
    if pushpin != hub {
        panic!(
            "behind the hub (+) it is not as behind Pushpin (-):\n{}",
            diff(&pushpin, &hub)
        );
    }
}

/// Puts one text in the place of another, wherever it stands.
fn replaced<'a>(from: &'a str, to: &'a str) -> impl Fn(&str) -> String + 'a {
    move |transcript| transcript.replace(from, to)
}

/// Leaves out every line of which this is a part.
fn without(part: &str) -> impl Fn(&str) -> String + '_ {
    move |transcript| {
        let lines = transcript.lines().filter(|line| !line.contains(part));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

/// Leaves out what the origin was asked a second time, word for word.
fn asked_once(transcript: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in transcript.trim_end().split("\norigin < ") {
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
