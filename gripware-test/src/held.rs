use std::fmt;

use gripware_core::Channel;

use crate::{
    Answer, Instruction, Proxy,
    state::{self, Client, Context, Id, Line},
    transcript::fail,
};

/// A client whose request the proxy holds: a long-poll or a stream.
///
/// What is published reaches it at once. No time passes by itself: `fire_` methods let a time run
/// out. When it is dropped the client is gone, without a word to the origin.
///
/// ```
/// use axum::{Router, routing::get};
/// use gripware_axum::{GripLayer, Hold, HttpResponse, HttpStream, Item};
/// use gripware_test::Proxy;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Proxy::builder();
/// let (publisher, layer) = (proxy.publisher(), GripLayer::new(&proxy.grip()));
/// let proxy = proxy.origin(
///     Router::new()
///         .route("/stream", get(|| async { (Hold::stream("news"), "[open]\n") }))
///         .route("/poll", get(|| async { (Hold::response("news"), "nothing new\n") }))
///         .layer(layer),
/// );
/// let mut stream = proxy.get("/stream").hold().await;
/// let poll = proxy.get("/poll").hold().await;
/// stream.expect("[open]\n");
/// assert!(poll.is_open());
///
/// let news = Item::new()
///     .http_stream(HttpStream::text("rain\n"))
///     .http_response(HttpResponse::text("rain\n"));
/// publisher.publish("news", news).await?;
/// stream.expect("rain\n");
/// poll.answer().assert_status(200).assert_text("rain\n");
///
/// // This one gets nothing in time.
/// let poll = proxy.get("/poll").hold().await;
/// poll.fire_timeout();
/// poll.answer().assert_text("nothing new\n");
/// # Ok(())
/// # }
/// ```
pub struct Held {
    proxy: Proxy,
    id: Id,
}

impl Held {
    pub(crate) fn new(proxy: &Proxy, id: Id) -> Self {
        Self {
            proxy: proxy.clone(),
            id,
        }
    }

    /// Whether the client still waits for something.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.look(|_, held| held.is_open)
    }

    /// What the origin told the proxy last.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        self.look(|_, held| held.instruction.clone())
    }

    /// The channels that the client follows, each with the id up to which it has seen it.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        self.look(|client, _| client.channels().to_vec())
    }

    /// What the client got: the answer to a long-poll, or the head of a stream with its first
    /// bytes.
    ///
    /// # Panics
    /// Where a long-poll still waits for its answer.
    #[must_use]
    #[track_caller]
    pub fn answer(&self) -> Answer {
        let answer = self.look(|_, held| held.answer.clone());
        let transcript = self.proxy.state().lock().transcript(self.id);
        match answer {
            Some(answer) => Answer::new(answer, transcript),
            None => fail("the request is not answered yet", &transcript),
        }
    }

    /// The bytes of a stream that came since the last call, as text.
    ///
    /// # Panics
    /// Where they are not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn read(&mut self) -> String {
        match String::from_utf8(self.read_bytes()) {
            Ok(text) => text,
            Err(error) => self.fail(format_args!("the stream has no text: {error}")),
        }
    }

    /// The bytes of a stream that came since the last call.
    #[must_use]
    pub fn read_bytes(&mut self) -> Vec<u8> {
        self.change(|client, _| match &mut client.line {
            Line::Held(held) => std::mem::take(&mut held.unread),
            Line::Socket(_) => Vec::new(),
        })
    }

    /// Reads what came, and asserts what that is.
    ///
    /// # Panics
    /// Where it is something else.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let got = self.read();
        if got != text {
            self.fail(format_args!("the stream has {got:?}, and not {text:?}"));
        }
    }

    /// Asserts that nothing came.
    ///
    /// # Panics
    /// Where something did.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.expect("");
    }

    /// Lets the time of a long-poll run out: its client gets the response that was stored.
    ///
    /// # Panics
    /// Where it is a stream, or answered already.
    #[track_caller]
    pub fn fire_timeout(&self) {
        if let Err(why) = self.change(Client::time_out) {
            self.fail(why);
        }
    }

    /// Lets the time between two items of a stream run out: its client gets the keep-alive.
    ///
    /// # Panics
    /// Where the stream has none, or has ended.
    #[track_caller]
    pub fn fire_keep_alive(&self) {
        let sent = self.change(|client, _| match &mut client.line {
            Line::Held(held) if held.is_open => {
                let keep_alive = held.instruction.keep_alive();
                let content = keep_alive.map(|it| it.content.clone());
                held.unread.extend(content.iter().flatten());
                content.is_some()
            }
            _ => false,
        });
        if !sent {
            self.fail("the stream has no keep-alive");
        }
    }

    /// Lets the time of the next link run out: the proxy asks there whether it missed something.
    ///
    /// # Panics
    /// Where there is no next link, or its answer is one that a proxy could not obey.
    pub async fn fire_next(&self) {
        if let Err(why) = self.change(|client, _| client.follow_next()) {
            self.fail(why);
        }
        self.proxy.settle().await;
    }

    /// The client goes. Where there is a gone link, the origin is told.
    ///
    /// # Panics
    /// As [`Proxy::settle`].
    pub async fn leave(self) {
        let gone = self.change(Client::leave);
        if let Some(gone) = gone {
            self.proxy.exchange(&gone).await;
        }
        self.proxy.settle().await;
    }

    /// All that was said until now.
    #[must_use]
    pub fn transcript(&self) -> String {
        let state = self.proxy.state().lock();
        state.transcript(self.id).as_str().to_owned()
    }

    fn look<T>(&self, look: impl FnOnce(&Client, &state::Held) -> T) -> T {
        let looked = self.change(|client, _| match &client.line {
            Line::Held(held) => Some(look(client, held)),
            Line::Socket(_) => None,
        });
        match looked {
            Some(looked) => looked,
            None => self.fail("the client is none that is held"),
        }
    }

    #[track_caller]
    fn change<T>(&self, change: impl FnOnce(&mut Client, &mut Context<'_>) -> T) -> T {
        let mut state = self.proxy.state().lock();
        match state.client(self.id) {
            Some((client, mut context)) => change(client, &mut context),
            // It is forgotten when this is dropped, and not before.
            None => fail("the client is gone", &Default::default()),
        }
    }

    #[track_caller]
    fn fail(&self, what: impl fmt::Display) -> ! {
        let transcript = self.proxy.state().lock().transcript(self.id);
        fail(what, &transcript)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.proxy.state().lock().disconnect(self.id);
    }
}

/// All that was said until now.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transcript())
    }
}
