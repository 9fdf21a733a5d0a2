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
use http_body_util::Either;
use tokio::time::{Instant, timeout};

use super::{
    RouteError,
    services::{NamedService, RouteBody, RouteServices},
};
use crate::{
    http::body::{Body, Lent, take},
    origin::{HttpOrigin, OriginError},
    ws::extensions,
};

/// How long an origin that refused a connection is left out.
const LEFT_OUT: Duration = Duration::from_secs(5);

/// The origins of one route.
#[derive(Debug)]
pub(super) struct Targets {
    list: Vec<Target>,
    /// Whether they speak WebSocket themselves.
    pub(super) is_native: bool,
    next: AtomicUsize,
}

/// An origin, and how it is asked.
#[derive(Debug)]
struct Target {
    application: Application,
    /// How long it may take until the head of its answer is there.
    timeout: Option<Duration>,
    is_untrusted: bool,
    is_native: bool,
    /// Until when it is left out.
    refused: Mutex<Option<Instant>>,
}

/// Where a target is.
#[derive(Debug)]
enum Application {
    At(HttpOrigin),
    Named(NamedService),
}

impl Targets {
    /// Reads targets such as `http://127.0.0.1:3000,timeout=5`.
    pub(super) fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        services: &RouteServices,
    ) -> Result<Self, RouteError> {
        let targets = texts.into_iter().map(|text| {
            let mut parts = text.split(',');
            let mut target = Target::new(parts.next().unwrap_or_default(), services)?;
            for option in parts {
                match option.split_once('=') {
                    None if option == "untrusted" => target.is_untrusted = true,
                    None if option == "native_ws" => target.is_native = true,
                    Some(("timeout", seconds)) => target.timeout = Some(time(seconds)?),
                    _ => return Err(RouteError::Option),
                }
            }
            Ok(target)
        });
        Self::new(targets.collect::<Result<_, _>>()?)
    }

    /// Takes addresses as they are.
    pub(super) fn at<'a>(
        addresses: impl IntoIterator<Item = &'a str>,
        services: &RouteServices,
    ) -> Result<Self, RouteError> {
        let addresses = addresses.into_iter();
        let targets = addresses.map(|address| Target::new(address, services));
        Self::new(targets.collect::<Result<_, _>>()?)
    }

    /// Whether none of them is a service.
    pub(super) fn have_addresses(&self) -> bool {
        let mut all = self.list.iter();
        all.all(|target| matches!(target.application, Application::At(_)))
    }

    fn new(list: Vec<Target>) -> Result<Self, RouteError> {
        let is_native = list.first().ok_or(RouteError::NoTarget)?.is_native;
        if list.iter().any(|target| target.is_native != is_native) {
            return Err(RouteError::Mixed);
        }
        let targets = Self {
            list,
            is_native,
            next: AtomicUsize::new(0),
        };
        if is_native && !targets.have_addresses() {
            return Err(RouteError::NativePipe);
        }
        Ok(targets)
    }

    /// Takes a request and sends it to the next origin, and where that refuses the connection to the one
    /// after it. Nothing is sent twice that an origin can have seen.
    pub(super) async fn send(
        &self,
        request: &mut Request<Body>,
    ) -> Result<Response<RouteBody>, OriginError> {
        if let [only] = &*self.list {
            return only.send(request).await;
        }
        // In a box, since the future of each request to a single origin would have room for it.
        Box::pin(self.send_in_turn(take(request))).await
    }

    async fn send_in_turn(
        &self,
        request: Request<Body>,
    ) -> Result<Response<RouteBody>, OriginError> {
        let (parts, mut body) = request.into_parts();
        let mut unreached = OriginError::Ended;
        for target in self.in_turn() {
            let (lent, back) = Lent::of(body);
            // Nothing is left of the request before its body is taken back.
            let answered = {
                let mut request = Request::from_parts(parts.clone(), lent);
                target.send(&mut request).await
            };
            match answered {
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
    fn new(address: &str, services: &RouteServices) -> Result<Self, RouteError> {
        let application = match address.strip_prefix("pipe:") {
            Some(name) => {
                let unknown = || RouteError::Unknown { name: name.into() };
                Application::Named(services.find(name).ok_or_else(unknown)?)
            }
            None => {
                let address = address.parse().map_err(RouteError::Address)?;
                Application::At(HttpOrigin::new(address))
            }
        };
        Ok(Self {
            application,
            timeout: None,
            is_untrusted: false,
            is_native: false,
            refused: Mutex::default(),
        })
    }

    /// Takes a request and sends it.
    async fn send(&self, request: &mut Request<Body>) -> Result<Response<RouteBody>, OriginError> {
        if self.is_untrusted {
            let headers = request.headers_mut();
            headers.remove(GRIP_SIG);
            headers.remove(GRIP_FEATURE);
            extensions::remove_grip(headers);
        }
        let mut response = match self.timeout {
            // In a box, since the future of each request without a limit would have room for it.
            Some(limit) => Box::pin(timeout(limit, self.ask(request)))
                .await
                .unwrap_or(Err(OriginError::TimedOut { limit }))?,
            None => self.ask(request).await?,
        };
        if self.is_untrusted {
            without_instructions(&mut response)?;
        }
        Ok(response)
    }

    async fn ask(&self, request: &mut Request<Body>) -> Result<Response<RouteBody>, OriginError> {
        match &self.application {
            Application::At(origin) => {
                let response = origin.send(request).await?;
                Ok(response.map(Either::Left))
            }
            Application::Named(service) => service.send(take(request)).await,
        }
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
    extensions::remove_grip(headers);
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

    fn parse(texts: &[&str]) -> Result<Targets, RouteError> {
        let services = RouteServices::new().with("app", axum::Router::<()>::new());
        Targets::parse(texts.iter().copied(), &services)
    }

    #[tokio::test]
    async fn what_is_no_target_is_refused() {
        for (text, error) in [
            ("http://h,over_http", RouteError::Option),
            ("http://h,timeout=soon", RouteError::Timeout),
            ("http://h,timeout=0", RouteError::Timeout),
        ] {
            assert_eq!(parse(&[text]).unwrap_err(), error, "{text}");
        }
        assert!(matches!(parse(&["ftp://h"]), Err(RouteError::Address(_))));
        assert!(matches!(parse(&[]), Err(RouteError::NoTarget)));
        let mixed = parse(&["http://h,native_ws", "http://h"]);
        assert_eq!(mixed.unwrap_err(), RouteError::Mixed);
        assert!(parse(&["pipe:app,timeout=5", "http://h"]).is_ok());
        let native = parse(&["pipe:app,native_ws"]);
        assert_eq!(native.unwrap_err(), RouteError::NativePipe);
        let name = "else".to_owned();
        assert_eq!(
            parse(&["pipe:else"]).unwrap_err(),
            RouteError::Unknown { name }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn origins_take_turns_and_one_that_refuses_is_left_out_for_a_while() {
        let targets = parse(&["http://a", "http://b", "http://c"]).unwrap();
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
