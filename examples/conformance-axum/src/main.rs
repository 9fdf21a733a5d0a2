//! Serves the origin. It prints `listening on ADDR` when it is ready, and ends on SIGTERM.

use std::{process::ExitCode, time::Duration};

use conformance::Settings;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

/// How long requests in flight may take after SIGTERM.
const DRAIN: Duration = Duration::from_millis(1000);
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

#[tokio::main]
async fn serve(Settings { listen, grip }: Settings) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);

    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving =
        axum::serve(listener, conformance_axum::app(&grip)).with_graceful_shutdown(async move {
            terminate.recv().await;
            drop(stop);
        });
    let serving = tokio::spawn(serving.into_future());
    let _ = stopped.await;
    let _ = timeout(DRAIN, serving).await;
    let _ = timeout(FLUSH, grip.publisher().close()).await;
    Ok(())
}
