mod expect;

use std::fmt;

use bytes::Bytes;
use gripware_core::{
    Channel,
    ws::{Close, ControlMessage, Event},
};

use crate::{
    Proxy,
    request::Outgoing,
    state::{self, Client, Context, Id, Line},
    transcript::{Transcript, fail},
};

/// A client's WebSocket, which travels to the origin over HTTP.
///
/// What the client sends is told to the origin at once, and the answer obeyed as a proxy does: what
/// it could not obey fails the test, with the transcript of the whole conversation. What the client
/// gets, from the origin or from what is published, waits until it is read.
///
/// When it is dropped the client is gone, without a word to the origin.
///
/// ```
/// use axum::{Router, routing::any};
/// use gripware_axum::{GripLayer, WebSocketContext, WebSocketRejection};
/// use gripware_test::Proxy;
///
/// async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
///     ws.accept();
///     while let Some(message) = ws.receive()? {
///         ws.send(message)?;
///     }
///     Ok(ws)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = |grip: &_| Router::new().route("/echo", any(echo)).layer(GripLayer::new(grip));
/// let proxy = Proxy::new(app);
/// let mut ws = proxy.open("/echo").await.accepted();
/// ws.text("hi").await;
/// ws.expect_text("hi");
/// ws.ping("?").await;
/// ws.expect_pong("?");
/// ws.close(4001, "bye").await;
/// ws.expect_close(4001, "bye");
///
/// // Events of somebody else are not believed.
/// proxy.get("/echo").forged().open().await.refused().assert_status(403);
/// # }
/// ```
pub struct WebSocket {
    proxy: Proxy,
    id: Id,
}

impl WebSocket {
    pub(crate) fn new(proxy: &Proxy, id: Id) -> Self {
        Self {
            proxy: proxy.clone(),
            id,
        }
    }

    /// The client sends a text message.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn text(&mut self, text: impl Into<String>) {
        self.send([Event::text(text)]).await;
    }

    /// The client sends a binary message.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn binary(&mut self, content: impl Into<Bytes>) {
        self.send([Event::binary(content)]).await;
    }

    /// The client sends a ping.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn ping(&mut self, content: impl Into<Bytes>) {
        self.send([Event::ping(content)]).await;
    }

    /// The client closes, with any code: also with one that it should not send.
    ///
    /// # Panics
    /// As [`send`](Self::send), and where the origin does not answer with a close.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let content = [&code.to_be_bytes(), reason.as_bytes()].concat();
        let event = Event::close(&Close::parse(&content));
        self.send([event]).await;
    }

    /// The client closes without a code.
    ///
    /// # Panics
    /// As [`close`](Self::close).
    pub async fn close_without_code(&mut self) {
        self.send([Event::close(&Close::without_code())]).await;
    }

    /// The client is lost. What the origin answers goes nowhere.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn disconnect(&mut self) {
        self.send([Event::disconnect()]).await;
    }

    /// The proxy asks whether there is something to send, as it does every keep-alive interval.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    pub async fn poll(&mut self) {
        self.send([]).await;
    }

    /// The client sends several things, which reach the origin in one request. Once the origin has
    /// detached the WebSocket, they are thrown away.
    ///
    /// # Panics
    /// Where the WebSocket is no longer open, or the answer is one that a proxy could not obey.
    pub async fn send(&mut self, events: impl IntoIterator<Item = Event>) {
        if !self.is_open() {
            self.fail("the WebSocket is no longer open");
        }
        let events = events.into_iter().collect();
        let Some(request) = self.tell(events) else {
            return;
        };
        let (response, exchange) = self.proxy.exchange(&request).await;
        let obeyed = {
            let mut state = self.proxy.state().lock();
            state.take_answer(self.id, &exchange, &response)
        };
        if let Err(why) = obeyed {
            self.fail(why);
        }
        self.proxy.settle().await;
    }

    /// How the origin closed the WebSocket, or answered the client's close.
    #[must_use]
    pub fn closed(&self) -> Option<Close> {
        self.look(|_, socket| socket.closed.clone())
    }

    /// Whether the client can still send something.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.look(|_, socket| socket.is_open())
    }

    /// Whether the origin wants to hear no more of it.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.look(|_, socket| socket.is_detached())
    }

    /// The proxy's name for it, which the origin gets as `Connection-Id`.
    #[must_use]
    pub fn connection_id(&self) -> String {
        self.look(|_, socket| socket.id().to_owned())
    }

    /// An item of the application's memory, which the origin sets with `Set-Meta` headers. Names
    /// are compared in lower case.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<String> {
        self.look(|_, socket| socket.memory.get(&name.to_ascii_lowercase()).cloned())
    }

    /// An item of the meta that filters look at, which the origin sets with control messages.
    #[must_use]
    pub fn filter_meta(&self, name: &str) -> Option<String> {
        self.look(|client, _| client.meta(name).map(str::to_owned))
    }

    /// The channels that it is subscribed to.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        self.look(|client, _| client.channels().to_vec())
    }

    /// Whether it is subscribed to the channel of this name.
    #[must_use]
    pub fn is_subscribed(&self, channel: &str) -> bool {
        self.channels().iter().any(|known| known.name() == channel)
    }

    /// What the origin told the proxy since the last call.
    #[must_use]
    pub fn controls(&mut self) -> Vec<ControlMessage> {
        self.look_mut(|socket| std::mem::take(&mut socket.controls))
    }

    /// Lets the time of the keep-alive run out that the origin asked the proxy for: the client gets
    /// its frame.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn fire_keep_alive(&mut self) {
        let frame = self.look_mut(|socket| {
            let frame = socket.keep_alive.as_ref().map(|it| it.frame().clone());
            socket.frames.extend(frame.clone());
            frame
        });
        if frame.is_none() {
            self.fail("the proxy was not asked to keep the WebSocket alive");
        }
    }

    /// Lets the time run out of what the origin wants to be sent later: the client gets it.
    ///
    /// # Panics
    /// Where there is nothing of the kind.
    #[track_caller]
    pub fn fire_delayed(&mut self) {
        if !self.change(|client, _| client.send_delayed()) {
            self.fail("the proxy was not asked to send something later");
        }
    }

    /// All that was said until now.
    #[must_use]
    pub fn transcript(&self) -> String {
        let state = self.proxy.state().lock();
        state.transcript(self.id).as_str().to_owned()
    }

    /// The request that tells the origin of events, where it wants to hear of them.
    pub(crate) fn tell(&self, events: Vec<Event>) -> Option<Outgoing> {
        self.change(|client, _| match &mut client.line {
            Line::Socket(socket) => socket.tell(events),
            Line::Held(_) => None,
        })
    }

    fn look<T>(&self, look: impl FnOnce(&Client, &state::Socket) -> T) -> T {
        let looked = self.change(|client, _| match &client.line {
            Line::Socket(socket) => Some(look(client, socket)),
            Line::Held(_) => None,
        });
        match looked {
            Some(looked) => looked,
            None => self.fail("the client is none with a WebSocket"),
        }
    }

    fn look_mut<T>(&mut self, look: impl FnOnce(&mut state::Socket) -> T) -> T {
        let looked = self.change(|client, _| match &mut client.line {
            Line::Socket(socket) => Some(look(socket)),
            Line::Held(_) => None,
        });
        match looked {
            Some(looked) => looked,
            None => self.fail("the client is none with a WebSocket"),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Client, &mut Context<'_>) -> T) -> T {
        let mut state = self.proxy.state().lock();
        match state.client(self.id) {
            Some((client, mut context)) => change(client, &mut context),
            // It is forgotten when this is dropped, and not before.
            None => fail("the client is gone", &Transcript::default()),
        }
    }

    #[track_caller]
    fn fail(&self, what: impl fmt::Display) -> ! {
        let transcript = self.proxy.state().lock().transcript(self.id);
        fail(what, &transcript)
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        self.proxy.state().lock().disconnect(self.id);
    }
}

/// All that was said until now.
impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transcript())
    }
}
