use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::Method;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, oneshot},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use super::{Inner, exchange::Clients};
use crate::{
    BoxError, Failure, Lost, Name, Peer,
    answer::{Answerer, Side},
    ending::Ending,
    http2,
    link::Link,
    remote::Handler,
    scope::Scope,
    socket, tls,
};

/// How many connections one client may have on which it makes calls. Another one ends the oldest:
/// it is of an earlier life of the client, or of one that has lost count.
const MAX_FORWARD: usize = 8;

/// What every new connection gets.
#[derive(Clone)]
pub(super) struct Accepting {
    pub(super) inner: Arc<Inner>,
    pub(super) handler: Handler,
    pub(super) stop: CancellationToken,
    pub(super) cut: CancellationToken,
}

/// A connection whose client was accepted.
pub(super) struct Trusted {
    chain: Vec<CertificateDer<'static>>,
    name: Name,
    is_forward: bool,
    ending: Ending,
}

impl Inner {
    /// Ends every connection whose certificate would not be accepted now.
    pub(super) fn verify_again(&self, which: impl Fn(u64) -> bool) {
        let tls = self.tls();
        let trusted = self.trusted();
        let asked = trusted.iter().filter(|(number, _)| which(**number));
        for (_, connection) in asked.filter(|(_, it)| !tls.trusts(&it.chain)) {
            let client = &connection.name;
            tracing::warn!(%client, "the client's certificate is not valid any more");
            connection.ending.end(Lost::Untrusted);
        }
    }

    /// Notes a connection, and returns its number. A client's oldest makes room for it.
    fn note(&self, connection: Trusted) -> u64 {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut trusted = self.trusted();
        if connection.is_forward {
            let its =
                |it: &Trusted| it.is_forward && it.name == connection.name && !it.ending.is_told();
            let its: Vec<_> = trusted.iter().filter(|(_, it)| its(it)).collect();
            let oldest = its.iter().min_by_key(|(number, _)| **number);
            if let Some((_, oldest)) = oldest.filter(|_| its.len() >= MAX_FORWARD) {
                oldest.ending.end(Lost::Replaced);
            }
        }
        trusted.insert(number, connection);
        number
    }
}

impl Accepting {
    pub(super) async fn run(self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let Ok(address) = stream.peer_addr() else {
            return;
        };
        let limit = self.inner.settings.connect_timeout;
        let shaking = timeout(limit, self.shake_hands(stream));
        let shaken = tokio::select! {
            shaken = shaking => shaken,
            () = self.stop.cancelled() => return,
        };
        drop(permit);
        let failed = |error: BoxError| {
            self.inner.telemetry.counters.failed.add(1);
            tracing::info!(%address, error = &*error as &dyn Error, "a client is not accepted");
            self.inner.hooks.failed(&Failure {
                address: &address.to_string(),
                attempts: 1,
                next: None,
                error: &error,
            });
        };
        let stream = match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return failed(error),
            Err(_) => return failed("the handshake took too long".into()),
        };
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default().to_vec();
        let protocol = session.alpn_protocol().unwrap_or_default().to_vec();
        let names = chain.first().map(tls::names).unwrap_or_default();
        let Some(name) = names.first() else {
            return failed("its certificate has no name".into());
        };
        let only = self.inner.only.as_ref();
        if only.is_some_and(|only| !names.iter().any(|name| only.contains(name))) {
            return failed(format!("{name} is not among the clients that are known").into());
        }
        self.inner.telemetry.counters.connections.add(1);
        let is_forward = protocol == tls::FORWARD;
        let ending = Ending::with(&self.stop);
        let number = self.inner.note(Trusted {
            chain,
            name: name.clone(),
            is_forward,
            ending: ending.clone(),
        });
        let peer = Peer::new(name.as_str(), address);
        let scope = Scope::within(&self.cut);
        // The list may have changed since the handshake.
        self.inner.verify_again(|it| it == number);
        if is_forward {
            self.forward(stream, peer, &scope, &ending).await;
        } else {
            self.reverse(stream, peer, &names, &scope, &ending).await;
        }
        self.inner.trusted().remove(&number);
    }

    async fn shake_hands(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, BoxError> {
        socket::prepare(&stream, self.inner.settings.heartbeat_interval)?;
        let acceptor = TlsAcceptor::from(Arc::clone(&self.inner.tls().config));
        let stream = acceptor.accept(stream).await?;
        if stream.get_ref().1.alpn_protocol().is_none() {
            return Err("it did not say which protocol it speaks (ALPN)".into());
        }
        Ok(stream)
    }

    /// The client makes the calls.
    async fn forward(
        &self,
        stream: TlsStream<TcpStream>,
        peer: Peer,
        scope: &Scope,
        ending: &Ending,
    ) {
        let answerer = Answerer {
            peer,
            handler: self.handler.clone(),
            settings: Arc::clone(&self.inner.settings),
            telemetry: Arc::clone(&self.inner.telemetry),
            side: Side::Server(Arc::new(Clients(Arc::clone(&self.inner)))),
        };
        let drain = self.inner.settings.drain;
        let stop = async {
            ending.told().await;
        };
        tokio::select! {
            _ = answerer.serve(stream, scope, stop) => {}
            () = ending.over(drain) => {}
        }
        scope.cut();
    }

    /// The server makes the calls.
    async fn reverse(
        &self,
        stream: TlsStream<TcpStream>,
        peer: Peer,
        names: &[Name],
        scope: &Scope,
        ending: &Ending,
    ) {
        let settings = &self.inner.settings;
        let handshake =
            http2::client(scope, settings).handshake(TokioIo::new(scope.cuttable(stream)));
        let Ok(Ok((sender, connection))) = timeout(settings.connect_timeout, handshake).await
        else {
            return;
        };
        let link = Arc::new(Link::new(peer.clone(), sender, settings, ending.clone()));
        let generation = link.generation;
        let Some(replaced) = self.inner.registry.enter(names, &link) else {
            tracing::warn!(%peer, "there are too many clients");
            return;
        };
        for replaced in replaced {
            replaced.ending.end(Lost::Replaced);
        }
        let limit = settings.connect_timeout;
        scope.execute(Arc::clone(&link).say(Method::GET, generation, limit));
        tracing::info!(%peer, "a client is connected");
        self.inner.hooks.connected(&peer);
        // It goes on while the last calls end.
        let (ended, has_ended) = oneshot::channel();
        scope.execute(async move {
            let _ = ended.send(connection.await);
        });
        let why = tokio::select! {
            _ = has_ended => Lost::Ended,
            why = ending.told() => why,
        };
        self.inner.registry.leave(names, generation);
        if !matches!(why, Lost::Ended | Lost::Untrusted) {
            scope.execute(Arc::clone(&link).say(Method::DELETE, generation, limit));
        }
        // The last handle: HTTP/2 ends when the calls have.
        drop(link);
        tracing::info!(%peer, %why, "a client is lost");
        self.inner.telemetry.counters.lost.add(1);
        self.inner.hooks.lost(&peer, why);
        ending.end(why);
        tokio::select! {
            () = scope.finish(settings.drain) => {}
            () = ending.over(settings.drain) => {}
        }
        scope.cut();
    }
}
