//! What a reverse proxy costs at least that hyper and tokio make: it passes on what it reads, and
//! does nothing else.

use std::{
    cell::RefCell,
    env,
    net::SocketAddr,
    process::{Command, Stdio},
    rc::Rc,
    thread,
};

use hyper::{
    Request,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Builder,
    task::spawn_local,
};

use super::{Held, Origin, Running, Side};
use crate::{Error, clients::Control};

/// The argument that makes this program that proxy.
pub(crate) const ARGUMENT: &str = "--hyper-alone";

pub(super) fn start(origin: &Origin) -> Result<Running, Error> {
    let mut command = Command::new(env::current_exe()?);
    command
        .args([ARGUMENT, &origin.address().to_string()])
        .stderr(Stdio::null());
    Running::start(Side::Floor, &mut command, Control::grip, Held::Unknown)
}

/// The process: a thread for each core, with a listener of its own at the same address.
pub(crate) fn run(origin: &str) -> Result<(), Error> {
    let origin = origin.parse()?;
    let first = listener(([127, 0, 0, 1], 0).into())?;
    let address = first.local_addr()?;
    println!("listening on {address}\ncontrol on {address}");
    let cores = thread::available_parallelism()?.get();
    let further: Result<Vec<_>, Error> = (1..cores).map(|_| listener(address)).collect();
    for listener in further? {
        thread::spawn(move || serve(listener, origin));
    }
    serve(first, origin)
}

fn listener(address: SocketAddr) -> Result<std::net::TcpListener, Error> {
    // Registered with a runtime only by the thread that serves.
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket.listen(1_024)?.into_std()?)
}

fn serve(listener: std::net::TcpListener, origin: SocketAddr) -> Result<(), Error> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (client, _) = listener.accept().await?;
            client.set_nodelay(true)?;
            spawn_local(async move {
                // How a connection of the clients ends is their affair.
                let _ = pass(client, origin).await;
            });
        }
    })
}

/// Passes the requests of one client on, over a connection of its own.
async fn pass(client: TcpStream, origin: SocketAddr) -> Result<(), Error> {
    let origin = TcpStream::connect(origin).await?;
    origin.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(origin)).await?;
    spawn_local(connection);
    let sender = Rc::new(RefCell::new(sender));
    let service = service_fn(move |request| ask(Rc::clone(&sender), request));
    http1::Builder::new()
        .serve_connection(TokioIo::new(client), service)
        .await?;
    Ok(())
}

async fn ask(
    sender: Rc<RefCell<SendRequest<Incoming>>>,
    request: Request<Incoming>,
) -> hyper::Result<hyper::Response<Incoming>> {
    // Asked before anything is waited for.
    let answer = sender.borrow_mut().send_request(request);
    answer.await
}
