use gripware_core::ws::{Event, Reply};

use crate::{
    Answer, Proxy, WebSocket,
    request::Outgoing,
    state::{Line, Socket},
    transcript::{Transcript, fail},
};

/// The origin's word on a WebSocket that a client asked for.
#[derive(Debug)]
#[must_use]
pub enum Opening {
    /// It is open.
    Accepted(WebSocket, Answer),
    /// The client gets this in place of a WebSocket.
    Refused(Answer),
}

impl Opening {
    pub(crate) async fn ask(proxy: Proxy, outgoing: Outgoing) -> Self {
        let id = {
            let mut state = proxy.state().lock();
            let socket = Socket::new(outgoing, state.next_connection_id());
            state.connect(Transcript::default(), Line::Socket(Box::new(socket)))
        };
        let socket = WebSocket::new(&proxy, id);
        let Some(request) = socket.tell(vec![Event::open()]) else {
            fail("the WebSocket is detached", &Transcript::default());
        };
        let (response, transcript) = proxy.exchange(&request).await;
        let answer = Answer::new(response, transcript.clone());
        let is_events = Reply::is_events(answer.status(), answer.headers());
        if !is_events && answer.status().as_u16() != 200 {
            return Self::Refused(answer);
        }
        let obeyed = proxy
            .state()
            .lock()
            .take_answer(id, &transcript, answer.as_http());
        if let Err(why) = obeyed {
            fail(why, &transcript);
        }
        proxy.settle().await;
        Self::Accepted(socket, answer)
    }

    /// The WebSocket.
    ///
    /// # Panics
    /// Where it was refused.
    #[track_caller]
    pub fn accepted(self) -> WebSocket {
        match self {
            Self::Accepted(socket, _) => socket,
            Self::Refused(answer) => fail(
                format_args!("the WebSocket was refused with {}", answer.status()),
                answer.transcript(),
            ),
        }
    }

    /// The answer that refused it.
    ///
    /// # Panics
    /// Where it was accepted.
    #[track_caller]
    pub fn refused(self) -> Answer {
        match self {
            Self::Refused(answer) => answer,
            Self::Accepted(_, answer) => fail("the WebSocket was accepted", answer.transcript()),
        }
    }

    /// The answer, whatever it says.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        match self {
            Self::Accepted(_, answer) | Self::Refused(answer) => answer,
        }
    }
}
