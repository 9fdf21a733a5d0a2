use std::fmt;

use bytes::Bytes;
use gripware_core::{Hold, json::lenient};
use http::{HeaderMap, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::{
    Instruction,
    difference::difference,
    transcript::{Transcript, fail},
};

/// An answer of the origin, or what a client gets in the end.
///
/// What begins with `assert_` fails the test where it does not hold, and shows the transcript:
/// what was asked, and all that came back.
///
/// ```should_panic
/// # use bytes::Bytes;
/// # use gripware_test::Proxy;
/// # use http::Response;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let proxy = Proxy::builder().origin(async |_| Response::new(Bytes::from("hi\n")));
/// proxy.get("/").await.assert_status(404);
/// // the status is 200 OK, and not 404
/// //
/// // > GET /
/// // > grip-sig: (signed now)
/// // > grip-feature: status, session, link:next, ...
/// // < 200 OK
/// // <   hi
/// # }
/// ```
#[derive(Clone)]
pub struct Answer {
    response: Response<Bytes>,
    transcript: Transcript,
}

impl Answer {
    pub(crate) fn new(response: Response<Bytes>, transcript: Transcript) -> Self {
        Self {
            response,
            transcript,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The first header of this name, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.response.body()
    }

    /// The body as text.
    ///
    /// # Panics
    /// Where it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(self.body()) {
            Ok(text) => text,
            Err(error) => self.fail(format_args!("the body is no text: {error}")),
        }
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// Where it is not JSON of that shape.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&lenient(self.body())) {
            Ok(value) => value,
            Err(error) => self.fail(format_args!("the body is not the expected JSON: {error}")),
        }
    }

    /// What the answer tells the proxy: a hold, from its headers or from an
    /// `application/grip-instruct` body.
    ///
    /// # Panics
    /// Where it tells nothing, or a proxy would answer 502. To look for an instruction that may not
    /// be there, there is [`Instruction::read`].
    #[must_use]
    #[track_caller]
    pub fn hold(&self) -> Instruction {
        match self.instruction() {
            Some(instruction) => instruction,
            None => self.fail("the answer has no instruction"),
        }
    }

    /// The response as `http` has it.
    #[must_use]
    pub fn as_http(&self) -> &Response<Bytes> {
        &self.response
    }

    /// Asserts the status.
    ///
    /// # Panics
    /// Where it is another one.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        if self.status().as_u16() != status {
            let got = self.status();
            self.fail(format_args!("the status is {got}, and not {status}"));
        }
        self
    }

    /// Asserts a header.
    ///
    /// # Panics
    /// Where it is missing or another one.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) -> &Self {
        match self.headers().get(name) {
            Some(got) if got.as_bytes() == value.as_bytes() => {}
            Some(got) => self.fail(format_args!("{name} is {got:?}, and not {value:?}")),
            None => self.fail(format_args!("{name} is missing, and should be {value:?}")),
        }
        self
    }

    /// Asserts that there is no such header.
    ///
    /// # Panics
    /// Where there is one.
    #[track_caller]
    pub fn assert_no_header(&self, name: &str) -> &Self {
        if let Some(got) = self.headers().get(name) {
            self.fail(format_args!("{name} is {got:?}, and should be missing"));
        }
        self
    }

    /// Asserts the whole body.
    ///
    /// # Panics
    /// Where it is another one.
    #[track_caller]
    pub fn assert_text(&self, text: &str) -> &Self {
        if self.body() != text {
            let got = self.body().escape_ascii();
            self.fail(format_args!("the body is \"{got}\", and not {text:?}"));
        }
        self
    }

    /// Asserts that the answer holds as `hold` does, in whichever form it travels. The response
    /// beside it is not compared. The channels are those on the wire, with their prefix.
    ///
    /// # Panics
    /// Where it holds otherwise or not at all.
    #[track_caller]
    pub fn assert_hold(&self, hold: &Hold) -> &Self {
        let wanted = match Instruction::of(hold) {
            Ok(wanted) => wanted,
            Err(error) => self.fail(format_args!("there is no such hold: {error}")),
        };
        if let Some(difference) = difference(&self.hold(), &wanted) {
            self.fail(format_args!("the hold differs: {difference}"));
        }
        self
    }

    /// Asserts that the answer tells the proxy nothing.
    ///
    /// # Panics
    /// Where it does.
    #[track_caller]
    pub fn assert_no_hold(&self) -> &Self {
        if self.instruction().is_some() {
            self.fail("the answer has an instruction");
        }
        self
    }

    pub(crate) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    #[track_caller]
    fn instruction(&self) -> Option<Instruction> {
        match Instruction::read(&self.response) {
            Ok(instruction) => instruction,
            Err(error) => self.fail(format_args!("a proxy would answer 502: {error}")),
        }
    }

    #[track_caller]
    fn fail(&self, what: impl fmt::Display) -> ! {
        fail(what, &self.transcript)
    }
}

/// What was asked, and all that came back.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.transcript.as_str())
    }
}
