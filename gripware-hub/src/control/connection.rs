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
    net::TcpStream,
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    answer::{RETRY_AFTER, Refused},
    body::MAX_BODY,
    places::Place,
    service::Control,
    target::Target,
    timed::{Phase, Timed},
};

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

/// Serves one connection until it ends, loses its place, or the hub is `stopped`.
pub(super) async fn serve<T: Target>(
    stream: TcpStream,
    place: Place,
    control: Arc<Control<T>>,
    turned_away: Arc<Semaphore>,
    mut stopped: watch::Receiver<()>,
) {
    // Answers are small and each is waited for.
    let _ = stream.set_nodelay(true);
    let client = Client {
        local: stream.local_addr().ok().map(|local| local.ip()),
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
    let io = Timed::new(stream, Arc::clone(&client.phase));
    let mut connection = http1::Builder::new()
        // It would count a head and the idle time before it as one.
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(io), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = client.place.lost() => {
            let (stream, is_between) = connection.into_parts().io.into_inner().into_inner();
            // Within another answer it would be taken for a part of that.
            let is_told = client.was_refused.load(Ordering::Relaxed);
            if is_between
                && !is_told
                && let Ok(_permit) = turned_away.try_acquire()
            {
                tell(stream).await;
            }
            return;
        }
        _ = stopped.changed() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control API failed");
    }
}

/// Turns a new connection away, once its request is there: a client that has sent none yet would
/// take the answer for a fault of the connection.
pub(super) async fn turn_away(stream: TcpStream, turned_away: &Semaphore) {
    let Ok(_permit) = turned_away.try_acquire() else {
        return;
    };
    if let Ok(Ok(())) = timeout(TURNED_AWAY_TIME, stream.readable()).await {
        tell(stream).await;
    }
}

/// Answers 503, and discards what the client is still sending: bytes that nobody reads make the
/// system reset the connection, and the answer is lost with it.
async fn tell(mut stream: TcpStream) {
    let line = Refused::BUSY;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {RETRY_AFTER}\r\n\
         Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{line}\n",
        line.len() + 1
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = stream.take((MAX_HEAD + MAX_BODY) as u64);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Whoever does not read it has been turned away all the same.
    let _ = timeout(TURNED_AWAY_TIME, told).await;
}
