use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
};

use crate::Error;

/// Clients come from so many addresses: each has ports of its own, which the kernel keeps for a
/// minute.
const ADDRESSES: usize = 16;

/// The longest head of an answer.
const HEAD: usize = 16 * 1024;

/// A connection from the address that goes by this number.
pub(crate) async fn connect_from(number: usize, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Of few addresses.
    let own = (number % ADDRESSES + 1) as u8;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, own), 0)))?;
    socket.connect(to).await
}

/// A connection that sends at once (TCP_NODELAY).
pub(crate) async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(to).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Reads the head of an answer, and nothing behind it.
///
/// # Errors
/// Where it does not begin with what is expected.
pub(crate) async fn open_head(socket: &mut TcpStream, expected: &str) -> Result<Vec<u8>, Error> {
    let mut head = vec![0; HEAD];
    let mut length = 0;
    // What is behind the head belongs to whoever reads on, so it is looked at before it is taken.
    while !head
        .get(..length)
        .is_some_and(|head| head.ends_with(b"\r\n\r\n"))
    {
        let rest = head.get_mut(length..).unwrap_or_default();
        let seen = socket.peek(rest).await?;
        if seen == 0 {
            break;
        }
        let whole = head.get(..length + seen).unwrap_or_default();
        let end = whole.windows(4).position(|end| end == b"\r\n\r\n");
        let take = end.map_or(seen, |end| end + 4 - length);
        let rest = head.get_mut(length..length + take).unwrap_or_default();
        length += socket.read_exact(rest).await?;
    }
    head.truncate(length);
    if head.starts_with(expected.as_bytes()) && head.ends_with(b"\r\n\r\n") {
        Ok(head)
    } else {
        Err(format!("not {expected:?}, but {}", head.escape_ascii()).into())
    }
}
