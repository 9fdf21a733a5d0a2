//! What is done to a hub, four bytes each: where one is cut out or put in, the others stay what they
//! were.

/// One operation. What `who`, `what` and `how` mean depends on the kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    /// Whether everything that comes of it happens before the next one.
    pub(super) settles: bool,
    pub(super) who: u8,
    pub(super) what: u8,
    pub(super) how: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    OpenResponse,
    OpenStream,
    OpenWebSocket,
    /// An item for a channel.
    Publish,
    /// An item for one client.
    PublishTo,
    /// One client's hold is ended.
    Close,
    /// Every hold asks the origin.
    Recover,
    /// The origin answers one of the requests that are under way.
    Answer,
    /// A client says something.
    Say,
    /// A client reads some bytes.
    Read,
    /// A client reads whatever comes, or reads nothing from now on.
    Stall,
    /// A client goes.
    Leave,
    /// Time passes.
    Pass,
}

/// The more often one stands here, the more often it is done.
const KINDS: [Kind; 20] = [
    Kind::OpenResponse,
    Kind::OpenStream,
    Kind::OpenWebSocket,
    Kind::Publish,
    Kind::PublishTo,
    Kind::Close,
    Kind::Recover,
    Kind::Answer,
    Kind::Say,
    Kind::Read,
    Kind::Stall,
    Kind::Leave,
    Kind::Pass,
    Kind::OpenStream,
    Kind::Publish,
    Kind::Publish,
    Kind::Publish,
    Kind::Answer,
    Kind::Answer,
    Kind::Say,
];

impl Operation {
    pub(super) fn of([kind, who, what, how]: [u8; 4]) -> Self {
        Self {
            kind: KINDS[usize::from(kind & 0x7f) % KINDS.len()],
            settles: kind & 0x80 == 0,
            who,
            what,
            how,
        }
    }
}
