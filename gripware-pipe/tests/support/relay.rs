//! A network between two ends, which can fall silent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::sync::CancellationToken;

/// Passes bytes on in both directions, as long as it is open.
pub struct Relay {
    pub address: SocketAddr,
    silence: Arc<Mutex<CancellationToken>>,
}

impl Relay {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let silence = Arc::new(Mutex::new(CancellationToken::new()));
        let silent = Arc::clone(&silence);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let Ok(far) = TcpStream::connect(target).await else {
                    continue;
                };
                let silent = silent.lock().unwrap().clone();
                let (near, far) = (near.into_split(), far.into_split());
                tokio::spawn(pass(near.0, far.1, silent.clone()));
                tokio::spawn(pass(far.0, near.1, silent));
            }
        });
        Self { address, silence }
    }

    /// From now on nothing arrives, and nobody is told.
    pub fn silence(&self) {
        self.silence.lock().unwrap().cancel();
    }

    /// New connections work again; those from before stay silent.
    pub fn mend(&self) {
        *self.silence.lock().unwrap() = CancellationToken::new();
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, silence: CancellationToken) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = match silence.run_until_cancelled(from.read(&mut buffer)).await {
            Some(length) => length.unwrap_or(0),
            // It is kept open and never used again.
            None => std::future::pending().await,
        };
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
