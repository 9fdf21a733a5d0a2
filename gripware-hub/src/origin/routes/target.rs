//! The origins of a route, which take turns.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gripware_core::header::{GRIP_FEATURE, GRIP_SIG, is_instruction};
use http::{Request, Response, header::CONTENT_TYPE};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tower_service::Service as _;

use super::RouteError;
use crate::{
    http::body::{Body, Lent},
    origin::{HttpOrigin, OriginError},
};

/// How long an origin that refused a connection is left out.
const LEFT_OUT: Duration = Duration::from_secs(5);

/// The origins of one route.
#[derive(Debug)]
pub(super) struct Targets {
    list: Vec<Target>,
    next: AtomicUsize,
}

/// An origin, and how it is asked.
#[derive(Debug)]
struct Target {
    origin: HttpOrigin,
    /// How long it may take until the head of its answer is there.
    timeout: Option<Duration>,
    is_untrusted: bool,
    /// Until when it is left out.
    refused: Mutex<Option<Instant>>,
}

impl Targets {
    /// Reads targets such as `http://127.0.0.1:3000,timeout=5`.
    pub(super) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        let targets = texts.into_iter().map(|text| {
            let mut parts = text.split(',');
            let mut target = Target::new(parts.next().unwrap_or_default())?;
            for option in parts {
                match option.split_once('=') {
                    None if option == "untrusted" => target.is_untrusted = true,
                    Some(("timeout", seconds)) => target.timeout = Some(time(seconds)?),
                    _ => return Err(RouteError::Option),
                }
            }
            Ok(target)
        });
        Self::new(targets.collect::<Result<_, _>>()?)
    }

    /// Takes addresses as they are.
    pub(super) fn at<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        Self::new(
            addresses
                .into_iter()
                .map(Target::new)
                .collect::<Result<_, _>>()?,
        )
    }

    fn new(list: Vec<Target>) -> Result<Self, RouteError> {
        match list.len() {
            0 => Err(RouteError::NoTarget),
            _ => Ok(Self {
                list,
                next: AtomicUsize::new(0),
            }),
        }
    }

    /// Sends a request to the next origin, and where that refuses the connection to the one after it.
    /// Nothing is sent twice that an origin can have seen.
    pub(super) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, OriginError> {
        if let [only] = &*self.list {
            return only.send(request).await;
        }
        let (parts, mut body) = request.into_parts();
        let mut unreached = OriginError::Ended;
        for target in self.in_turn() {
            let (lent, back) = Lent::of(body);
            let request = Request::from_parts(parts.clone(), lent);
            match target.send(request).await {
                Err(error @ OriginError::Unreached(_)) => {
                    target.leave_out();
                    let Some(unread) = back.take() else {
                        return Err(error);
                    };
                    body = unread;
                    unreached = error;
                }
                answered => return answered,
            }
        }
        Err(unreached)
    }

    /// Those that take connections, from the one whose turn it is, and then those left out.
    fn in_turn(&self) -> impl Iterator<Item = &Target> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.list.len();
        let (before, from) = self.list.split_at(first);
        let now = Instant::now();
        let (out, there): (Vec<_>, Vec<_>) = from
            .iter()
            .chain(before)
            .partition(|target| target.is_left_out(now));
        there.into_iter().chain(out)
    }
}

impl Target {
    fn new(address: &str) -> Result<Self, RouteError> {
        let address = address.parse().map_err(RouteError::Address)?;
        Ok(Self {
            origin: HttpOrigin::new(address),
            timeout: None,
            is_untrusted: false,
            refused: Mutex::default(),
        })
    }

    async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, OriginError> {
        if self.is_untrusted {
            let headers = request.headers_mut();
            headers.remove(GRIP_SIG);
            headers.remove(GRIP_FEATURE);
        }
        let answering = self.origin.clone().call(request);
        let mut response = match self.timeout {
            Some(limit) => timeout(limit, answering)
                .await
                .unwrap_or(Err(OriginError::TimedOut { limit }))?,
            None => answering.await?,
        };
        if self.is_untrusted {
            without_instructions(&mut response)?;
        }
        Ok(response)
    }

    fn leave_out(&self) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused = Some(Instant::now() + LEFT_OUT);
    }

    fn is_left_out(&self, now: Instant) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|until| now < until)
    }
}

/// Makes a plain answer of one that may be an instruction.
fn without_instructions<B>(response: &mut Response<B>) -> Result<(), OriginError> {
    let types = response.headers().get_all(CONTENT_TYPE).iter();
    let is_instruction_body = |value: &http::HeaderValue| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.starts_with(b"application/grip-instruct")
            || value.starts_with(b"application/websocket-events")
    };
    if types.into_iter().any(is_instruction_body) {
        return Err(OriginError::Failed(
            "an untrusted origin gave an instruction".into(),
        ));
    }
    let headers = response.headers_mut();
    let names: Vec<_> = headers
        .keys()
        .filter(|name| is_instruction(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
    Ok(())
}

/// A number of seconds above zero.
fn time(seconds: &str) -> Result<Duration, RouteError> {
    let seconds = seconds
        .parse()
        .ok()
        .filter(|seconds| (0.001..1e9).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or(RouteError::Timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_target_is_refused() {
        for (text, error) in [
            ("http://h,over_http", RouteError::Option),
            ("http://h,timeout=soon", RouteError::Timeout),
            ("http://h,timeout=0", RouteError::Timeout),
        ] {
            assert_eq!(Targets::parse([text]).unwrap_err(), error, "{text}");
        }
        assert!(matches!(
            Targets::parse(["ftp://h"]),
            Err(RouteError::Address(_))
        ));
        assert!(matches!(Targets::parse([]), Err(RouteError::NoTarget)));
    }

    #[tokio::test(start_paused = true)]
    async fn origins_take_turns_and_one_that_refuses_is_left_out_for_a_while() {
        let targets = Targets::at(["http://a", "http://b", "http://c"]).unwrap();
        let order = || {
            let place =
                |target: &Target| targets.list.iter().position(|it| std::ptr::eq(it, target));
            targets.in_turn().filter_map(place).collect::<Vec<_>>()
        };
        let (first, second) = (order(), order());
        assert_eq!(first.len(), 3);
        assert_eq!(second.first(), first.get(1));
        targets.list.first().unwrap().leave_out();
        for _ in 0..3 {
            assert_eq!(order().last(), Some(&0));
        }
        tokio::time::advance(LEFT_OUT).await;
        let mut starts: Vec<_> = (0..3).filter_map(|_| order().first().copied()).collect();
        starts.sort_unstable();
        assert_eq!(starts, [0, 1, 2]);
    }
}
