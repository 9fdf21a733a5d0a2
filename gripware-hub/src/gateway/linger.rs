//! The last answer of an HTTP/1.x connection whose client still sends the body of its request.

use std::time::Duration;

use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::socket::Socket;

/// How long a client may send what nobody wants any more.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it may send nothing meanwhile.
const PAUSE: Duration = Duration::from_secs(2);

/// How much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// Reads and drops what a client still sends until it has seen that the connection is shut down.
///
/// To close a connection with bytes unread resets it, and a reset may overtake the answer (RFC 9112,
/// section 9.6): a client that is told 413 or 400 in the middle of an upload would see a failure.
pub(super) async fn linger(mut socket: Socket) {
    let mut buffer = vec![0; CHUNK];
    let reading =
        async { while let Ok(Ok(1..)) = timeout(PAUSE, socket.read(&mut buffer)).await {} };
    // A client that goes on and on is cut off.
    let _ = timeout(LIMIT, reading).await;
}
