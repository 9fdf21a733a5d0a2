use std::{cell::RefCell, io, sync::Arc};

use tokio::{net::TcpStream, task::JoinHandle};

use super::{
    Frames, Tally,
    lag::{Lag, MARK},
};

/// Of so many clients in a thousand every message is looked at.
const LOOKED_AT: usize = 16;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

/// Many clients, all of them held. [`Guests`](super::Guests) gathers them.
#[derive(Debug)]
pub(crate) struct Crowd {
    listeners: Vec<JoinHandle<()>>,
    size: usize,
    /// How many of them were held in a second.
    pub(crate) rate: f64,
    pub(crate) tally: Arc<Tally>,
    pub(crate) lag: Arc<Lag>,
}

impl Crowd {
    /// Listens at these connections, of which some are taken to be lost. Messages are counted by
    /// their frames or by their marks.
    pub(super) fn new(sockets: Vec<TcpStream>, missing: usize, rate: f64, frames: bool) -> Self {
        let mut crowd = Self {
            listeners: Vec::with_capacity(sockets.len()),
            size: sockets.len() - missing,
            rate,
            tally: Arc::default(),
            lag: Arc::default(),
        };
        for socket in sockets {
            crowd.listen(socket, frames.then(Frames::default));
        }
        crowd
    }

    /// How many were to be held.
    pub(crate) fn asked(&self) -> usize {
        self.listeners.len()
    }

    /// How many are held.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Closes connections until this many are left.
    pub(crate) fn shrink(&mut self, size: usize) {
        for listener in self.listeners.drain(size.min(self.listeners.len())..) {
            listener.abort();
        }
        self.size = self.size.min(size);
    }

    fn listen(&mut self, socket: TcpStream, mut frames: Option<Frames>) {
        let tally = Arc::clone(&self.tally);
        let lag = (self.listeners.len() % 1_000 < LOOKED_AT && frames.is_none())
            .then(|| Arc::clone(&self.lag));
        self.listeners.push(tokio::spawn(async move {
            let mut rest = Vec::new();
            while socket.readable().await.is_ok() {
                let read = SCRATCH.with_borrow_mut(|scratch| {
                    let read = socket.try_read(scratch)?;
                    let bytes = scratch.get(..read).unwrap_or_default();
                    if let Some(lag) = &lag {
                        lag.read(&mut rest, bytes);
                    }
                    let messages = match &mut frames {
                        Some(frames) => frames.count(bytes),
                        None => marks(bytes),
                    };
                    tally.add(messages, read as u64);
                    Ok::<_, io::Error>(read)
                });
                match read {
                    Ok(0) => break,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
            }
            tally.gone();
        }));
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// The marks in these bytes, in pieces whose count fits a byte: the compiler makes a few vector
/// instructions of it.
fn marks(bytes: &[u8]) -> u64 {
    let piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(*byte == MARK)).sum::<u8>();
    bytes.chunks(255).map(|bytes| u64::from(piece(bytes))).sum()
}
