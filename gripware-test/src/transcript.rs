//! What went to the origin and what came back, for whoever reads why a test failed.

use std::fmt::{self, Write as _};

use bytes::Bytes;
use gripware_core::header::GRIP_SIG;
use http::{HeaderMap, Request, Response};

/// How many bytes of one body are shown.
const SHOWN: usize = 4096;

/// Exchanges in their order, as text: `>` goes to the origin, `<` comes back, `*` is what the
/// proxy does by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transcript(String);

impl Transcript {
    /// Notes a request. A signature is named and not printed.
    pub(crate) fn request(&mut self, request: &Request<Bytes>, signature: &str) {
        self.line('>', format_args!("{} {}", request.method(), request.uri()));
        self.headers('>', request.headers(), signature);
        self.body('>', request.body());
    }

    /// Notes a response.
    pub(crate) fn response(&mut self, response: &Response<Bytes>) {
        self.line('<', response.status());
        self.headers('<', response.headers(), "");
        self.body('<', response.body());
    }

    /// Notes what the proxy does by itself.
    pub(crate) fn note(&mut self, what: impl fmt::Display) {
        self.line('*', what);
    }

    /// Adds all of another one.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn headers(&mut self, mark: char, headers: &HeaderMap, signature: &str) {
        for (name, value) in headers {
            if name == GRIP_SIG && !signature.is_empty() {
                self.line(mark, format_args!("{name}: ({signature})"));
            } else {
                let value = String::from_utf8_lossy(value.as_bytes());
                self.line(mark, format_args!("{name}: {value}"));
            }
        }
    }

    fn body(&mut self, mark: char, body: &[u8]) {
        let shown = body.get(..SHOWN).unwrap_or(body);
        for line in shown.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match std::str::from_utf8(line) {
                Ok(text) if !text.contains(char::is_control) => {
                    self.line(mark, format_args!("  {text}"));
                }
                _ => self.line(mark, format_args!("  {}", line.escape_ascii())),
            }
        }
        if shown.len() < body.len() {
            let more = body.len() - shown.len();
            self.line(mark, format_args!("  ... and {more} bytes more"));
        }
    }

    fn line(&mut self, mark: char, text: impl fmt::Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{mark} {text}");
    }
}

/// Ends the test, with what was said until then.
#[track_caller]
#[expect(clippy::panic, reason = "this is how a test fails")]
pub(crate) fn fail(what: impl fmt::Display, transcript: &Transcript) -> ! {
    panic!("{what}\n\n{}", transcript.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_reads_as_it_went() {
        let request = Request::post("/chat")
            .header("grip-sig", "eyJ")
            .body(Bytes::from_static(
                b"TEXT 2\r\nhi\r\nCLOSE 2\r\n\x03\xe8\r\n",
            ))
            .unwrap();
        let mut transcript = Transcript::default();
        transcript.request(&request, "signed by pushpin");
        transcript.response(&Response::new(Bytes::from("x".repeat(SHOWN + 1))));
        transcript.note("the client goes");
        let text = transcript.as_str();
        let start = "> POST /chat\n> grip-sig: (signed by pushpin)\n>   TEXT 2\n>   hi\n\
                     >   CLOSE 2\n>   \\x03\\xe8\n< 200 OK\n<   xxx";
        assert!(text.starts_with(start), "{text}");
        let end = "x\n<   ... and 1 bytes more\n* the client goes\n";
        assert!(text.ends_with(end), "{text}");
    }
}
