use std::{fmt, rc::Rc};

use gripware_core::{Item, sig::Signer};
use gripware_publish::Grip;
use http::{HeaderValue, Method};

use crate::{
    IntoOrigin, Opening, Origin, ProxyBuilder, Published, Request,
    request::{Exchange, Outgoing},
    state::{Shared, Step},
    transcript::{Transcript, fail},
};

/// How often in a row the proxy asks the origin by itself. An origin that makes it do so more
/// often never lets it rest.
const MAX_STEPS: usize = 100;

/// A pretend GRIP proxy in front of an application.
///
/// It has a key and an issuer of its own, which the [`Grip`] that it hands out trusts, and gets
/// what that publishes. Clones are the same proxy. See the [crate](crate) for a whole test.
#[derive(Clone)]
pub struct Proxy {
    origin: Rc<dyn Origin>,
    state: Shared,
    signer: Signer,
    features: HeaderValue,
}

impl Proxy {
    /// A proxy in front of the application that `app` makes of its configuration.
    pub fn new<K, O: IntoOrigin<K>>(app: impl FnOnce(&Grip) -> O) -> Self {
        let builder = Self::builder();
        let app = app(&builder.grip());
        builder.origin(app)
    }

    /// A proxy that is told more before it stands in front of something.
    pub fn builder() -> ProxyBuilder {
        ProxyBuilder::new()
    }

    /// A request with any method.
    ///
    /// # Panics
    /// Where that is no method.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str) -> Request {
        match Method::from_bytes(method.as_bytes()) {
            Ok(method) => Request::new(self, method, path),
            Err(error) => fail(format_args!("{method:?}: {error}"), &Transcript::default()),
        }
    }

    /// A `GET` request. The path may have a query.
    pub fn get(&self, path: &str) -> Request {
        Request::new(self, Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> Request {
        Request::new(self, Method::POST, path)
    }

    /// A client asks for a WebSocket. For headers of its own there is [`Request::open`].
    ///
    /// # Panics
    /// As [`Request::open`].
    pub async fn open(&self, path: &str) -> Opening {
        self.get(path).open().await
    }

    /// What was published since the last call.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        std::mem::take(&mut self.state.lock().published)
    }

    /// Asserts that exactly one item was published since [`published`](Self::published) was
    /// called, and which.
    ///
    /// # Panics
    /// Where it was another one, none, or more, and where the item is none that can be published.
    #[track_caller]
    pub fn assert_published(&self, channel: &str, item: impl Into<Item>) {
        let published = self.published();
        let untold = Transcript::default();
        let parts = match item.into().into_parts() {
            Ok(parts) => parts,
            Err(error) => fail(format_args!("there is no such item: {error}"), &untold),
        };
        let wanted = Published::new(channel, parts);
        match published.as_slice() {
            [one] if *one == wanted => {}
            [one] => fail(
                format_args!("what was published is {one:#?}, and not {wanted:#?}"),
                &untold,
            ),
            _ => fail(
                format_args!("{} items were published: {published:#?}", published.len()),
                &untold,
            ),
        }
    }

    /// Refuses what is published from now on, so that publishing fails with this reason.
    pub fn refuse_items(&self, reason: impl Into<String>) {
        self.state.lock().refusal = Some(reason.into());
    }

    /// Takes again what is published.
    pub fn take_items(&self) {
        self.state.lock().refusal = None;
    }

    /// Makes the requests that the proxy owes the origin: a hint or a refresh was published, a
    /// stream missed something, the client's answer to a close is to be told. Whatever sends a
    /// request does it as well, so this is needed only where a test publishes by itself.
    ///
    /// # Panics
    /// Where an answer is one that a proxy could not obey, and where there is no end to it.
    pub async fn settle(&self) {
        for _ in 0..MAX_STEPS {
            let Some(step) = self.next_step() else {
                return;
            };
            let (response, exchange) = self.exchange(&step.request).await;
            let obeyed = self.state.lock().take_answer(step.id, &exchange, &response);
            if let Err(why) = obeyed {
                fail(why, &self.state.lock().transcript(step.id));
            }
        }
        if let Some(step) = self.next_step() {
            fail(
                "the proxy asks the origin again and again: does it name a new channel each time?",
                &self.state.lock().transcript(step.id),
            );
        }
    }

    /// Lets the time pass after which a proxy waits no longer for items that are missing (5 s in
    /// Pushpin): what came after them is delivered, and streams ask the origin for what they
    /// missed.
    ///
    /// # Panics
    /// As [`settle`](Self::settle).
    pub async fn recover(&self) {
        self.state.lock().expire();
        self.settle().await;
    }

    pub(crate) fn assemble(
        origin: impl Origin,
        state: Shared,
        signer: Signer,
        features: HeaderValue,
    ) -> Self {
        Self {
            origin: Rc::new(origin),
            state,
            signer,
            features,
        }
    }

    fn next_step(&self) -> Option<Step> {
        self.state.lock().next_step()
    }

    pub(crate) fn state(&self) -> &Shared {
        &self.state
    }

    /// Signs a request, sends it, and notes what came back.
    pub(crate) async fn exchange(&self, outgoing: &Outgoing) -> Exchange {
        let mut transcript = Transcript::default();
        let (request, said) = match outgoing.sign(&self.signer, &self.features) {
            Ok(signed) => signed,
            Err(why) => fail(why, &transcript),
        };
        transcript.request(&request, &said);
        match self.origin.send(request).await {
            Ok(response) => {
                transcript.response(&response);
                (response, transcript)
            }
            Err(error) => fail(format_args!("the origin failed: {error}"), &transcript),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("signer", &self.signer)
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}
