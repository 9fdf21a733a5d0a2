//! Descriptors, when there are few: clients leave the last ones to the control API and to
//! connections to the origin.

use std::{
    fmt, io,
    time::{Duration, Instant},
};

use crate::log::TARGET;

/// How long to wait before the next attempt when the system has no descriptors left: a moment later
/// it mostly has.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log says that there are none.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Where the descriptors begin that clients leave to others.
///
/// A system gives the lowest number that is free (POSIX, System Interfaces 2.6), so a number this high
/// says that all below are taken, at the cost of one comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescriptorReserve {
    #[cfg(unix)]
    from: u64,
}

/// Waits while there are no descriptors, and says so once a minute.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    said: Option<Instant>,
}

impl Shortage {
    /// Says what waits, if that was not said within the last minute.
    pub(crate) fn say(&mut self, what: impl fmt::Display) {
        if self.said.is_none_or(|said| said.elapsed() >= WARN_INTERVAL) {
            self.said = Some(Instant::now());
            tracing::warn!(target: TARGET, "{what}");
        }
    }
}

/// Waits a moment.
pub(crate) async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

#[cfg(unix)]
pub use self::unix::raise_descriptor_limit;

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

    use rustix::{
        io::Errno,
        process::{Resource, Rlimit, getrlimit, setrlimit},
    };

    use super::{DescriptorReserve, Shortage, io, pause};

    /// How many descriptors clients leave to others, where the limit is large: to connections to the
    /// origin for requests in progress, to publishers, and to files of the application.
    const RESERVE: u64 = 64;

    /// What systems allow that say there is no limit, and refuse one (macOS: `OPEN_MAX`).
    const FALLBACK: u64 = 10_240;

    /// Raises the process's limit of open descriptors as far as it may (the soft limit to the hard
    /// one), and returns it.
    ///
    /// Each client takes a descriptor, and many systems start processes with a limit of 1024. The
    /// program `gripware-hub` calls this when it starts. In an application it is for `main` to decide:
    /// programs that it starts inherit the limit, and old ones that use `select` stumble over
    /// descriptors above 1023.
    ///
    /// When there are no more, new clients wait to be accepted and the log says so; the last 64, or an
    /// eighth where that is less, are left to the control API and to connections to the origin.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn raise_descriptor_limit() -> io::Result<u64> {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let raised = |to| {
            let current = to;
            setrlimit(Resource::Nofile, Rlimit { current, maximum })
        };
        if raised(maximum).is_err() {
            raised(Some(maximum.unwrap_or(FALLBACK).min(FALLBACK)))?;
        }
        Ok(limit())
    }

    /// Whether an error says that the process or the system has no descriptors left.
    fn is_shortage(error: &io::Error) -> bool {
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::MFILE | Errno::NFILE))
    }

    fn limit() -> u64 {
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }

    impl DescriptorReserve {
        /// For those who leave some to others, under the limit of this moment.
        pub(crate) fn of_clients() -> Self {
            let limit = limit();
            Self {
                from: limit - RESERVE.min(limit / 8),
            }
        }

        /// For connections to the origin, which leave a quarter of the reserve to publishers.
        pub(crate) fn of_origin() -> Self {
            let limit = limit();
            Self {
                from: limit - RESERVE.min(limit / 8).div_ceil(4),
            }
        }

        /// For publishers, whom the others leave some to.
        pub(crate) const fn of_publishers() -> Self {
            Self { from: u64::MAX }
        }

        /// Returns `true` if the next descriptor is not one of the reserve. What is opened at once gets
        /// that one, unless another thread is faster.
        pub(crate) fn has_room(self) -> bool {
            let probe = tokio::net::TcpSocket::new_v4();
            probe.is_ok_and(|probe| self.is_below(std::os::fd::AsFd::as_fd(&probe)))
        }

        fn is_below(self, descriptor: BorrowedFd<'_>) -> bool {
            u64::try_from(descriptor.as_raw_fd()).is_ok_and(|number| number < self.from)
        }

        /// Waits until a client that was accepted may take a descriptor. Returns the one to use in
        /// place of the client's, if that is of the reserve.
        pub(crate) async fn admit(
            self,
            client: BorrowedFd<'_>,
            shortage: &mut Shortage,
        ) -> io::Result<Option<OwnedFd>> {
            if self.is_below(client) {
                return Ok(None);
            }
            loop {
                shortage.say(format_args!(
                    "new clients wait: {} descriptors are open, and the rest of the {} that are \
                     allowed (LimitNOFILE, ulimit -n) is for others than clients",
                    self.from,
                    limit()
                ));
                pause().await;
                // It gets the lowest number.
                match client.try_clone_to_owned() {
                    Ok(other) if self.is_below(std::os::fd::AsFd::as_fd(&other)) => {
                        return Ok(Some(other));
                    }
                    Err(error) if !is_shortage(&error) => return Err(error),
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::{
            fs::File,
            os::fd::AsFd as _,
            sync::atomic::{AtomicBool, Ordering},
        };

        use super::*;

        #[tokio::test(start_paused = true)]
        async fn a_client_beyond_the_reserve_waits_until_another_one_has_left() {
            let open = || File::open("/dev/null").unwrap();
            let mut clients: Vec<_> = (0..20).map(|_| open()).collect();
            let from = clients.last().unwrap().as_raw_fd();
            let reserve = DescriptorReserve {
                from: u64::try_from(from).unwrap(),
            };
            let mut shortage = Shortage::default();
            let low = reserve.admit(clients[0].as_fd(), &mut shortage).await;
            assert!(low.unwrap().is_none());
            assert!(shortage.said.is_none());

            let late = clients.pop().unwrap();
            let has_left = AtomicBool::new(false);
            let admitted = async {
                let descriptor = reserve.admit(late.as_fd(), &mut shortage).await;
                assert!(has_left.load(Ordering::Relaxed));
                descriptor.unwrap().unwrap()
            };
            let leaving = async {
                tokio::time::sleep(super::super::PAUSE * 10).await;
                has_left.store(true, Ordering::Relaxed);
                drop(clients);
            };
            let (descriptor, ()) = tokio::join!(admitted, leaving);
            assert!(reserve.is_below(descriptor.as_fd()));
            assert!(shortage.said.is_some());
        }
    }
}

#[cfg(not(unix))]
impl DescriptorReserve {
    pub(crate) const fn of_clients() -> Self {
        Self {}
    }

    pub(crate) const fn of_origin() -> Self {
        Self {}
    }

    pub(crate) const fn of_publishers() -> Self {
        Self {}
    }

    pub(crate) const fn has_room(self) -> bool {
        true
    }
}
