//! The origin answers what the hub asks.

use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{EventKind, decode},
};
use http::{Response, StatusCode};

use super::{
    model::{CHANNELS, Page, Places, To},
    opening::{answer, channels, events, next_link},
    operation::Operation,
    origin::Asks,
    play::{LONGEST, Play},
    token::Token,
};
use crate::{
    fuzzing::frames::{BINARY, PING, PONG, Said, TEXT},
    origin::OriginError,
};

type Answer = Result<Response<Bytes>, OriginError>;

impl Play {
    /// Answers one of the requests that are under way.
    pub(super) fn answer(&mut self, operation: Operation) {
        self.give_up();
        let Some(asked) = self.origin.next(operation.who) else {
            return;
        };
        self.note(&asked.what);
        let answer = match &asked.what {
            Asks::Again(number) => self.again(*number, operation),
            Asks::Next(number) => self.page(To::Client(*number), operation),
            Asks::SharedNext => self.page(To::Shared, operation),
            Asks::Gone(_) if operation.what & 1 == 0 => Ok(Response::new(Bytes::new())),
            Asks::Gone(_) => Err(error(operation.how)),
            Asks::Events { id, body } => self.turn(id, body, operation),
        };
        asked.answer(answer);
    }

    /// Notes the requests that the origin took too long for: it may have been told what they say.
    pub(super) fn give_up(&mut self) {
        for what in self.origin.given_up() {
            self.note(&what);
            if let Asks::Events { id, .. } = what {
                let number = self.number(&id);
                self.known[number].is_told_all = false;
            }
        }
    }

    fn number(&self, id: &str) -> usize {
        let mut ids = self.clients.iter().map(|it| it.id.to_string());
        ids.position(|it| it == id).expect("a client of this id")
    }

    /// Notes that the origin has been asked.
    pub(super) fn note(&mut self, what: &Asks) {
        if let Asks::Gone(number) = what {
            let known = &mut self.known[*number];
            assert!(known.has_gone_link, "{known:?}");
            known.gone += 1;
        }
    }

    /// The body of an answer, which goes to those.
    fn body(&mut self, to: To, places: Places, how: u8) -> String {
        let number = self.model.pages.len();
        self.model.pages.push(Page { to, places });
        let padding = [0, 0, 100, LONGEST][usize::from(how >> 6 & 3)];
        Token::Page(number).text(padding)
    }

    /// The answer to a response hold's own request.
    fn again(&mut self, number: usize, operation: Operation) -> Answer {
        let Operation { what, how, .. } = operation;
        let to = To::Client(number);
        let channels = channels(how & 15);
        Ok(match what % 8 {
            0 | 1 => {
                let is_placed = how & 16 != 0;
                let headers = self.instruction("response", &channels, is_placed, "");
                self.follows(to, &channels, is_placed);
                answer(&headers, Token::Stored(number).text(0))
            }
            2 => answer("", self.body(to, Places::default(), how)),
            3 => {
                let body = self.body(to, Places::default(), how);
                answer(&next_link("/next/0", 0), body)
            }
            4 => answer("Grip-Hold: stream\n", String::new()),
            5 => answer("Grip-Hold: sideways\n", String::new()),
            6 => {
                let mut answer = answer("", self.body(to, Places::default(), how));
                *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                answer
            }
            _ => return Err(error(how)),
        })
    }

    /// The answer to a next link.
    fn page(&mut self, to: To, operation: Operation) -> Answer {
        let Operation { what, how, .. } = operation;
        let channels = channels(how & 15);
        let is_placed = how & 16 != 0;
        let path = match to {
            To::Client(number) => format!("/next/{number}"),
            _ => "/shared".to_owned(),
        };
        let link = next_link(&path, how >> 5);
        Ok(match what % 10 {
            0 | 1 => {
                let headers = self.instruction("stream", &channels, is_placed, &link);
                let places = self.follows(to, &channels, is_placed);
                answer(&headers, self.body(to, places, how))
            }
            2 => answer(&link, self.body(to, Places::default(), how)),
            3 => answer("", self.body(to, Places::default(), how)),
            4 => {
                let headers = self.instruction("stream", &channels, false, "");
                let places = self.follows(to, &channels, false);
                answer(&headers, self.body(to, places, how))
            }
            5 => {
                let headers = self.instruction("stream", &channels, is_placed, &link);
                self.follows(to, &channels, is_placed);
                // Where it stands among the others does not show.
                self.each(to, |known| known.model.places = None);
                answer(&headers, String::new())
            }
            6 => {
                let mut answer = Response::new(Bytes::new());
                *answer.status_mut() = StatusCode::NOT_FOUND;
                answer
            }
            7 => answer("Grip-Hold: response\n", String::new()),
            8 => answer("Grip-Hold: sideways\n", String::new()),
            _ => return Err(error(how)),
        })
    }

    /// Those who get an answer follow these channels from then on.
    fn follows(&mut self, to: To, channels: &[usize], is_placed: bool) -> Places {
        let step = self.model.step;
        self.each(to, |known| {
            known.model.subscribe(channels, step);
            if let To::Client(_) = to {
                known.model.keep(channels);
            }
        });
        if is_placed && let Some(first) = channels.first() {
            self.model.channels[*first].is_told = true;
        }
        self.places(channels, is_placed)
    }

    fn each(&mut self, to: To, mut act: impl FnMut(&mut super::play::Seen)) {
        for known in &mut self.known {
            let is_meant = match to {
                To::Client(number) => known.model.number == number,
                To::Shared => known.model.has_shared_link,
                To::Channel(_) => false,
            };
            if is_meant {
                act(known);
            }
        }
    }

    /// The answer to a WebSocket's events.
    fn turn(&mut self, id: &str, body: &Bytes, operation: Operation) -> Answer {
        let Operation { what, how, .. } = operation;
        let number = self.number(id);
        if self.is_witness(number) {
            return Ok(events(""));
        }
        let to = To::Client(number);
        let step = self.model.step;
        let channel = usize::from(how) % CHANNELS.len();
        let name = CHANNELS[channel];
        let is_grip = self.known[number].is_grip;
        let kind = if is_grip { what % 16 } else { (what % 16) | 8 };
        let mut answer = events(match kind {
            0 | 1 => Vec::new(),
            2 => {
                self.known[number].is_plain &= self.known[number].model.follows(channel);
                self.known[number].model.subscribe(&[channel], step);
                control(&format!(
                    "{{\"type\":\"subscribe\",\"channel\":\"{name}\"}}"
                ))
            }
            3 => {
                let kept: Vec<_> = (0..CHANNELS.len()).filter(|it| *it != channel).collect();
                self.known[number].is_plain &= !self.known[number].model.follows(channel);
                self.known[number].model.keep(&kept);
                control(&format!(
                    "{{\"type\":\"unsubscribe\",\"channel\":\"{name}\"}}"
                ))
            }
            4 => {
                self.known[number].is_told_all = false;
                control("{\"type\":\"detach\"}")
            }
            5 => {
                self.known[number].model.has_keep_alive = true;
                control("{\"type\":\"keep-alive\",\"content\":\"[k]\",\"timeout\":3}")
            }
            6 => {
                self.known[number].model.has_keep_alive = true;
                let delay = "{\"type\":\"send-delayed\",\"content\":\"[k]\",\"timeout\":2}";
                let flush = "{\"type\":\"flush-delayed\"}";
                [
                    control(delay),
                    control(if how & 1 == 0 { flush } else { delay }),
                ]
                .concat()
            }
            7 => b"TEXT 3\r\nm:\xff\r\n".to_vec(),
            8 => b"CLOSE 2\r\n\x0f\xa1\r\n".to_vec(),
            9 => b"DISCONNECT\r\n".to_vec(),
            10 => b"NOISE".to_vec(),
            11 => b"PING 1\r\n.\r\nPONG\r\n".to_vec(),
            _ => {
                let text = self.body(to, Places::default(), how);
                let prefix = if is_grip { "m:" } else { "" };
                let length = prefix.len() + text.len();
                format!("TEXT {length:x}\r\n{prefix}{text}\r\n").into_bytes()
            }
        });
        match kind {
            13 => {
                self.known[number].is_told_all = false;
                let accepted = (how % 16).to_string().parse().unwrap();
                answer
                    .headers_mut()
                    .insert("content-bytes-accepted", accepted);
            }
            14 if how & 1 == 0 => {
                let interval = "20".parse().unwrap();
                answer.headers_mut().insert("keep-alive-interval", interval);
            }
            15 => match how & 15 {
                0 => *answer.status_mut() = StatusCode::NOT_FOUND,
                1 => drop(answer.headers_mut().remove("content-type")),
                _ => {
                    // What was not reached is told again; anything else has been told, or never is.
                    let error = error(how);
                    if !matches!(error, OriginError::Unreached(_)) {
                        self.known[number].is_told_all = false;
                    }
                    return Err(error);
                }
            },
            _ => {}
        }
        self.tell(number, body);
        Ok(answer)
    }

    /// The origin has been told events.
    fn tell(&mut self, number: usize, body: &Bytes) {
        let mut limits = Limits::default();
        limits.websocket_event = 1 << 20;
        limits.websocket_body = 1 << 20;
        for event in decode(body.clone(), &limits).unwrap() {
            let opcode = match event.kind() {
                EventKind::Text => TEXT,
                EventKind::Binary => BINARY,
                EventKind::Ping => PING,
                EventKind::Pong => PONG,
                _ => continue,
            };
            self.known[number].told.push(Said {
                opcode,
                content: event.content().to_vec(),
            });
        }
    }
}

/// A text for the proxy, as an event.
fn control(content: &str) -> Vec<u8> {
    let length = content.len() + 2;
    format!("TEXT {length:x}\r\nc:{content}\r\n").into_bytes()
}

fn error(how: u8) -> OriginError {
    match how >> 4 & 3 {
        0 => OriginError::Unreached("a cable is cut".into()),
        1 => OriginError::Failed("a cable is cut".into()),
        2 => OriginError::TooLarge { limit: 0 },
        _ => OriginError::Ended,
    }
}
