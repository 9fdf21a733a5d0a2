//! The hub, those around it, and what is done to them.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    client::Client,
    model::{ID_MEMORY, Known, MESSAGE_WAIT, Model},
    operation::{Kind, Operation},
    origin::Origin,
};
use crate::{
    ConnectionInfo, ConnectionKind, Hub, SlowClients,
    fuzzing::frames::{BINARY, CLOSE, PING, PONG, Said, TEXT},
    node::Node,
    origin::OriginClient,
    settings::Settings,
    shard::Here,
    signature::Signature,
    threads::Threads,
};

/// How many requests the hub has under way at a time.
const MAX_ORIGIN_REQUESTS: usize = 4;
const ORIGIN_TIMEOUT: Duration = Duration::from_secs(20);
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// The longest of what is said at once, and how much a queue has at least.
pub(super) const LONGEST: usize = 1200;
const SMALL_QUEUE: usize = 2000;

/// How the witnesses are held.
pub(super) const WITNESSES: [Kind; 2] = [Kind::OpenStream, Kind::OpenWebSocket];

pub(super) struct Play {
    pub(super) inner: Node,
    pub(super) here: Here,
    pub(super) origin: Origin,
    pub(super) origin_client: Option<OriginClient>,
    pub(super) clients: Vec<Client>,
    pub(super) known: Vec<Seen>,
    pub(super) model: Model,
    /// Whether the first two clients follow every channel from the beginning to the end, and read
    /// at once: a stream and a WebSocket. They see what is handed out, and in which order.
    pub(super) has_witnesses: bool,
    /// Items that the witnesses have not seen.
    pub(super) awaited: Vec<usize>,
    pub(super) ending: u8,
    /// Whether some client may have lost what was for it.
    pub(super) is_lossy: bool,
}

/// What is known of a client, and of what it has seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) model: Known,
    /// Whether it gets every item of its channels, for as long as it is held.
    pub(super) is_plain: bool,
    /// Whether its wire takes all that there is.
    pub(super) is_roomy: bool,
    pub(super) is_grip: bool,
    pub(super) has_gone_link: bool,
    /// How often the origin was told that it has gone.
    pub(super) gone: usize,
    /// Whether everything that it says reaches the origin.
    pub(super) is_told_all: bool,
    pub(super) told: Vec<Said>,
    /// How much its witness had seen when it came, and when it was held.
    pub(super) came: usize,
    pub(super) held: Option<usize>,
}

impl Play {
    pub(super) async fn start(around: [u8; 4]) -> Self {
        let has = |bit: u8| around[0] >> bit & 1 != 0;
        let mut settings: Settings = Hub::builder().into_settings();
        settings.shards = 1;
        settings.message_wait = MESSAGE_WAIT;
        settings.id_memory = ID_MEMORY;
        settings.origin_timeout = ORIGIN_TIMEOUT;
        settings.drain = DRAIN;
        // A client that does not read does not answer pings, and is to be there all the same.
        settings.ping_interval = Duration::ZERO;
        if has(1) {
            settings.slow_clients = SlowClients::Drop;
        }
        if has(2) {
            settings.queue_bytes = SMALL_QUEUE;
            settings.queue_messages = 16;
        }
        let here: Rc<RefCell<Option<Here>>> = Rc::default();
        let inner = Node::start_with(settings, |index, shared, inbox| {
            here.replace(Some(Here::start(index, shared, inbox)));
            Ok(())
        });
        let origin = Origin::default();
        let origin_client = OriginClient::with(
            Threads::of_caller(),
            {
                let origin = origin.clone();
                move |request, limit| origin.fetch(request, limit)
            },
            Arc::new(Signature::new(None)),
            MAX_ORIGIN_REQUESTS,
            MAX_ORIGIN_REQUESTS,
            ORIGIN_TIMEOUT,
        );
        let mut play = Self {
            inner: inner.unwrap(),
            here: here.take().unwrap(),
            origin,
            origin_client: Some(origin_client),
            clients: Vec::new(),
            known: Vec::new(),
            model: Model::default(),
            has_witnesses: has(0),
            awaited: Vec::new(),
            ending: around[1],
            is_lossy: false,
        };
        if play.has_witnesses {
            for kind in WITNESSES {
                // All channels but the one whose items end holds.
                play.does(Operation {
                    kind,
                    settles: true,
                    who: 0,
                    what: 0b0111,
                    how: 0,
                })
                .await;
            }
        }
        play
    }

    pub(super) async fn does(&mut self, operation: Operation) {
        self.model.step += 1;
        let who = self.pick(operation.who);
        match (operation.kind, who) {
            (Kind::OpenResponse, _) if self.has_place() => self.open_response(operation),
            (Kind::OpenStream, _) if self.has_place() => self.open_stream(operation),
            (Kind::OpenWebSocket, _) if self.has_place() => self.open_websocket(operation),
            (Kind::Publish, _) => self.publish(operation),
            (Kind::PublishTo, Some(who)) => self.publish_to(who, operation).await,
            (Kind::Close, Some(who)) => self.close(who).await,
            (Kind::Recover, _) => self.inner.recover(),
            (Kind::Answer, _) => self.answer(operation),
            (Kind::Say, Some(who)) => self.say(who, operation),
            (Kind::Read, Some(who)) => {
                let most = usize::from(operation.what) * 16;
                self.clients[who].drive(most);
            }
            (Kind::Stall, Some(who)) => self.clients[who].reads = operation.what & 1 == 0,
            (Kind::Leave, Some(who)) => {
                self.is_lossy = true;
                self.clients[who].leave();
            }
            (Kind::Pass, _) => {
                const TIMES: [u64; 8] = [1, 40, 300, 1000, 2600, 6000, 21_000, 61_000];
                let time = TIMES[usize::from(operation.what) % TIMES.len()];
                sleep(Duration::from_millis(time)).await;
            }
            _ => return,
        }
        if operation.settles {
            self.settle().await;
        }
    }

    /// One of the clients that are held, and are no witnesses.
    fn pick(&self, who: u8) -> Option<usize> {
        let held = self.clients.iter().enumerate();
        let held = held.filter(|(number, it)| it.end.is_none() && !self.is_witness(*number));
        let held: Vec<_> = held.collect();
        let index = usize::from(who).checked_rem(held.len())?;
        held.get(index).map(|(number, _)| *number)
    }

    pub(super) fn is_witness(&self, number: usize) -> bool {
        self.has_witnesses && number < WITNESSES.len()
    }

    pub(super) fn enters(&mut self, client: Client, model: Known, is_roomy: bool) {
        let came = self.witnessed(client.kind).len();
        self.clients.push(client);
        self.known.push(Seen {
            model,
            is_plain: false,
            is_roomy,
            is_grip: false,
            has_gone_link: false,
            gone: 0,
            is_told_all: false,
            told: Vec::new(),
            came,
            held: None,
        });
    }

    pub(super) async fn close(&mut self, who: usize) {
        let id = self.clients[who].id;
        if self.inner.close(id).await {
            let step = self.model.step;
            self.known[who].model.closed_at.get_or_insert(step);
        }
    }

    fn say(&mut self, who: usize, operation: Operation) {
        let client = &mut self.clients[who];
        let content = [b'x'; 2 * LONGEST];
        let length = usize::from(operation.how) * 4;
        if client.kind != ConnectionKind::WebSocket {
            client.say(&content[..length]);
            return;
        }
        let mask = [operation.who, operation.how, 7, 0];
        let short = &content[..length.min(125)];
        match operation.what & 15 {
            0..=5 => client.say_frame(TEXT, &content[..length], mask),
            6..=8 => client.say_frame(BINARY, &content[..length], mask),
            9 => {
                for _ in 0..operation.how {
                    client.say_frame(PING, b"", mask);
                }
            }
            10 => client.say_frame(PING, short, mask),
            11 => client.say_frame(PONG, short, mask),
            12 => client.say_frame(CLOSE, b"\x03\xe8", mask),
            13 => client.say_frame(CLOSE, b"", mask),
            14 => {
                // An unfinished message, or none of a client.
                client.say(&[operation.how, 0x80 | operation.how, 1, 2, 3]);
                self.known[who].is_told_all = false;
            }
            _ => {
                for _ in 0..operation.how {
                    client.say_frame(TEXT, b"", mask);
                }
            }
        }
    }

    /// Lets all that was begun come to its end, and looks at it.
    pub(super) async fn settle(&mut self) {
        loop {
            // Whoever answers this has taken what was sent to it before.
            self.inner.connections().await;
            sleep(Duration::from_millis(1)).await;
            if self.drive() == 0 {
                break;
            }
        }
        self.model.step += 1;
        for known in &mut self.known {
            known.model.settled(self.model.step);
        }
        let before = self.inner.connections().await;
        let channels = self.inner.channels();
        let gauges = self.inner.gauges();
        let listed = self.inner.connections().await;
        let names = |all: &[ConnectionInfo]| {
            let mut names: Vec<_> = all
                .iter()
                .map(|it| (it.id.clone(), it.channels.clone()))
                .collect();
            names.sort();
            names
        };
        if names(&before) == names(&listed) {
            let counted: usize = channels.iter().map(|it| it.subscribers.total()).sum();
            let all: usize = listed.iter().map(|it| it.channels.len()).sum();
            assert_eq!(counted, all, "{channels:?} {listed:?}");
            assert!(channels.iter().all(|it| it.subscribers.total() > 0));
            assert_eq!(gauges.channels, channels.len());
            assert_eq!(gauges.subscriptions.total(), all);
            assert_eq!(gauges.connections.total(), listed.len());
            // A client whose hold has ended is no longer listed, but may have something to read.
            let queued: usize = listed.iter().map(|it| it.queued).sum();
            let changes = before
                .iter()
                .zip(&listed)
                .any(|(one, other)| one.queued != other.queued);
            assert!(
                changes || gauges.queued_bytes >= queued,
                "{gauges:?} {listed:?}"
            );
        }
        self.drive();
        self.look(&listed);
    }

    /// Lets everybody say what is to be said, and read who does. Returns the number of bytes read.
    fn drive(&mut self) -> usize {
        let attended = |client: &mut Client| {
            let most = if client.reads { usize::MAX } else { 0 };
            client.drive(most)
        };
        self.clients.iter_mut().map(attended).sum()
    }
}
