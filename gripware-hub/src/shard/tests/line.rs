//! A shard in the test's own thread, with clients on pipes and an origin that the test plays.

use std::{
    collections::VecDeque,
    future::Future,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gripware_core::{Channel, HoldMode, Item, proxy::Instruction};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    sync::{Semaphore, oneshot},
    task::{LocalSet, spawn_local, yield_now},
    time::timeout,
};

use super::super::{Message, Shard, Shared, connection::Connection};
use crate::{
    Hub,
    channels::{encoded_item::EncodedItem, registry::Registry},
    connection_id::Id,
    handoff::{ClientConn, Framing, HeldClient, HoldKind, OriginConn, Reply, ResumeHttp},
    http::replay_request::ReplayRequest,
    origin::{OriginClient, OriginError},
    settings::Settings,
    signature::Signature,
    socket::DetachedSocket,
    threads::Threads,
    ws::{Accepted, ConnectionMeta, Opening, judge},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the origin answers, in turn, once it may.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    asked: Mutex<Vec<String>>,
    bodies: Mutex<Vec<Bytes>>,
    count: AtomicUsize,
}

#[derive(Clone)]
struct Played {
    script: Arc<Script>,
    may_answer: Arc<Semaphore>,
}

impl Played {
    async fn answer(self, request: Request<Bytes>) -> Result<Response<Bytes>, OriginError> {
        let last = request.headers().get("grip-last");
        let last = last.map_or("", |it| it.to_str().unwrap());
        let line = format!("{} {} {last}", request.method(), request.uri().path());
        self.script
            .asked
            .lock()
            .unwrap()
            .push(line.trim_ascii().to_owned());
        self.script
            .bodies
            .lock()
            .unwrap()
            .push(request.body().clone());
        self.script.count.fetch_add(1, Ordering::SeqCst);
        self.may_answer.acquire().await.unwrap().forget();
        let answer = self.script.answers.lock().unwrap().pop_front();
        answer.ok_or(OriginError::Ended)
    }
}

/// A shard under test.
pub(super) struct TestShard {
    pub(super) shard: Rc<Shard>,
    pub(super) shared: Arc<Shared>,
    origin_client: OriginClient,
    script: Arc<Script>,
    may_answer: Arc<Semaphore>,
}

/// A client on a pipe.
pub(super) struct Client {
    pub(super) pipe: DuplexStream,
    pub(super) id: Id,
}

impl TestShard {
    /// Plays with a shard.
    pub(super) fn play<F: Future>(play: impl FnOnce(Self) -> F) -> F::Output {
        Self::with(|_| {}, play)
    }

    pub(super) fn with<F: Future>(
        set: impl FnOnce(&mut Settings),
        play: impl FnOnce(Self) -> F,
    ) -> F::Output {
        Self::on(false, set, play)
    }

    /// Plays on a clock that stands still while anybody has something to do. WebSocket clients are
    /// not pinged.
    pub(super) fn paused<F: Future>(play: impl FnOnce(Self) -> F) -> F::Output {
        Self::on(true, |it| it.ping_interval = Duration::ZERO, play)
    }

    /// The same with pings.
    pub(super) fn pinging<F: Future>(play: impl FnOnce(Self) -> F) -> F::Output {
        Self::on(true, |_| {}, play)
    }

    fn on<F: Future>(
        is_paused: bool,
        set: impl FnOnce(&mut Settings),
        play: impl FnOnce(Self) -> F,
    ) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(is_paused)
            .build()
            .unwrap();
        let mut settings = Hub::builder().into_settings();
        settings.shards = 1;
        set(&mut settings);
        LocalSet::new().block_on(&runtime, async {
            let registry = Registry::new(settings.message_wait, settings.id_memory);
            let (shared, inboxes) = Shared::new(settings, registry);
            let shared = Arc::new(shared);
            let shard = Rc::new(Shard::new(0, Arc::clone(&shared)));
            for inbox in inboxes {
                spawn_local(Rc::clone(&shard).run(inbox));
            }
            let script = Arc::new(Script::default());
            let may_answer = Arc::new(Semaphore::new(0));
            let played = Played {
                script: Arc::clone(&script),
                may_answer: Arc::clone(&may_answer),
            };
            let origin_client = OriginClient::with(
                Threads::of_caller(),
                move |request, _| played.clone().answer(request),
                Arc::new(Signature::new(None)),
                1000,
                1000,
                Duration::from_secs(60),
            );
            let origin_client = origin_client.with_turns_here();
            play(Self {
                shard,
                shared,
                origin_client,
                script,
                may_answer,
            })
            .await
        })
    }

    /// Holds a stream whose client takes so many bytes without reading.
    pub(super) async fn stream(&self, answer: Response<Bytes>, takes: usize) -> Client {
        let client = self.begin_stream(&answer, takes);
        self.is_held(client.id).await;
        client
    }

    /// The same without waiting until it is held.
    pub(super) fn begin_stream(&self, answer: &Response<Bytes>, takes: usize) -> Client {
        let (socket, pipe) = duplex(takes);
        let id = Id::random();
        let kind = HoldKind::Stream {
            instruction: Instruction::read(answer).unwrap().unwrap(),
            head: Bytes::new(),
            framing: Framing::Raw,
        };
        let socket = DetachedSocket::Other(Box::new(socket));
        self.hold(id, kind, Some(conn(socket, None)));
        Client { pipe, id }
    }

    /// Holds a request until there is an answer.
    pub(super) async fn response(
        &self,
        answer: Response<Bytes>,
    ) -> oneshot::Receiver<Response<Bytes>> {
        let (sender, receiver) = oneshot::channel();
        let kind = HoldKind::Response {
            instruction: Instruction::read(&answer).unwrap().unwrap(),
            reply: Reply::Channel(sender),
        };
        let id = Id::random();
        self.hold(id, kind, None);
        self.is_held(id).await;
        receiver
    }

    /// Holds a WebSocket, for which the origin answers `OPEN` and these events.
    pub(super) async fn websocket(&self, events: &str, socket: DetachedSocket) -> Id {
        let response = Response::builder()
            .header("content-type", "application/websocket-events")
            .header("sec-websocket-extensions", "grip")
            .body(Bytes::from(format!("OPEN\r\n{events}")))
            .unwrap();
        let settings = &self.shared.ws_settings;
        let opening = judge(
            response,
            &HeaderMap::new(),
            ConnectionMeta::default(),
            settings,
        );
        let Opening::Accepted(accepted) = opening else {
            panic!("{opening:?}");
        };
        let id = Id::random();
        let kind = HoldKind::WebSocket {
            accepted,
            head: Bytes::new(),
            origin: None,
        };
        self.hold(id, kind, Some(conn(socket, None)));
        self.is_held(id).await;
        id
    }

    pub(super) async fn websocket_in_pipe(&self, events: &str, takes: usize) -> Client {
        let (socket, pipe) = duplex(takes);
        let id = self
            .websocket(events, DetachedSocket::Other(Box::new(socket)))
            .await;
        Client { pipe, id }
    }

    /// Holds a WebSocket whose origin speaks GRIP on one of its own. Returns the client's and the
    /// origin's ends of the two pipes.
    pub(super) async fn native(&self, takes: usize) -> (Client, DuplexStream) {
        let (socket, pipe) = duplex(takes);
        let (near, origin) = duplex(takes);
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-extensions", HeaderValue::from_static("grip"));
        let kind = HoldKind::WebSocket {
            accepted: Box::new(Accepted::natively(headers)),
            head: Bytes::new(),
            origin: Some(OriginConn(Box::new(near))),
        };
        let id = Id::random();
        let socket = DetachedSocket::Other(Box::new(socket));
        self.hold(id, kind, Some(conn(socket, None)));
        self.is_held(id).await;
        (Client { pipe, id }, origin)
    }

    /// Holds a request on a connection that may be used again.
    pub(super) async fn kept_alive(
        &self,
        answer: &Response<Bytes>,
        socket: DetachedSocket,
        resume_http: Arc<dyn ResumeHttp>,
    ) -> Id {
        let instruction = Instruction::read(answer).unwrap().unwrap();
        let kind = match instruction.mode() {
            Some(HoldMode::Response) => HoldKind::Response {
                instruction,
                reply: Reply::Http1 {
                    version: Version::HTTP_11,
                    is_head: false,
                },
            },
            _ => HoldKind::Stream {
                instruction,
                head: Bytes::new(),
                framing: Framing::Chunked,
            },
        };
        let id = Id::random();
        self.hold(id, kind, Some(conn(socket, Some(resume_http))));
        self.is_held(id).await;
        id
    }

    pub(super) fn connection(&self, id: Id) -> Rc<Connection> {
        let connection = self.shard.by_id.borrow().get(&id).cloned();
        connection.expect("it is held")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shard.connections.borrow().is_empty()
    }

    /// The bodies that the origin got since the last time.
    pub(super) fn bodies(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.script.bodies.lock().unwrap())
    }

    pub(super) fn asks(&self) -> usize {
        self.script.count.load(Ordering::SeqCst)
    }

    /// How many answers the origin has not given yet.
    pub(super) fn answers_left(&self) -> usize {
        self.script.answers.lock().unwrap().len()
    }

    fn hold(&self, id: Id, kind: HoldKind, conn: Option<ClientConn>) {
        let request = Request::get("http://app.example/path").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        self.sends(Message::Hold(Box::new(HeldClient {
            id,
            peer: None,
            since: crate::clock::now(),
            request: ReplayRequest::new(&parts, Bytes::new()),
            origin_client: self.origin_client.clone(),
            kind,
            conn,
            arrival: None,
        })));
    }

    async fn is_held(&self, id: Id) {
        self.until(|line| line.shard.by_id.borrow().contains_key(&id))
            .await;
    }

    pub(super) fn sends(&self, message: Message) {
        assert!(self.shared.send(0, message));
    }

    pub(super) fn publish(&self, channel: &str, item: impl Into<Item>) {
        let item = item.into();
        let channel = Channel::new(channel).unwrap();
        let item = EncodedItem::new(channel.name().into(), item.parts().unwrap());
        let published = self
            .shared
            .registry
            .publish(Arc::new(item), |shards, item| {
                self.shared.deliver(shards, &item, None);
            });
        if published.waits {
            self.sends(Message::Waits);
        }
    }

    pub(super) async fn publish_to(&self, id: Id, item: impl Into<Item>) -> bool {
        let item = item.into();
        let item = Arc::new(EncodedItem::new("".into(), item.parts().unwrap()));
        let (reached, answer) = oneshot::channel();
        self.sends(Message::PublishTo { id, item, reached });
        answer.await.unwrap()
    }

    /// Lets the origin answer the request that is under way, or the next one.
    pub(super) fn answer(&self, answer: Response<Bytes>) {
        self.script.answers.lock().unwrap().push_back(answer);
        self.may_answer.add_permits(1);
    }

    /// Lets the origin answer these, and not what it was to answer before.
    pub(super) fn answers_instead(&self, answers: &[Response<Bytes>]) {
        self.may_answer.forget_permits(Semaphore::MAX_PERMITS);
        self.script.answers.lock().unwrap().clear();
        for answer in answers {
            self.answer(answer.clone());
        }
    }

    /// Waits until the origin was asked so often, and gives what it was asked.
    pub(super) async fn asked(&self, count: usize) -> Vec<String> {
        self.until(|line| line.script.count.load(Ordering::SeqCst) >= count)
            .await;
        self.settled().await;
        self.script.asked.lock().unwrap().clone()
    }

    /// Lets everything happen that happens without time passing.
    pub(super) async fn settled(&self) {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    pub(super) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let so = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, so).await.expect("it does not become so");
    }

    pub(super) fn subscribers(&self) -> usize {
        self.shared.metrics.subscriptions.values().total()
    }
}

impl Client {
    /// Reads until this has come.
    pub(super) async fn reads(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let byte = timeout(PATIENCE, self.pipe.read_u8()).await;
            let byte = byte.unwrap_or_else(|_| panic!("only {:?}", String::from_utf8_lossy(&read)));
            read.push(byte.unwrap());
        }
        String::from_utf8(read).unwrap()
    }

    pub(super) async fn reads_to_end(&mut self) -> String {
        let mut read = Vec::new();
        let end = self.pipe.read_to_end(&mut read);
        timeout(PATIENCE, end).await.expect("an end").unwrap();
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// An answer of the origin with these headers, a line each.
pub(super) fn answer(headers: &str, body: &'static str) -> Response<Bytes> {
    let mut response = Response::builder();
    for line in headers.lines().filter(|line| !line.trim_ascii().is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        response = response.header(name.trim_ascii(), value.trim_ascii());
    }
    response.body(Bytes::from(body)).unwrap()
}

fn conn(socket: DetachedSocket, resume_http: Option<Arc<dyn ResumeHttp>>) -> ClientConn {
    ClientConn {
        socket,
        unread: Bytes::new(),
        resume_http,
    }
}
