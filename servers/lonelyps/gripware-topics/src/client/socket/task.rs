//! The task that keeps the connection.

use std::{collections::VecDeque, error::Error, future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    future::{BoxFuture, join_all},
    stream::FuturesUnordered,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, interval_at, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Command, Dial, Job, Keys, What,
    dial::{WebSocket, content},
    publish::Prepared,
    session::{Heard, Received, Session},
};
use crate::{
    Topic,
    client::{ClientError, beside::Work, clock::now, registry::Registry, send::backoff},
};

/// How often it is looked whether anything was heard. A connection that says nothing is asked, and one
/// that does not answer until the next look is lost.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// A connection that was kept for less is made anew only after a pause, as one that was not made.
const SETTLED: Duration = Duration::from_secs(10);

/// The shortest time between two rounds, of which a command that comes may begin one.
const PAUSE: Duration = Duration::from_secs(1);

type Failure = Box<dyn Error + Send + Sync>;

/// A delivery that the client works on: its number, and what [`Registry::hand_out`] returns.
type Delivery = BoxFuture<'static, (u64, Option<bool>)>;

pub(super) struct Task {
    dial: Dial,
    keys: Keys,
    registry: Arc<Registry>,
    commands: mpsc::Receiver<Command>,
    /// Commands that are done before those that come.
    stalled: VecDeque<Command>,
    /// Whether there was a connection before.
    is_again: bool,
}

/// Why a connection ended.
enum End {
    /// Nobody has the client any more.
    Dropped,
    Lost(Failure),
}

impl Task {
    pub(super) fn new(
        dial: Dial,
        keys: Keys,
        registry: Arc<Registry>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            dial,
            keys,
            registry,
            commands,
            stalled: VecDeque::new(),
            is_again: false,
        }
    }

    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let failure = match self.connect().await {
                Ok((session, socket)) => match self.keep(session, socket).await {
                    End::Dropped => return,
                    End::Lost(_) if began.elapsed() >= SETTLED => None,
                    End::Lost(failure) => Some(failure),
                },
                Err(failure) => Some(failure),
            };
            failures = failure.as_ref().map_or(0, |_| failures + 1);
            if let Some(failure) = failure.filter(|_| failures >= self.dial.retries.rounds) {
                self.fail(&failure);
            }
            if !self.pause(failures).await {
                return;
            }
        }
    }

    /// Waits before the next round, or less where there is something to do. Returns `false` if nobody
    /// has the client any more.
    async fn pause(&mut self, failures: u32) -> bool {
        let wait = backoff(failures);
        sleep(PAUSE.min(wait)).await;
        if !self.stalled.is_empty() {
            return true;
        }
        match timeout(wait.saturating_sub(PAUSE), self.commands.recv()).await {
            Ok(Some(command)) => self.stalled.push_back(command),
            Ok(None) => return false,
            Err(_) => (),
        }
        true
    }

    /// Tells all who wait that nobody can be reached.
    fn fail(&mut self, failure: &Failure) {
        let waiting = std::iter::from_fn(|| self.commands.try_recv().ok());
        for command in self.stalled.drain(..).chain(waiting) {
            command.fail(failure.to_string().into());
        }
    }

    /// Tries one broadcaster after the other.
    async fn connect(&mut self) -> Result<(Session, WebSocket), Failure> {
        let broadcasters = self.dial.broadcasters.clone();
        let mut failed = Failure::from("there is no broadcaster");
        for broadcaster in broadcasters.in_turn() {
            match timeout(self.dial.opening, self.dial.open(&self.keys, broadcaster)).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => failed = error,
                Err(late) => failed = late.into(),
            }
        }
        Err(failed)
    }

    /// Uses a connection until it is lost.
    async fn keep(&mut self, mut session: Session, socket: WebSocket) -> End {
        let (mut sink, mut stream) = socket.split();
        let mut restored = match self.restore(&mut session) {
            Ok(restored) => restored,
            Err(failure) => return End::Lost(failure),
        };
        let mut handed = FuturesUnordered::<Delivery>::new();
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        let (mut is_heard, mut is_asked, mut is_unflushed) = (true, false, false);
        // Of the first command that waits, and of the last message that came.
        let (mut preparing, mut joining) = (None, None);
        let failure = loop {
            if let Err(failure) = self.start_stalled(&mut session, &mut preparing) {
                break failure;
            }
            let has_outgoing = session.has_outgoing();
            tokio::select! {
                // Parts are joined in their order.
                heard = stream.next(), if joining.is_none() => {
                    (is_heard, is_asked) = (true, false);
                    let heard = match heard {
                        Some(Ok(message)) => hear(&mut session, message),
                        Some(Err(error)) => Err(error.into()),
                        None => Err("the connection has ended".into()),
                    };
                    match heard {
                        Ok(Heard::Done(received)) => handed.extend(self.take(received)),
                        Ok(Heard::Part(part)) => {
                            joining = Some(Work::begin(part.length, || part.run()));
                        }
                        Err(failure) => break failure,
                    }
                }
                whole = Work::finish(&mut joining), if joining.is_some() => {
                    let whole = whole.map_err(Failure::from);
                    match whole.and_then(|whole| Ok(session.joined(whole, now())?)) {
                        Ok(received) => handed.extend(self.take(received)),
                        Err(failure) => break failure,
                    }
                }
                prepared = Work::finish(&mut preparing),
                    if matches!(preparing, Some(Work::UnderWay(_))) =>
                {
                    match prepared {
                        Ok(prepared) => preparing = Some(Work::Done(prepared)),
                        Err(error) => break error.into(),
                    }
                }
                written = poll_fn(|cx| match has_outgoing {
                    true => sink.poll_ready_unpin(cx),
                    false => sink.poll_flush_unpin(cx),
                }), if has_outgoing || is_unflushed => {
                    let next = if has_outgoing { session.pop() } else { None };
                    is_unflushed = next.is_some();
                    let next = next.map(|message| sink.start_send_unpin(Message::Binary(message)));
                    if let Err(error) = written.and(next.unwrap_or(Ok(()))) {
                        break error.into();
                    }
                }
                Some((number, worked_on)) = handed.next() => {
                    if let Err(failure) = self.confirm(&mut session, number, worked_on) {
                        break failure;
                    }
                }
                () = &mut restored => {
                    restored = std::future::pending().boxed();
                    self.registry.note_missed(None);
                }
                command = self.commands.recv(), if self.stalled.is_empty() => match command {
                    Some(command) => self.stalled.push_back(command),
                    None => {
                        let _ = timeout(PAUSE, sink.send(Message::Close(None))).await;
                        return End::Dropped;
                    }
                },
                _ = heartbeat.tick() => {
                    // What came is not all heard yet.
                    is_heard |= joining.is_some();
                    if !is_heard && is_asked {
                        break "nothing is heard any more".into();
                    }
                    if !is_heard {
                        is_asked = true;
                        // Where nothing can be written it is not waited for.
                        let ping = sink.feed(Message::Ping(Bytes::new()));
                        if let Some(Err(error)) = ping.now_or_never() {
                            break error.into();
                        }
                        is_unflushed = true;
                    }
                    is_heard = false;
                }
            }
        };
        self.is_again = true;
        self.lose(session, &failure);
        End::Lost(failure)
    }

    /// Subscribes to what this end is subscribed to. What is returned is ready when the broadcaster
    /// has confirmed it; never for the first connection, before which nothing was missed.
    fn restore(&self, session: &mut Session) -> Result<BoxFuture<'static, ()>, Failure> {
        let mut confirmed = Vec::new();
        let list = self.registry.list(None);
        for (pattern, _) in list.iter() {
            let (done, outcome) = oneshot::channel();
            session.subscribe(pattern, Some(done), now())?;
            confirmed.push(outcome);
        }
        Ok(match self.is_again {
            true => join_all(confirmed).map(drop).boxed(),
            false => std::future::pending().boxed(),
        })
    }

    /// Begins what waits, as far as there is room. `preparing` is of the first command.
    fn start_stalled(
        &mut self,
        session: &mut Session,
        preparing: &mut Option<Work<Prepared>>,
    ) -> Result<(), Failure> {
        while let Some(command) = self.stalled.pop_front() {
            if command.is_abandoned() {
                *preparing = None;
                continue;
            }
            let mut prepared = None;
            if let What::Notify(Job { data, .. }) = &command.what {
                let begin = || Work::begin(data.len(), session.prepare(data));
                match session
                    .has_room(data.len())
                    .then(|| preparing.take().unwrap_or_else(begin))
                {
                    Some(Work::Done(done)) => prepared = Some(done),
                    waiting => {
                        *preparing = waiting;
                        self.stalled.push_front(command);
                        break;
                    }
                }
            }
            match (command.begin(), prepared) {
                (Some(What::Subscribe(pattern, done)), _) => {
                    session.subscribe(pattern, Some(done), now())?;
                }
                (Some(What::Unsubscribe(pattern, done)), _) => {
                    session.unsubscribe(pattern, Some(done), now())?;
                }
                (Some(What::Notify(job)), Some(prepared)) => {
                    session.publish(job, prepared, now())?;
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// Takes what has come for the client. Returns what it is to work on.
    fn take(&self, received: Option<Received>) -> Option<Delivery> {
        match received? {
            Received::Message(number, topic, data) => {
                Some(hand_out(Arc::clone(&self.registry), number, topic, data).boxed())
            }
            Received::Missed(topic) => {
                self.registry.note_missed(Some(&topic));
                None
            }
        }
    }

    fn confirm(
        &self,
        session: &mut Session,
        number: u64,
        worked_on: Option<bool>,
    ) -> Result<(), Failure> {
        session.confirm(number, u32::from(worked_on == Some(true)), now())?;
        // Of a subscription whose confirmation came too late, or that has ended meanwhile.
        if worked_on.is_none() {
            session.retain(|pattern| self.registry.has(pattern), now())?;
        }
        Ok(())
    }

    /// Keeps what the next connection is to do, and tells the others.
    fn lose(&mut self, session: Session, failure: &Failure) {
        let (changes, jobs) = session.end();
        // What is subscribed to is subscribed to again by itself, and has to be confirmed.
        let changes =
            changes
                .into_iter()
                .map(|(pattern, done)| match self.registry.has(&pattern) {
                    true => What::Subscribe(pattern, done),
                    false => What::Unsubscribe(pattern, done),
                });
        let mut again: VecDeque<_> = changes.map(Command::again).collect();
        for job in jobs {
            match self.dial.retries.ambiguous {
                true => again.push_back(Command::again(What::Notify(job))),
                false => fail(job, failure),
            }
        }
        again.append(&mut self.stalled);
        self.stalled = again;
    }
}

/// Takes a message of the broadcaster.
fn hear(session: &mut Session, message: Message) -> Result<Heard, Failure> {
    match content(message)? {
        Some(content) => Ok(session.receive(content, now())?),
        None => Ok(Heard::Done(None)),
    }
}

fn fail(job: Job, failure: &Failure) {
    let error = ClientError::Ambiguous(failure.to_string().into());
    // Who has stopped waiting does not want to know.
    let _ = job.done.send(Err(error));
}

async fn hand_out(
    registry: Arc<Registry>,
    number: u64,
    topic: Topic,
    data: Bytes,
) -> (u64, Option<bool>) {
    (number, registry.hand_out(&topic, &data).await)
}

#[cfg(test)]
mod tests;
