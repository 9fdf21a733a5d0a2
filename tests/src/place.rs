use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};

use tempfile::TempDir;

static NEXT_PORT: AtomicU16 = AtomicU16::new(10_000);

/// Where a test's programs live: a directory, and ports on a loopback address that no other
/// process of the tests has.
///
/// The whole of 127.0.0.0/8 is loopback, and the address is made from the process id. A port is
/// therefore free without asking, and stays free while a program is restarted: whatever else
/// connects or listens does so on 127.0.0.1.
#[derive(Debug)]
pub struct Place {
    directory: TempDir,
    address: Ipv4Addr,
}

impl Place {
    /// A place for one test.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("grip-")
            .tempdir()
            .expect("a temporary directory");
        // A process id has at most 22 bits, so the second number is between 1 and 64.
        let [_, a, b, c] = std::process::id().to_be_bytes();
        Self {
            directory,
            address: Ipv4Addr::new(127, a + 1, b, c),
        }
    }

    /// An address nobody listens at.
    #[must_use]
    pub fn free_address(&self) -> SocketAddr {
        let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        SocketAddr::from((self.address, port))
    }

    /// The directory, removed at the end.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file in the directory, with this content.
    #[must_use]
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory().join(name);
        std::fs::write(&path, content).expect("a file in a temporary directory");
        path
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
