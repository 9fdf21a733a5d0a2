use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// TCP between a client and a server, which can be cut and mended.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    /// Whether it is whole.
    whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Cable {
    /// One from `address` to a server.
    ///
    /// # Panics
    /// Where somebody listens at the address already.
    pub async fn lay(address: SocketAddr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let (whole, cut) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *cut.borrow() {
                    tokio::spawn(connect(client, server, cut.clone()));
                }
            }
        });
        Self {
            address,
            whole,
            task,
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and takes no more.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(mut client: TcpStream, server: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
