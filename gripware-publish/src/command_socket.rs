//! Pushpin's command socket: ZeroMQ REQ, and commands as tnetstrings (GRIP 3.4).

use std::{io, time::Duration};

use gripware_core::Channel;
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    BuildError, endpoint,
    tnetstring::{self, Value},
    zeromq,
};

/// The most bytes of an answer, which is a few words.
const MAX_ANSWER: usize = 64 * 1024;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// The command socket of a Pushpin, `command_spec`, which by default is `tcp://127.0.0.1:5563`.
///
/// It makes the application's handler speak to a WebSocket without an event of its client: a
/// *refresh* is a turn without events, in which the handler sends and subscribes as in any other. A
/// hub, and Pushpin from 1.38 on, take that as an item to publish, `WsMessage::refresh()`; Pushpin 1.36
/// refuses such an item, and has this.
///
/// Each command is a connection of its own. Neither credentials nor encryption protect it, so the
/// socket belongs on the loopback interface or in a network of its own.
///
/// ```no_run
/// use gripware_core::Channel;
/// use gripware_publish::CommandSocket;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let commands = CommandSocket::new("tcp://127.0.0.1:5563")?;
/// // The `Connection-Id` that the handler has seen.
/// commands.refresh_connection("6f1ed002-5ab8-4a3b-9f5e-0d1c6e8a3b11").await?;
/// commands.refresh_channel(&Channel::new("room")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CommandSocket {
    authority: String,
    timeout: Duration,
}

/// Why a command was not carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Nobody answers at the address, or not as a command socket does.
    #[error("the command socket cannot be used")]
    Socket(#[from] io::Error),
    /// No answer came in time. Whether the command was carried out is not known.
    #[error("the command socket has not answered in time")]
    TimedOut,
    /// Pushpin refused it, as with `item-not-found` for a connection that it does not have.
    #[error("the command was refused: {condition}")]
    Refused {
        /// Pushpin's word for why.
        condition: String,
    },
}

impl CommandSocket {
    /// Creates one by its address, `tcp://HOST:PORT`. Nothing is connected before a command.
    ///
    /// # Errors
    /// If it is no such address with a host and a port.
    pub fn new(address: &str) -> Result<Self, BuildError> {
        Ok(Self {
            authority: endpoint::zeromq_authority(address)?,
            timeout: Duration::from_secs(5),
        })
    }

    /// Sets how long a command may take. Default 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes a turn without events for one WebSocket, by its `Connection-Id`.
    ///
    /// # Errors
    /// If the proxy does not have it ([`CommandError::Refused`]), or cannot be asked.
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been carried out.
    pub async fn refresh_connection(&self, id: &str) -> Result<(), CommandError> {
        self.command("refresh", &[("cid", id)]).await
    }

    /// Makes a turn without events for each WebSocket that is subscribed to a channel, which is the
    /// whole name. Pushpin knows this from 1.31 on.
    ///
    /// # Errors
    /// If the proxy refuses it or cannot be asked.
    ///
    /// # Cancel safety
    /// As for [`refresh_connection`](Self::refresh_connection).
    pub async fn refresh_channel(&self, channel: &Channel) -> Result<(), CommandError> {
        self.command("refresh", &[("channel", channel.name())])
            .await
    }

    async fn command(&self, method: &str, arguments: &[(&str, &str)]) -> Result<(), CommandError> {
        let arguments = arguments
            .iter()
            .map(|(name, value)| (name.as_bytes(), Value::Bytes(value.as_bytes())));
        let request = tnetstring::encode(&Value::Map(vec![
            (b"id", Value::Bytes(b"1")),
            (b"method", Value::Bytes(method.as_bytes())),
            (b"args", Value::Map(arguments.collect())),
        ]));
        let asking = ask(&self.authority, &request);
        let answer = timeout(self.timeout, asking)
            .await
            .map_err(|_| CommandError::TimedOut)??;
        read(&answer)
    }
}

/// Reads whether a command was carried out.
fn read(answer: &[u8]) -> Result<(), CommandError> {
    let answer = tnetstring::decode(answer)
        .ok_or_else(|| zeromq::refused("the answer to a command is none"))?;
    if answer.get(b"success") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    let condition = match answer.get(b"condition") {
        Some(Value::Bytes(condition)) => String::from_utf8_lossy(condition).into_owned(),
        _ => "no reason".to_owned(),
    };
    Err(CommandError::Refused { condition })
}

/// Sends a request, and returns the answer.
async fn ask(authority: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = zeromq::connect(authority, b"REQ").await?;
    // An empty frame stands before what a REQ socket says and gets.
    let mut message = vec![MORE, 0];
    zeromq::frame(&mut message, request.len());
    message.extend_from_slice(request);
    stream.write_all(&message).await?;
    loop {
        let (flags, frame) = read_frame(&mut stream).await?;
        // Heartbeats of the connection are commands.
        if flags & (COMMAND | MORE) == 0 {
            return Ok(frame);
        }
    }
}

async fn read_frame(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let flags = stream.read_u8().await?;
    let length = match flags & LONG {
        0 => u64::from(stream.read_u8().await?),
        _ => stream.read_u64().await?,
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_ANSWER {
        return Err(zeromq::refused("the answer to a command is too long"));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await?;
    Ok((flags, frame))
}
