//! One connection to the control API, from its place to its end.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{RETRY_AFTER, Refused},
    places::Place,
    service::Control,
    target::Target,
    timed::{Phase, Timed},
};
use crate::socket::Socket;

/// The most bytes of a request's head (GRIP 3.1).
const MAX_HEAD: usize = 10_000;

const MAX_HEADERS: usize = 64;

/// How long a client that is turned away may take for its request, and once more to see the answer.
const TURNED_AWAY_TIME: Duration = Duration::from_secs(1);

/// How many clients are told at a time that they are turned away. More are cut off: an answer to
/// each of a flood would cost what the bound on connections saves.
pub(super) const MAX_TURNED_AWAY: usize = 64;

/// What the requests of a connection have in common.
#[derive(Debug)]
pub(super) struct Client {
    /// The address that the client reached.
    pub(super) local: Option<IpAddr>,
    place: Place,
    phase: Arc<Phase>,
    was_refused: AtomicBool,
}

impl Client {
    /// Keeps the connection's place from now on, since it has made a request that only a publisher
    /// makes. Refused where the place went to another connection a moment ago.
    pub(super) fn admit(&self) -> Result<(), Refused> {
        if self.place.keep() {
            self.phase.trust();
            return Ok(());
        }
        self.was_refused.store(true, Ordering::Relaxed);
        Err(Refused::busy())
    }
}

/// How long a request under way may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Serves one connection, to this address, until it ends, loses its place, or the server is to stop.
pub(super) async fn serve<T: Target>(
    socket: Socket,
    local: Option<IpAddr>,
    place: Place,
    control: Arc<Control<T>>,
    turned_away: &Semaphore,
    stop: &CancellationToken,
) {
    let client = Client {
        local,
        place,
        phase: Arc::default(),
        was_refused: AtomicBool::new(false),
    };
    let client = Arc::new(client);
    let service = service_fn(|request| {
        client.phase.admit();
        let (control, client) = (Arc::clone(&control), Arc::clone(&client));
        async move {
            let answer = control.answer(request, &client).await;
            client.phase.end();
            Ok::<_, Infallible>(answer)
        }
    });
    let io = Timed::new(socket, Arc::clone(&client.phase));
    let mut connection = http1::Builder::new()
        // It would count a head and the idle time before it as one.
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(io), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = client.place.lost() => {
            let (socket, is_between) = connection.into_parts().io.into_inner().into_inner();
            // Within another answer it would be taken for a part of that.
            let is_told = client.was_refused.load(Ordering::Relaxed);
            if is_between
                && !is_told
                && let Ok(_permit) = turned_away.try_acquire()
            {
                tell(socket).await;
            }
            return;
        }
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            let Ok(ended) = timeout(GRACE, connection).await else {
                tracing::warn!("a control request was cut off at the end");
                return;
            };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control API failed");
    }
}

/// Turns a new connection away, once its request is there: a client that has sent none yet would
/// take the answer for a fault of the connection.
pub(super) async fn turn_away(mut socket: Socket, turned_away: &Semaphore) {
    let Ok(_permit) = turned_away.try_acquire() else {
        return;
    };
    // Nobody looks at the request, so that its first byte may as well be gone.
    if let Ok(Ok(_)) = timeout(TURNED_AWAY_TIME, socket.read(&mut [0])).await {
        tell(socket).await;
    }
}

/// How much of what a client that is turned away is still sending is read.
const MAX_IGNORED: u64 = 1_000_000;

/// Answers 503, and discards what the client is still sending: bytes that nobody reads make the
/// system reset the connection, and the answer is lost with it.
async fn tell(mut socket: Socket) {
    let line = Refused::BUSY;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {RETRY_AFTER}\r\n\
         Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{line}\n",
        line.len() + 1
    );
    let told = async {
        socket.write_all(answer.as_bytes()).await?;
        socket.shutdown().await?;
        let mut rest = socket.take(MAX_IGNORED);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Whoever does not read it has been turned away all the same.
    let _ = timeout(TURNED_AWAY_TIME, told).await;
}
