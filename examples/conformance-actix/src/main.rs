//! An origin on actix-web that uses every feature of gripware once.
//!
//! It prints `listening on ADDR` when it is ready, and ends on SIGTERM.

mod error;
mod feed;
mod holds;
mod publish;
mod websocket;

use std::{process::ExitCode, time::Duration};

use actix_web::{App, HttpServer, Route, guard, rt::time::timeout, web};
use conformance::{Feeds, Settings, SocketLog};
use gripware_actix::{GripMiddleware, Publisher};

/// How long requests in flight may take after SIGTERM, in seconds.
const DRAIN: u64 = 1;
/// How long items that are not published yet may take after that.
const FLUSH: Duration = Duration::from_millis(500);
/// The most bytes of an item or a line.
const MAX_BODY: usize = 2 * 1024 * 1024;

struct State {
    publisher: Publisher,
    feeds: Feeds,
    sockets: SocketLog,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    Settings::read()
        .and_then(|settings| serve(settings).map_err(|error| Settings::refuse(&error)))
        .map_or_else(|code| code, |()| ExitCode::SUCCESS)
}

#[actix_web::main]
async fn serve(Settings { listen, grip }: Settings) -> std::io::Result<()> {
    let state = web::Data::new(State {
        publisher: grip.publisher(),
        feeds: Feeds::default(),
        sockets: SocketLog::default(),
    });
    let publisher = grip.publisher();
    let server = HttpServer::new(move || {
        App::new()
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
            )
            .wrap(GripMiddleware::new(&grip))
    })
    .shutdown_timeout(DRAIN)
    .bind(listen)?;
    for address in server.addrs() {
        println!("listening on {address}");
    }
    server.run().await?;
    let _ = timeout(FLUSH, publisher.close()).await;
    Ok(())
}

/// A route for `GET`, and for the `HEAD` that goes with it.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
