use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Addresses that are free while they are looked for, which is as much as can be known.
pub(super) fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for (address, listener) in addresses.iter_mut().zip(listeners) {
        *address = listener?.local_addr()?;
    }
    Ok(addresses)
}
