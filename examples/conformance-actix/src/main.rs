//! Serves the origin. It prints `listening on ADDR` when it is ready, and ends on SIGTERM.

use std::{process::ExitCode, time::Duration};

use actix_web::{App, HttpServer, rt::time::timeout};
use conformance::Settings;
use gripware_actix::GripMiddleware;

/// How long requests in flight may take after SIGTERM, in seconds.
const DRAIN: u64 = 1;
/// How long items that are not published yet may take after that.
const FLUSH: Duration = Duration::from_millis(500);

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
    let app = conformance_actix::app(&grip);
    let publisher = grip.publisher();
    let server = HttpServer::new(move || {
        App::new()
            .configure(app.clone())
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
