//! What the middleware adds to a request that actix-web answers in this process.

use std::{
    future::{Future, Ready, ready},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use actix_web::{
    App, Error as ActixError, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    test::{TestRequest, init_service},
    web,
};
use gripware_actix::GripMiddleware;

use crate::{
    Case, Error, Operation, Target,
    middleware::{Headers, grip, proxied},
};

/// The cases.
///
/// # Errors
/// Where an application answers with anything but 200.
pub fn cases() -> Result<Vec<Case>, Error> {
    let grip = grip()?;
    let routes = || App::new().route("/", web::get().to(async || HttpResponse::Ok().finish()));
    let base = Rc::new(started(init_service(routes().wrap(Nothing)))?);
    let ours = routes().wrap(GripMiddleware::new(&grip));
    let ours = Rc::new(started(init_service(ours))?);
    let headers = proxied()?;

    let noop = "a middleware that does nothing";
    Ok(vec![
        Case::new("actix-web, not proxied", call(&ours, &[])?)
            .beside(noop, call(&base, &[])?)
            .target(Target::Above(30.0))
            .allocations(0),
        Case::new(
            "actix-web, proxied, token seen before",
            call(&ours, headers)?,
        )
        .beside(noop, call(&base, headers)?)
        .target(Target::Above(60.0))
        .allocations(1),
    ])
}

/// Does what every middleware does, and nothing else.
struct Nothing;

impl<S, B> Transform<S, ServiceRequest> for Nothing
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
{
    type Response = ServiceResponse<B>;
    type Error = ActixError;
    type Transform = NothingService<S>;
    type InitError = ();
    type Future = Ready<Result<NothingService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(NothingService(inner)))
    }
}

struct NothingService<S>(S);

impl<S: Service<ServiceRequest>> Service<ServiceRequest> for NothingService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> S::Future {
        self.0.call(request)
    }
}

/// Calls an application over and over. Its handlers never wait, so one look at each answer is
/// enough.
fn call<S, B>(app: &Rc<S>, headers: &Headers) -> Result<Operation, Error>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = ActixError> + 'static,
    B: MessageBody + 'static,
{
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_owned()))
        .collect();
    let setup = move || {
        let request = TestRequest::get()
            .uri("/")
            .insert_header(("host", "localhost"))
            .insert_header(("user-agent", "Mozilla/5.0"))
            .insert_header(("accept", "*/*"))
            .insert_header(("accept-language", "en"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.insert_header((name.as_str(), value.as_slice()))
        });
        request.to_request()
    };
    let app = Rc::clone(app);
    let answer = move |request| started(app.call(request));
    let response = answer(setup())??;
    if !response.status().is_success() {
        return Err(format!("not an answer: {}", response.status()).into());
    }
    Ok(Operation::with_input(setup, move |request| {
        answer(request).and_then(|answer| answer.map_err(Into::into))
    }))
}

/// Returns what a future is ready with at once.
fn started<F: Future>(future: F) -> Result<F::Output, Error> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err("an application waits for something".into()),
    }
}
