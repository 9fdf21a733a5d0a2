//! Socket activation: listening sockets that systemd, or another supervisor, has opened and passed
//! on by `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` (sd_listen_fds(3)).

use std::{
    env, io,
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::{LazyLock, Mutex, PoisonError},
};

use listenfd::ListenFd;

/// A socket that was passed on.
pub(crate) enum Activated {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// All that were passed on, each until it is taken.
struct Passed {
    sockets: ListenFd,
    names: Vec<String>,
}

static PASSED: LazyLock<Mutex<Passed>> = LazyLock::new(|| Mutex::new(Passed::from_env()));

/// Reads the variables, and removes those which would tell a child that the sockets are its own.
/// Nothing else may use the environment meanwhile: it is for the beginning of a program.
pub(crate) fn init() {
    LazyLock::force(&PASSED);
}

/// Takes the socket of this name (systemd's `FileDescriptorName=`) or number, from 0 on.
pub(crate) fn take(name: &str) -> io::Result<Activated> {
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    passed.take(name)
}

impl Passed {
    fn from_env() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self {
            sockets: ListenFd::from_env(),
            names: names.split(':').map(str::to_owned).collect(),
        }
    }

    fn take(&mut self, name: &str) -> io::Result<Activated> {
        let places: Vec<_> = match name.parse() {
            Ok(place) => vec![place],
            Err(_) => {
                let named = self.names.iter().enumerate();
                let named = named.filter(|(_, other)| *other == name);
                named.map(|(place, _)| place).collect()
            }
        };
        for place in places {
            if let Some(socket) = self.take_at(place)? {
                return Ok(socket);
            }
        }
        let count = self.sockets.len();
        Err(io::Error::other(format!(
            "none of the {count} sockets that were passed on is this one, or it is taken already"
        )))
    }

    fn take_at(&mut self, place: usize) -> io::Result<Option<Activated>> {
        let socket = match self.sockets.take_tcp_listener(place) {
            Ok(socket) => socket.map(Activated::Tcp),
            Err(_) => self.sockets.take_unix_listener(place)?.map(Activated::Unix),
        };
        match &socket {
            Some(Activated::Tcp(socket)) => socket.set_nonblocking(true)?,
            Some(Activated::Unix(socket)) => socket.set_nonblocking(true)?,
            None => {}
        }
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_nobody_passed_on_is_an_error() {
        let mut none = Passed {
            sockets: ListenFd::empty(),
            names: vec![String::new()],
        };
        for name in ["0", "7", "clients", ""] {
            let error = none.take(name).err().unwrap().to_string();
            assert!(error.starts_with("none of the 0 sockets"), "{error}");
        }
    }
}
