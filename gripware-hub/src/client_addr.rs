use std::net::SocketAddr;

/// Who sent a request, in the request's extensions.
///
/// It is the other end of the connection, and not what `X-Forwarded-For` says. A client on a unix
/// socket has none, and neither has a request of the hub's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);
