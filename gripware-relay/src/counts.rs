/// What a [`Relay`](crate::Relay) has counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Items that the broker has accepted or taken.
    pub sent: u64,
    /// Items that were sent once more, as the broker had not confirmed them.
    pub sent_again: u64,
    /// Items that were given up before they were confirmed.
    pub given_up: u64,
    /// Items of nodes that came, this node's own among them.
    pub received: u64,
    /// Messages of programs that are no nodes.
    pub foreign: u64,
    /// Items that came more than once and were dropped.
    pub duplicates: u64,
    /// Items that never came, by the gaps in the numbers.
    pub missed: u64,
    /// Times that something was lost, or may have been: each is a [`Delivery::Lost`](crate::Delivery::Lost).
    pub losses: u64,
    /// Messages of a version or kind that this one does not know.
    pub skipped: u64,
    /// Messages that could not be read.
    pub refused: u64,
    /// Times that the broker went out of reach.
    pub disconnects: u64,
    /// Bytes of items that wait to be confirmed, now.
    pub backlog_bytes: usize,
    /// Other nodes that live, now.
    pub nodes: usize,
    /// Whether this node hears the others, now.
    pub hears: bool,
}

impl Counts {
    /// Returns the names and values in the text format of Prometheus, the name of each with
    /// `prefix` before it: `gripware_relay_sent_total`.
    #[must_use]
    pub fn exposition(&self, prefix: &str) -> String {
        let counters = [
            ("sent", self.sent),
            ("sent_again", self.sent_again),
            ("given_up", self.given_up),
            ("received", self.received),
            ("foreign", self.foreign),
            ("duplicates", self.duplicates),
            ("missed", self.missed),
            ("losses", self.losses),
            ("skipped", self.skipped),
            ("refused", self.refused),
            ("disconnects", self.disconnects),
        ];
        let gauges = [
            ("backlog_bytes", self.backlog_bytes),
            ("nodes", self.nodes),
            ("hears", usize::from(self.hears)),
        ];
        let mut text = String::new();
        for (name, value) in counters {
            let name = format!("{prefix}{name}_total");
            text += &format!("# TYPE {name} counter\n{name} {value}\n");
        }
        for (name, value) in gauges {
            let name = format!("{prefix}{name}");
            text += &format!("# TYPE {name} gauge\n{name} {value}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_has_its_type_and_its_value() {
        let counts = Counts {
            sent: 3,
            hears: true,
            ..Counts::default()
        };
        let text = counts.exposition("relay_");
        assert!(text.contains("# TYPE relay_sent_total counter\nrelay_sent_total 3\n"));
        assert!(text.ends_with("# TYPE relay_hears gauge\nrelay_hears 1\n"));
        assert_eq!(text.lines().count(), 28);
    }
}
