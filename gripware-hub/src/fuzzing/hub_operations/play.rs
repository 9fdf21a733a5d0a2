//! The hub, those around it, and what is looked at after each step.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use gripware_core::{
    Channel, HttpResponse, HttpStream, Item as Published, WsMessage, ws::CloseCode,
};
use tokio::{runtime::Handle, time::sleep};

use super::{
    client::Client,
    model::{CHANNELS, ENDING, ID_MEMORY, Item, Known, MESSAGE_WAIT, Model, To},
    opening::events,
    operation::{Kind, Operation},
    origin::Origin,
    token::{Format, Token},
};
use crate::{
    ConnectionInfo, ConnectionKind, Hub, SlowClients,
    asker::Asker,
    clock,
    fuzzing::frames::{BINARY, CLOSE, PING, PONG, Said, TEXT},
    inner::Inner,
    settings::Settings,
    shard::{Here, Left},
    signature::Signature,
};

/// How many requests the hub has under way at a time.
const MAX_ASKS: usize = 4;
const ORIGIN_TIMEOUT: Duration = Duration::from_secs(20);
const DRAIN: Duration = Duration::from_secs(5);

/// The longest of what is said at once, and how much a queue has at least.
pub(super) const LONGEST: usize = 1200;
const SMALL_QUEUE: usize = 2000;

/// What the end of a hold takes at most: a close frame, which is the longest.
const END_BYTES: usize = 127;

/// How the witnesses are held.
const WITNESSES: [Kind; 2] = [Kind::OpenStream, Kind::OpenWebSocket];

/// When all have gone, nothing may be left after this time: a request that waits for its turn as long
/// as for its answer, five times more, takes less. What the hub does each second costs in all of it.
const AFTERWARDS: Duration = Duration::from_secs(600);

pub(super) struct Play {
    pub(super) inner: Inner,
    here: Here,
    pub(super) origin: Origin,
    pub(super) asker: Option<Asker>,
    pub(super) clients: Vec<Client>,
    pub(super) known: Vec<Seen>,
    pub(super) model: Model,
    /// Whether the first two clients follow every channel from the beginning to the end, and read
    /// at once: a stream and a WebSocket. They see what is handed out, and in which order.
    has_witnesses: bool,
    /// Items that the witnesses have not seen.
    awaited: Vec<usize>,
    ending: u8,
    /// Whether some client may have lost what was for it.
    is_lossy: bool,
}

/// What is known of a client, and of what it has seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) model: Known,
    /// Whether it gets every item of its channels, for as long as it is held.
    pub(super) is_plain: bool,
    /// Whether its wire takes all that there is.
    is_roomy: bool,
    pub(super) is_grip: bool,
    pub(super) has_gone_link: bool,
    /// How often the origin was told that it has gone.
    pub(super) gone: usize,
    /// Whether everything that it says reaches the origin.
    pub(super) is_told_all: bool,
    pub(super) told: Vec<Said>,
    /// How much its witness had seen when it came, and when it was held.
    came: usize,
    held: Option<usize>,
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
        if has(1) {
            settings.slow_clients = SlowClients::Drop;
        }
        if has(2) {
            settings.queue_bytes = SMALL_QUEUE;
            settings.queue_messages = 16;
        }
        let here: Rc<RefCell<Option<Here>>> = Rc::default();
        let inner = Inner::start_with(settings, |index, common, inbox| {
            here.replace(Some(Here::start(index, common, inbox)));
            Ok(())
        });
        let origin = Origin::default();
        let asker = Asker::new(
            origin.clone(),
            Handle::current(),
            Arc::new(Signature::new(None)),
            MAX_ASKS,
            MAX_ASKS,
            ORIGIN_TIMEOUT,
        );
        let mut play = Self {
            inner: inner.unwrap(),
            here: here.take().unwrap(),
            origin,
            asker: Some(asker),
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
                self.clients[who].attend(most);
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

    fn publish(&mut self, operation: Operation) {
        let channel = usize::from(operation.who) % CHANNELS.len();
        let (item, published) = self.item(To::Channel(channel), operation);
        let name = Channel::new(CHANNELS[channel]).unwrap();
        let parts = published.parts().unwrap();
        self.inner.try_publish(&name, parts).expect("room for it");
        let has_formats = !item.formats.is_empty();
        let number = self.model.published(item);
        let is_duplicate = self.model.items[number].is_duplicate;
        if self.has_witnesses && channel != ENDING && has_formats && !is_duplicate {
            self.awaited.push(number);
        }
    }

    async fn publish_to(&mut self, who: usize, operation: Operation) {
        let (item, published) = self.item(To::Client(who), operation);
        self.model.published(item);
        let parts = published.parts().unwrap();
        let id = self.clients[who].id;
        self.inner.publish_to(id, parts).await;
    }

    /// Makes an item. Those that end holds, or have nothing to say, are noted without a format.
    fn item(&mut self, to: To, operation: Operation) -> (Item, Published) {
        let number = self.model.items.len();
        let Operation { what, how, .. } = operation;
        let padding = [0, 20, 300, LONGEST - 10][usize::from(how >> 3 & 3)];
        let text = |format| Token::Item(number, format).text(padding);
        let may_end = to == To::Channel(ENDING);
        let mut published = Published::new();
        let mut formats = Vec::new();
        let bits = if what & 7 == 0 { 7 } else { what & 7 };
        let (mut says, mut is_signal) = (true, false);
        match what >> 3 & 7 {
            5 => {
                is_signal = true;
                published = published
                    .http_stream(HttpStream::hint())
                    .http_response(HttpResponse::hint());
                says = false;
            }
            6 if may_end => {
                published = published
                    .http_stream(HttpStream::close())
                    .ws_message(WsMessage::close(CloseCode::NORMAL, "bye"));
                says = false;
            }
            7 if may_end => {
                published = published.ws_message(WsMessage::refresh());
                says = false;
            }
            _ => {}
        }
        if says {
            if bits & 1 != 0 {
                published = published.http_stream(HttpStream::text(text(Format::Stream)));
                formats.push(Format::Stream);
            }
            if bits & 2 != 0 {
                published = published.http_response(HttpResponse::text(text(Format::Response)));
                formats.push(Format::Response);
            }
            if bits & 4 != 0 {
                published = published.ws_message(WsMessage::text(text(Format::Message)));
                formats.push(Format::Message);
            }
        }
        let (mut id, mut prev_id) = (None, None);
        if let To::Channel(channel) = to
            && !is_signal
        {
            (id, prev_id) = self.ids(channel, how & 7);
        }
        let no_seq = how & 0x80 != 0;
        if let Some(id) = id {
            published = published.id(id.to_string());
        }
        if let Some(prev_id) = prev_id {
            published = published.prev_id(prev_id.to_string());
        }
        if no_seq {
            published = published.no_seq();
        }
        let item = Item {
            step: self.model.step,
            at: clock::now(),
            to,
            id,
            prev_id,
            no_seq,
            is_duplicate: false,
            formats,
        };
        (item, published)
    }

    /// The id of an item and that of the one before it.
    fn ids(&mut self, channel: usize, how: u8) -> (Option<u32>, Option<u32>) {
        let channel = &mut self.model.channels[channel];
        let last = channel.next.saturating_sub(1);
        match how {
            0 => (None, None),
            1 => (None, Some(last)),
            // The same once more.
            6 => (Some(last), last.checked_sub(1)),
            // The one that was left out.
            7 if channel.skipped.is_some() => {
                let id = channel.skipped.take().unwrap_or_default();
                (Some(id), id.checked_sub(1))
            }
            _ => {
                if how == 5 {
                    channel.skipped = Some(channel.next);
                    channel.next += 1;
                }
                let id = channel.next;
                channel.next += 1;
                (Some(id), (how != 2).then(|| id.checked_sub(1)).flatten())
            }
        }
    }

    async fn close(&mut self, who: usize) {
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
            if self.attend() == 0 {
                break;
            }
        }
        self.model.step += 1;
        for known in &mut self.known {
            known.model.settled(self.model.step);
        }
        let before = self.inner.connections().await;
        let channels = self.inner.channels();
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
        }
        self.attend();
        self.look(&listed);
    }

    /// Lets everybody say what is to be said, and read who does. Returns the number of bytes read.
    fn attend(&mut self) -> usize {
        let attended = |client: &mut Client| {
            let most = if client.reads { usize::MAX } else { 0 };
            client.attend(most)
        };
        self.clients.iter_mut().map(attended).sum()
    }

    /// Compares what is there with what is known.
    fn look(&mut self, listed: &[ConnectionInfo]) {
        assert_eq!(self.here.faults(), 0, "a guard has met a panic");
        self.give_up();
        let Self {
            clients,
            known,
            model,
            ..
        } = self;
        for (client, known) in clients.iter().zip(&mut *known) {
            model.check(&mut known.model, &client.tokens, self.has_witnesses);
        }
        let settings = &self.inner.settings;
        for one in listed {
            let client = self
                .clients
                .iter()
                .position(|it| it.id.to_string() == one.id);
            let known = &self.known[client.expect("somebody")];
            for channel in &one.channels {
                let channel = CHANNELS.iter().position(|it| it == channel).unwrap();
                assert!(known.model.follows(channel), "{channel} {known:?}");
            }
            // No item is larger than a queue. Pages and ends are written whatever there is.
            let most = settings.queue_bytes + END_BYTES + page_bytes(&known.model, &self.model);
            assert!(one.queued <= most, "{} bytes for {known:?}", one.queued);
        }
        let metrics = &self.inner.metrics;
        self.is_lossy |= metrics.dropped.value() > 0 || metrics.slow_closed.value() > 0;
        let read: u64 = self.clients.iter().map(|it| it.read).sum();
        assert!(read <= metrics.sent_bytes.value());
        assert!(self.items_read() <= metrics.deliveries.value());
        self.look_at_told();
        if self.has_witnesses {
            assert_eq!(metrics.duplicates.value(), self.model.duplicates);
            self.look_at_witnesses(listed);
        }
    }

    /// How many items have been read.
    fn items_read(&self) -> u64 {
        let tokens = self.clients.iter().flat_map(|it| &it.tokens);
        tokens.filter(|it| matches!(it, Token::Item(..))).count() as u64
    }

    /// What the origin was told of a WebSocket is what its client said, as far as it got.
    fn look_at_told(&self) {
        for (client, known) in self.clients.iter().zip(&self.known) {
            if known.is_told_all {
                let said = client.said.iter().filter(|it| it.opcode != CLOSE);
                let said: Vec<_> = said.take(known.told.len()).collect();
                let told: Vec<_> = known.told.iter().collect();
                assert_eq!(told, said);
            }
            assert!(known.gone <= 1, "told twice that it has gone: {known:?}");
        }
    }

    /// What the witness of a kind has seen, of the channels that do not end it.
    fn witnessed(&self, kind: ConnectionKind) -> Vec<usize> {
        let witness = match kind {
            ConnectionKind::Stream => 0,
            ConnectionKind::WebSocket => 1,
            ConnectionKind::Response => return Vec::new(),
        };
        match self.clients.get(witness) {
            Some(client) if self.has_witnesses => self.seen(client),
            _ => Vec::new(),
        }
    }

    fn seen(&self, client: &Client) -> Vec<usize> {
        let items = client.tokens.iter().filter_map(|it| match it {
            Token::Item(number, _) => Some(*number),
            _ => None,
        });
        let is_plain = |number: &usize| match self.model.items[*number].to {
            To::Channel(channel) => channel != ENDING,
            _ => false,
        };
        items.filter(is_plain).collect()
    }

    fn look_at_witnesses(&mut self, listed: &[ConnectionInfo]) {
        let now = clock::now();
        let both = [ConnectionKind::Stream, ConnectionKind::WebSocket].map(|it| self.witnessed(it));
        let Self { awaited, model, .. } = self;
        awaited.retain(|number| {
            let item = &model.items[*number];
            let is_seen =
                |format, seen: &[usize]| !item.formats.contains(&format) || seen.contains(number);
            let is_there = is_seen(Format::Stream, &both[0]) && is_seen(Format::Message, &both[1]);
            assert!(
                is_there || !model.is_due(*number, now),
                "{number} does not come: {item:?}, {both:?}"
            );
            !is_there
        });
        for (number, client) in self.clients.iter().enumerate().skip(WITNESSES.len()) {
            let known = &self.known[number];
            let witnessed = match client.kind {
                ConnectionKind::Stream => &both[0],
                ConnectionKind::WebSocket => &both[1],
                ConnectionKind::Response => continue,
            };
            if !known.is_plain {
                continue;
            }
            let is_listed = listed.iter().any(|it| it.id == client.id.to_string());
            let is_held = client.end.is_none() && !client.is_over && is_listed;
            let held = *self.known[number].held.get_or_insert(if is_held {
                witnessed.len()
            } else {
                usize::MAX
            });
            let known = &self.known[number];
            let is_for = |number: &&usize| match self.model.items[**number].to {
                To::Channel(channel) => known.model.follows(channel),
                _ => false,
            };
            // What came before it was held it may have got, and from then on it gets everything.
            let early = witnessed.iter().take(held).skip(known.came).filter(is_for);
            let expected: Vec<_> = witnessed.iter().skip(held).filter(is_for).collect();
            let seen = self.seen(client);
            let is_lossy = self.is_lossy && !known.is_roomy;
            if is_held && client.reads && !is_lossy {
                let start = seen.len().checked_sub(expected.len());
                let rest = start.map(|start| &seen[start..]).unwrap_or_default();
                assert!(
                    rest.iter().eq(expected.iter().copied()),
                    "{seen:?} is not {expected:?} for {known:?}"
                );
            }
            let mut all = early.chain(expected.iter().copied());
            for item in &seen {
                assert!(
                    all.any(|it| it == item),
                    "{item} is out of order: {known:?}"
                );
            }
        }
    }

    /// All go, in one of several ways, and nothing is left of them.
    pub(super) async fn ends(mut self) {
        self.model.step += 1;
        self.settle().await;
        let answers = self.ending & 4 != 0;
        match self.ending & 3 {
            0 => {}
            1 => self.drains().await,
            2 => {
                for who in 0..self.clients.len() {
                    self.close(who).await;
                }
                self.has_witnesses = false;
                self.read_to_end().await;
            }
            _ => {
                sleep(Duration::from_secs(120)).await;
                self.settle().await;
            }
        }
        self.has_witnesses = false;
        for client in &mut self.clients {
            client.leave();
        }
        if answers {
            self.answers_all().await;
        }
        sleep(AFTERWARDS).await;
        self.look(&[]);
        assert_eq!(self.here.left(), Left::default());
        assert!(self.inner.channels().is_empty());
        assert_eq!(self.inner.occupied(), 0);
        self.asker = None;
        sleep(Duration::from_secs(1)).await;
        assert!(self.origin.is_alone(), "something is still asked");
    }

    /// The origin answers whatever it is asked, until nobody can ask any more.
    async fn answers_all(&mut self) {
        for _ in 0..60 {
            sleep(Duration::from_secs(10)).await;
            self.give_up();
            while let Some(asked) = self.origin.next(0) {
                self.note(&asked.what);
                asked.answer(Ok(events("")));
            }
        }
    }

    /// The hub ends, and everybody reads.
    async fn drains(&mut self) {
        let is_held = |client: &Client| client.end.is_none() && client.reads;
        let held: Vec<_> = self.clients.iter().map(is_held).collect();
        self.has_witnesses = false;
        {
            let draining = self.inner.drain(DRAIN);
            let clients = &mut self.clients;
            let reading = async {
                loop {
                    sleep(Duration::from_millis(10)).await;
                    for client in clients.iter_mut().filter(|it| it.reads) {
                        client.attend(usize::MAX);
                    }
                }
            };
            tokio::select! {
                _ = draining => {}
                () = reading => {}
            }
        }
        self.read_to_end().await;
        for (number, was_held) in held.into_iter().enumerate() {
            let (client, known) = (&self.clients[number], &self.known[number]);
            if was_held && known.is_plain && !self.is_lossy {
                let is_raw = client.kind == ConnectionKind::Stream && !client.is_over;
                assert!(client.is_over || is_raw, "no end for {client:?}");
                assert!(client.end.is_some() || client.kind == ConnectionKind::WebSocket);
            }
        }
    }

    async fn read_to_end(&mut self) {
        for _ in 0..4 {
            self.settle().await;
            sleep(Duration::from_secs(5)).await;
        }
    }
}

/// How many bytes of pages there may be for a client.
fn page_bytes(known: &Known, model: &Model) -> usize {
    let pages = model.pages.iter().filter(|it| match it.to {
        To::Client(client) => client == known.number,
        _ => known.has_shared_link,
    });
    pages.count() * (LONGEST + 20)
}
