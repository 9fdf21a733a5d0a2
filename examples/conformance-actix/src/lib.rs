//! An origin on actix-web that uses every feature of gripware once.

mod error;
mod feed;
mod holds;
mod publish;
mod websocket;

use actix_web::{Route, guard, web};
use conformance::{Feeds, SocketLog};
use gripware_actix::{Grip, Publisher};

/// The most bytes of an item or a line.
const MAX_BODY: usize = 2 * 1024 * 1024;

struct State {
    publisher: Publisher,
    feeds: Feeds,
    sockets: SocketLog,
}

/// What the whole application is made of, with nothing remembered yet. `GripMiddleware` goes around
/// it.
pub fn app(grip: &Grip) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let state = web::Data::new(State {
        publisher: grip.publisher(),
        feeds: Feeds::default(),
        sockets: SocketLog::default(),
    });
    move |config| {
        config
            .app_data(state.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .service(web::resource("/plain").route(get().to(holds::plain)))
            .service(web::resource("/context").route(get().to(holds::context)))
            .service(web::resource("/sse").route(get().to(holds::sse)))
            .service(web::scope("/hold").configure(holds::routes))
            .service(web::scope("/publish").configure(publish::routes))
            .service(web::scope("/ws").configure(websocket::routes))
            .service(
                web::resource("/feed/{name}")
                    .route(get().to(feed::read))
                    .route(web::post().to(feed::append)),
            );
    }
}

/// A route for `GET`, and for the `HEAD` that goes with it.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
