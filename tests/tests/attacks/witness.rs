use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use gripware_interop::{Place, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An origin that reads requests as strictly as RFC 9112 allows, and keeps each one as it came.
///
/// By default it answers with the target, so that a client sees whose answer it got. Whatever it
/// cannot read is kept as a fault: what stands behind a proxy should never have to guess.
#[derive(Debug)]
pub(crate) struct Witness {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Seen>,
    faults: Vec<String>,
    open: usize,
}

/// One request, as its bytes were.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The values of a header, however many there are.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let of_name = |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        let named = self.headers.iter().filter(of_name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

type Answers = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

impl Witness {
    pub(crate) async fn start() -> Self {
        Self::answering(|seen| ok(&seen.target)).await
    }

    /// One that answers by these bytes. An empty answer ends the connection.
    pub(crate) async fn answering(
        answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let address = Place::new().free_address();
        let listener = TcpListener::bind(address).await.expect("a free address");
        let state = Arc::<Mutex<State>>::default();
        let answer: Arc<Answers> = Arc::new(answer);
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                state.lock().expect("no panic").open += 1;
                tokio::spawn(async move {
                    let served = serve(stream, &state, &*answer).await;
                    let mut state = state.lock().expect("no panic");
                    state.open -= 1;
                    if let Err(Fault(fault)) = served {
                        state.faults.push(fault);
                    }
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has read so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().expect("no panic").seen.clone()
    }

    /// What it could not read.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.state.lock().expect("no panic").faults.clone()
    }

    /// Waits until every connection to it has ended: then it has read all that there will be.
    pub(crate) async fn is_left(&self) {
        until("the origin's connections to end", async || {
            self.state.lock().expect("no panic").open == 0
        })
        .await;
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer of 200 with this text.
pub(crate) fn ok(text: &str) -> Vec<u8> {
    answer(text, "")
}

/// The same with further headers, each with its line's end.
pub(crate) fn answer(text: &str, headers: &str) -> Vec<u8> {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n{text}").into_bytes()
}

/// Why a request could not be read.
struct Fault(String);

impl From<io::Error> for Fault {
    /// The proxy may end a connection whenever it likes.
    fn from(_: io::Error) -> Self {
        Self(String::new())
    }
}

async fn serve(stream: TcpStream, state: &Mutex<State>, answer: &Answers) -> Result<(), Fault> {
    let mut reading = Reading {
        stream,
        read: Vec::new(),
    };
    loop {
        let seen = match reading.request().await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Ok(()),
            Err(Fault(fault)) if fault.is_empty() => return Ok(()),
            Err(fault) => return Err(fault),
        };
        let bytes = answer(&seen);
        state.lock().expect("no panic").seen.push(seen);
        if bytes.is_empty() || reading.stream.write_all(&bytes).await.is_err() {
            return Ok(());
        }
    }
}

struct Reading {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Reading {
    async fn more(&mut self) -> Result<(), Fault> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(Fault(String::new())),
            _ => Ok(()),
        }
    }

    /// A line without its end, which is CR and LF.
    async fn line(&mut self) -> Result<String, Fault> {
        let end = loop {
            match self.read.windows(2).position(|two| two == b"\r\n") {
                Some(end) => break end,
                None => self.more().await?,
            }
        };
        let line: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
        // Latin 1, so that no byte is lost.
        let line: String = line.into_iter().map(char::from).collect();
        if line.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(Fault(format!("a control character in {line:?}")));
        }
        Ok(line)
    }

    async fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(self.read.drain(..length).collect())
    }

    async fn request(&mut self) -> Result<Option<Seen>, Fault> {
        if self.read.is_empty() && self.stream.read_buf(&mut self.read).await? == 0 {
            return Ok(None);
        }
        let line = self.line().await?;
        let parts: Vec<&str> = line.split(' ').collect();
        let &[method, target, "HTTP/1.1"] = &parts[..] else {
            return Err(Fault(format!("no request line: {line:?}")));
        };
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            match line.split_once(':') {
                Some((name, value)) if is_token(name) => {
                    headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
                }
                _ => return Err(Fault(format!("no header: {line:?}"))),
            }
        }
        let mut seen = Seen {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: Vec::new(),
        };
        let lengths = seen.all("content-length");
        let codings = seen.all("transfer-encoding");
        seen.body = match (&lengths[..], &codings[..]) {
            ([], []) => Vec::new(),
            ([length], []) if is_number(length) => {
                let length = length
                    .parse()
                    .map_err(|_| Fault(format!("{length} bytes")))?;
                self.bytes(length).await?
            }
            ([], ["chunked"]) => self.chunks().await?,
            framing => return Err(Fault(format!("the framing of {target} is {framing:?}"))),
        };
        if seen.all("host").len() != 1 {
            return Err(Fault(format!(
                "{} has hosts {:?}",
                target,
                seen.all("host")
            )));
        }
        Ok(Some(seen))
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let length = usize::from_str_radix(&line, 16)
                .ok()
                .filter(|_| line.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let length = length.ok_or_else(|| Fault(format!("no chunk's size: {line:?}")))?;
            if length == 0 {
                break;
            }
            body.extend(self.bytes(length).await?);
            if !self.line().await?.is_empty() {
                return Err(Fault("a chunk has no end".to_owned()));
            }
        }
        // Trailers.
        while !self.line().await?.is_empty() {}
        Ok(body)
    }
}

fn is_token(name: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_of_token)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
