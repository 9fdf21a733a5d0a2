use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An origin that answers by bytes, for answers that no server would give.
///
/// It serves one request for each connection, and answers 501 where nothing is said of a path.
#[derive(Debug)]
pub struct RawOrigin {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What such an origin does next on a connection, of which the last step is to close it.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Does nothing for this time.
    Wait(Duration),
    /// Resets the connection at once.
    Reset,
}

impl Step {
    /// Sends text.
    #[must_use]
    pub fn send(text: &str) -> Self {
        Self::Send(text.as_bytes().to_vec())
    }
}

impl RawOrigin {
    /// Listens, and takes the steps that are given for a path.
    pub async fn start(
        address: SocketAddr,
        steps: impl Fn(&str) -> Option<Vec<Step>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let steps = Arc::new(steps);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let steps = Arc::clone(&steps);
                // A connection that breaks is what it is about.
                tokio::spawn(async move {
                    let _ = serve(stream, &*steps).await;
                });
            }
        });
        Self { address, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    steps: &(impl Fn(&str) -> Option<Vec<Step>> + Send + Sync),
) -> io::Result<()> {
    let mut read = Vec::new();
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&read);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let nothing = || {
        vec![Step::send(
            "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )]
    };
    for step in steps(path).unwrap_or_else(nothing) {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await?,
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
        }
    }
    stream.shutdown().await?;
    // What the proxy still sends is read, or the end would be a reset.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
