//! The threads that hold connections.
//!
//! A shard is a thread with a runtime of its own. What belongs to it (connections, their
//! subscriptions, timers) is touched by no other thread, and so needs no lock: others send it
//! messages.
//!
//! A panic, which is a fault of the hub, costs the connection that it was about and no other; see
//! `isolate`.

mod admit;
mod apply;
mod ask;
mod batch;
mod connection;
mod deliver;
mod drive;
mod end;
mod fan_out;
mod fetch;
#[cfg(any(test, fuzzing))]
mod here;
mod inbox;
mod isolate;
#[cfg(any(test, feature = "relay"))]
mod loss;
mod origin_socket;
mod outbox;
mod pressure;
mod shared;
mod subscribe;
mod sweep;
#[cfg(test)]
mod tests;
mod timers;
mod write;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::pending,
    io,
    ops::ControlFlow,
    pin::pin,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use slab::Slab;
use tokio::{
    runtime::{Builder, Handle, LocalOptions},
    sync::{Notify, mpsc, oneshot},
    task::{spawn_local, yield_now},
    time::{sleep, sleep_until},
};

#[cfg(any(test, fuzzing))]
pub(crate) use self::here::{Here, Left};
pub(crate) use self::shared::{Message, Shared};
use self::{
    connection::Connection,
    fetch::Fetches,
    inbox::{portion, receive},
    isolate::isolated,
    subscribe::Followers,
    timers::Timers,
};
use crate::{
    channels::encoded_item::EncodedItem,
    connection_id::Id,
    inspect::ConnectionInfo,
    page::{Seniority, first_behind},
    session::Input,
};

/// How much is read from a connection at once.
const READ_BUFFER: usize = 64 * 1024;

/// How often items that wait for an earlier one are looked at.
const EXPIRE_EVERY: Duration = Duration::from_millis(100);

/// Starts the thread of a shard. Returns its runtime, on which others may spawn tasks.
pub(crate) fn start(
    index: usize,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Message>,
) -> io::Result<Handle> {
    let (started, has_started) = std::sync::mpsc::channel();
    thread::Builder::new()
        .name(format!("gripware-hub-{index}"))
        .spawn(move || {
            // It does not leave its thread.
            let built = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            let runtime = match built {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let _ = started.send(Ok(runtime.handle().clone()));
            let shard = Rc::new(Shard::new(index, shared));
            // As a task: whatever wakes the outermost future of a runtime writes to a descriptor.
            let _ = runtime.block_on(runtime.spawn_local(shard.run(inbox)));
        })?;
    let ended = |_| io::Error::other("the thread of a shard has ended");
    has_started.recv().map_err(ended)?
}

/// The state of a shard.
#[derive(Debug)]
struct Shard {
    index: usize,
    shared: Arc<Shared>,
    connections: RefCell<Slab<Rc<Connection>>>,
    by_id: RefCell<HashMap<Id, Rc<Connection>>>,
    followers: RefCell<Followers>,
    timers: RefCell<Timers>,
    /// Told where an earlier timer is put in than all others.
    timer_changed: Notify,
    generation: Cell<u32>,
    /// Connections with something to write.
    unwritten: RefCell<Vec<Rc<Connection>>>,
    fetches: RefCell<Fetches>,
    read_buffer: RefCell<Box<[u8]>>,
    expires: Cell<bool>,
    /// Whether messages of the inbox are dealt with at the moment.
    is_in_turn: Cell<bool>,
    #[cfg(any(test, feature = "relay"))]
    recovery: Cell<loss::Recovery>,
    is_draining: Cell<bool>,
    /// How many origins are being told that a client has gone.
    telling: Cell<usize>,
    /// Told when a connection or such a request ends, and when a connection comes meanwhile.
    drain_change: Notify,
    /// How many connections have much to read.
    pressed: Cell<usize>,
    /// Told where there is one less.
    relief: Notify,
}

impl Shard {
    fn new(index: usize, shared: Arc<Shared>) -> Self {
        Self {
            index,
            shared,
            connections: RefCell::default(),
            by_id: RefCell::default(),
            followers: RefCell::default(),
            timers: RefCell::default(),
            timer_changed: Notify::new(),
            generation: Cell::new(0),
            unwritten: RefCell::default(),
            fetches: RefCell::default(),
            read_buffer: RefCell::new(vec![0; READ_BUFFER].into()),
            expires: Cell::new(false),
            is_in_turn: Cell::new(false),
            #[cfg(any(test, feature = "relay"))]
            recovery: Cell::default(),
            is_draining: Cell::new(false),
            telling: Cell::new(0),
            drain_change: Notify::new(),
            pressed: Cell::new(0),
            relief: Notify::new(),
        }
    }

    async fn run(self: Rc<Self>, mut inbox: mpsc::UnboundedReceiver<Message>) {
        self.sweep_now_and_then();
        let mut batch = Vec::new();
        loop {
            let next = self.timers.borrow().next();
            let timer = async {
                match next {
                    Some(time) => sleep_until(time.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                count = receive(&mut inbox, &mut batch) => {
                    if count == 0 || self.handle_messages(&mut batch).is_break() {
                        return;
                    }
                }
                () = timer => {}
                () = self.timer_changed.notified() => {}
            }
            self.fire_timers();
            self.write_all();
            // Those who read and write run in between.
            yield_now().await;
            self.relieved().await;
        }
    }

    /// Deals with a portion of what has come; items of one channel in a row at once.
    fn handle_messages(self: &Rc<Self>, batch: &mut Vec<Message>) -> ControlFlow<()> {
        let mut run: Vec<Arc<EncodedItem>> = Vec::new();
        // What the items occupy is given back when all of them are written, or wait for clients.
        let mut permits = Vec::new();
        for message in batch.drain(..portion(batch, &self.shared.settings)) {
            let next = match &message {
                Message::Publish { item, .. } => Some(&item.channel),
                _ => None,
            };
            if run.last().is_some_and(|last| next != Some(&last.channel)) {
                isolated(|| self.fan_out(&run));
                run.clear();
            }
            match message {
                Message::Publish { item, permit } => {
                    run.push(item);
                    permits.extend(permit);
                }
                Message::Stop => return ControlFlow::Break(()),
                message => {
                    self.is_in_turn.set(true);
                    isolated(|| self.handle_message(message));
                    self.is_in_turn.set(false);
                }
            }
        }
        isolated(|| self.fan_out(&run));
        self.write_all();
        ControlFlow::Continue(())
    }

    fn handle_message(self: &Rc<Self>, message: Message) {
        match message {
            Message::Hold(held) => self.admit(*held),
            Message::PublishTo { id, item, reached } => {
                let connection = self.by_id.borrow().get(&id).cloned();
                let is_reached = connection.is_some_and(|it| self.hand_over(&it, &item));
                let _ = reached.send(is_reached);
            }
            Message::Refresh { ids, permit } => {
                self.refresh(&ids);
                drop(permit);
            }
            Message::List {
                channel,
                after,
                limit,
                list,
            } => {
                let _ = list.send(self.list(channel.as_deref(), after, limit));
            }
            Message::Close { id, found } => {
                let connection = self.by_id.borrow().get(&id).cloned();
                let _ = found.send(connection.is_some());
                if let Some(connection) = connection {
                    self.finish(&connection);
                }
            }
            Message::Recover => self.recover_all(),
            #[cfg(any(test, feature = "relay"))]
            Message::Lost => self.recover_by_and_by(),
            Message::Waits => self.expire_by_and_by(),
            Message::Mark(mark) => self.reach(&mark),
            Message::Drain(done) => self.drain(done),
            Message::Publish { .. } | Message::Stop => {}
        }
    }

    /// The first clients behind a place, of all or of a channel.
    fn list(
        &self,
        channel: Option<&str>,
        after: Option<Seniority>,
        limit: usize,
    ) -> Vec<(Seniority, ConnectionInfo)> {
        let by_id = self.by_id.borrow();
        let first = match channel {
            None => {
                let all = by_id.values().map(|it| (it.seniority(), Rc::clone(it)));
                first_behind(all, after.as_ref(), limit)
            }
            Some(channel) => {
                let (followers, connections) = (self.followers.borrow(), self.connections.borrow());
                let all = followers.of(channel).iter();
                let all = all.filter_map(|it| connections.get(it.key as usize));
                // Those that are only written what is left are not listed.
                let all = all.filter(|it| by_id.contains_key(&it.id));
                let all = all.map(|it| (it.seniority(), Rc::clone(it)));
                first_behind(all, after.as_ref(), limit)
            }
        };
        let first = first.into_iter();
        first.map(|(place, it)| (place, it.info())).collect()
    }

    /// Asks for what every HTTP hold may have missed.
    fn recover_all(self: &Rc<Self>) {
        let all: Vec<_> = self.by_id.borrow().values().cloned().collect();
        for connection in all {
            self.isolate(&connection, || self.input(&connection, Input::Recover));
        }
    }

    fn expire_by_and_by(self: &Rc<Self>) {
        if self.expires.replace(true) {
            return;
        }
        let shard = Rc::clone(self);
        spawn_local(async move {
            loop {
                sleep(EXPIRE_EVERY).await;
                let shared = &shard.shared;
                let expired = shared
                    .registry
                    .expire(|shards, item| shared.deliver(shards, &item, None));
                shared.metrics.gaps.add(expired.gaps);
                if !expired.more_wait {
                    shard.expires.set(false);
                    return;
                }
            }
        });
    }

    /// Ends every hold, and says so when the last client has been told.
    fn drain(self: &Rc<Self>, mut done: oneshot::Sender<()>) {
        self.is_draining.set(true);
        let all: Vec<_> = self.by_id.borrow().values().cloned().collect();
        for connection in all {
            self.isolate(&connection, || self.finish(&connection));
        }
        let shard = Rc::clone(self);
        spawn_local(async move {
            tokio::select! {
                () = shard.drained() => {}
                // Whoever waits knows for how long.
                () = done.closed() => return,
            }
            let _ = done.send(());
        });
    }

    /// Waits until [`is_done`](Self::is_done). Clients get a part of the time to take their end.
    async fn drained(self: &Rc<Self>) {
        let mut patience = pin!(sleep(self.shared.settings.drain * 3 / 5));
        let mut is_late = false;
        loop {
            // Before the look, so that nothing changes unseen.
            let change = self.drain_change.notified();
            if self.is_done() {
                return;
            }
            tokio::select! {
                () = change => {}
                () = &mut patience, if !is_late => is_late = true,
            }
            if is_late {
                self.lose_all();
            }
        }
    }

    /// Whether nobody is held, and the origin knows of everybody who has gone.
    fn is_done(&self) -> bool {
        self.connections.borrow().is_empty() && self.telling.get() == 0
    }

    /// Clients that have not taken their end count as gone, so that there is time to tell the
    /// origin.
    fn lose_all(self: &Rc<Self>) {
        let all: Vec<_> = self.by_id.borrow().values().cloned().collect();
        for connection in all {
            self.isolate(&connection, || self.lost(&connection));
        }
    }
}
