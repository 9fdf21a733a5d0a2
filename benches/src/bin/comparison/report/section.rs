/// A table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Plain,
    Echo,
    Held,
    OneMessage,
    Sustained,
    Sweep,
    Stalled,
    Deflate,
    Channels,
    Publish,
}

impl Section {
    /// In the order of the report.
    pub(crate) const ALL: [Self; 10] = [
        Self::Plain,
        Self::Echo,
        Self::Held,
        Self::OneMessage,
        Self::Sustained,
        Self::Sweep,
        Self::Stalled,
        Self::Deflate,
        Self::Channels,
        Self::Publish,
    ];

    /// Those that can be measured without others.
    pub(crate) const PARTS: [Self; 8] = [
        Self::Plain,
        Self::Echo,
        Self::Held,
        Self::Sweep,
        Self::Stalled,
        Self::Deflate,
        Self::Channels,
        Self::Publish,
    ];

    /// How it is named on the command line, and in JSON.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Echo => "echo",
            Self::Held => "held",
            Self::OneMessage => "one-message",
            Self::Sustained => "sustained",
            Self::Sweep => "sweep",
            Self::Stalled => "stalled",
            Self::Deflate => "deflate",
            Self::Channels => "channels",
            Self::Publish => "publish",
        }
    }

    /// The heading.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Plain => "Plain requests",
            Self::Echo => "WebSocket echoes",
            Self::Held => "Held connections",
            Self::OneMessage => "One message to many",
            Self::Sustained => "Sustained publishing",
            Self::Sweep => "Cost against subscribers",
            Self::Stalled => "Stalled readers",
            Self::Deflate => "permessage-deflate",
            Self::Channels => "Many channels",
            Self::Publish => "History and relay",
        }
    }

    /// How its figures come about.
    pub(super) const fn how(self) -> &'static str {
        match self {
            Self::Plain => {
                "A `GET` that has nothing to do with holds, answered by six bytes. All sides run at \
                 once and are asked by turns, a slice of time each. What is added is the median \
                 beyond that of the router alone, or of the origin alone, in the same round. \
                 Processor time is that of the side's processes."
            }
            Self::Echo => {
                "A text of four bytes to the application and back, as often as it goes. Sides take \
                 turns as with plain requests."
            }
            Self::Held => {
                "Streams and WebSockets count as held with the head of their answer, response holds \
                 when the application has answered. 64 ask at once. Memory is the growth of the \
                 resident memory of all of a side's processes, after 200 connections that came and \
                 went, divided by the connections."
            }
            Self::OneMessage => {
                "From before the request to publish 100 bytes is written to the last byte at the \
                 last client; processor time of all of a side's processes, the publish included, \
                 divided by the deliveries."
            }
            Self::Sustained => {
                "Messages of 100 bytes with a fixed number under way, which is raised from 4 by \
                 4 x as long as nothing is lost and 99 of 100 messages arrive within 500 ms; the \
                 fastest of these."
            }
            Self::Sweep => {
                "One message, as above, to fewer and fewer subscribers of one start of each side."
            }
            Self::Stalled => {
                "Two hubs have the same readers, and one of them ten more that do not read and \
                 whose queues were filled before. One message to each hub by turns. What the ten \
                 get when they read again and what is counted as dropped is compared with what was \
                 published for them."
            }
            Self::Deflate => {
                "JSON messages of 1 KiB to WebSockets that all offer the extension, and their \
                 echoes. Bytes are those that the clients have read from their sockets, without \
                 TCP and IP."
            }
            Self::Channels => {
                "Two hubs hold the same number of streams. At one of them all are in one channel, \
                 at the other each is in many channels of its own. A message to one more channel, \
                 with one subscriber, goes to each hub by turns."
            }
            Self::Publish => {
                "The hub inside: its application publishes to one WebSocket for each `POST` it gets, \
                 with and without appending to a history in memory, by turns. The program: a message \
                 that is published at one node, to WebSockets of another one, beside a hub alone."
            }
        }
    }
}
