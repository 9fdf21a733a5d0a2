use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use http::Method;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    net::{TcpStream, lookup_host},
    sync::oneshot,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Inner, ServerAddress};
use crate::{
    BoxError, Lost, Peer,
    answer::{Accepted, Answerer, Side},
    ending::Ending,
    http2,
    link::Link,
    remote::Handler,
    scope::Scope,
    socket,
    tls::ClientTls,
};

/// How many addresses of one name are tried.
const MAX_ADDRESSES: usize = 8;

/// How a connection has ended.
type Ended = Result<(), hyper::Error>;

/// A pipe: two connections to one server, one for each direction of calls. They live and die
/// together.
pub(super) struct Pipe {
    pub(super) link: Arc<Link>,
    pub(super) ending: Ending,
    /// How the server calls the connection of its calls.
    generation: u64,
    scope: Scope,
    reverse_ended: oneshot::Receiver<Ended>,
    forward_ended: oneshot::Receiver<Ended>,
    name: ServerName<'static>,
    chain: Vec<CertificateDer<'static>>,
    /// Nothing is left of it when it is dropped.
    cut: DropGuard,
}

impl Pipe {
    /// Dials, and waits until the server accepts this client.
    pub(super) async fn dial(
        inner: &Inner,
        address: &ServerAddress,
        handler: &Handler,
        stop: &CancellationToken,
    ) -> Result<Self, BoxError> {
        let tls = inner.tls();
        let name = match &inner.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(address.host().to_owned())?,
        };
        let silence = inner.settings.heartbeat_interval;
        let (tcp, place) = connect_any(address, silence).await?;
        let reverse = shake_hands(tcp, &tls.reverse, &name).await?;
        let chain = reverse.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain.to_vec();
        let peer = Peer::new(name.to_str().into_owned(), place);

        let cut = CancellationToken::new();
        let scope = Scope::within(&cut);
        let cut = cut.drop_guard();
        let ending = Ending::with(stop);
        let accepted = Arc::new(Accepted::new(ending.clone()));
        let answerer = Answerer {
            peer: peer.clone(),
            handler: handler.clone(),
            settings: Arc::clone(&inner.settings),
            telemetry: Arc::clone(&inner.telemetry),
            side: Side::Client(Arc::clone(&accepted)),
        };
        let (ended, mut reverse_ended) = oneshot::channel();
        scope.execute({
            let (scope, ending) = (scope.clone(), ending.clone());
            async move {
                let stop = async {
                    ending.told().await;
                };
                // Where nobody waits for it, nobody wants to know.
                let _ = ended.send(answerer.serve(reverse, &scope, stop).await);
            }
        });

        let forwarding = async {
            let tcp = connect(place, silence).await?;
            let stream = shake_hands(tcp, &tls.forward, &name).await?;
            let builder = http2::client(&scope, &inner.settings);
            Ok::<_, BoxError>(
                builder
                    .handshake(TokioIo::new(scope.cuttable(stream)))
                    .await?,
            )
        };
        let accepting = async {
            tokio::select! {
                // It may come and end at once.
                biased;
                generation = accepted.generation() => Ok(generation),
                // A client that is refused has its handshake behind it (TLS 1.3), and the reason is
                // what it reads first.
                ended = &mut reverse_ended => Err(match ended {
                    Ok(Err(error)) => BoxError::from(error),
                    _ => BoxError::from("the server has closed the connection"),
                }),
            }
        };
        let ((sender, connection), generation) = tokio::try_join!(forwarding, accepting)?;
        let link = Link::new(peer, sender, &inner.settings, ending.clone());
        let (ended, forward_ended) = oneshot::channel();
        scope.execute(async move {
            let _ = ended.send(connection.await);
        });
        Ok(Self {
            link: Arc::new(link),
            ending,
            generation,
            scope,
            reverse_ended,
            forward_ended,
            name,
            chain,
            cut,
        })
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.link.peer
    }

    /// Waits until either connection ends, or it is told to. Safe to cancel.
    pub(super) async fn lost(&mut self) -> Lost {
        let ended = tokio::select! {
            ended = &mut self.reverse_ended => ended,
            ended = &mut self.forward_ended => ended,
            why = self.ending.told() => return why,
        };
        if let Ok(Err(error)) = ended {
            tracing::debug!(
                error = &error as &dyn Error,
                "a connection of the pipe has failed"
            );
        }
        Lost::Ended
    }

    pub(super) fn is_trusted(&self, tls: &ClientTls) -> bool {
        tls.trusts(&self.chain, &self.name)
    }

    /// Lets the calls under way end, and closes both connections.
    pub(super) async fn close(self, drain: Duration) {
        let saying = self.link.say(Method::DELETE, self.generation, drain);
        self.scope.execute(saying);
        tokio::select! {
            () = self.scope.finish(drain) => {}
            () = self.ending.over(drain) => {}
        }
        drop(self.cut);
    }
}

async fn connect_any(
    address: &ServerAddress,
    silence: Duration,
) -> Result<(TcpStream, SocketAddr), BoxError> {
    let mut last = BoxError::from("the name of the server has no address");
    let places = lookup_host((address.host(), address.port())).await?;
    for place in places.take(MAX_ADDRESSES) {
        match connect(place, silence).await {
            Ok(stream) => return Ok((stream, place)),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

async fn connect(place: SocketAddr, silence: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(place).await?;
    socket::prepare(&stream, silence)?;
    Ok(stream)
}

async fn shake_hands(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
) -> Result<TlsStream<TcpStream>, BoxError> {
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name.clone(), stream).await?;
    if stream.get_ref().1.alpn_protocol().is_none() {
        return Err("the server does not speak this protocol (ALPN)".into());
    }
    Ok(stream)
}
