//! Serving the control API on a listener: each connection gets a place or is turned away.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    ControlOptions,
    connection::{self, MAX_TURNED_AWAY},
    places::Places,
    service::Control,
    target::Target,
};
use crate::{
    descriptors::DescriptorReserve,
    server::{Accepted, Listener, Server, TcpTimes},
    settings::Settings,
    threads::Threads,
};

/// Serves the control API until it is told to stop, and then answers what is under way.
pub(crate) async fn serve<T: Target>(
    listener: Listener,
    target: Arc<T>,
    options: ControlOptions,
    settings: &Settings,
    stop: CancellationToken,
) {
    let control = Arc::new(Control::new(target, options.key.clone(), settings.max_item));
    let places = Arc::new(Places::default());
    let turned_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
    // Connections have places, some of which can be lost, in place of a bound at the listener.
    let reserve = DescriptorReserve::of_publishers();
    let times = TcpTimes::new(settings);
    let server = Server::new(Threads::of_caller(), stop.clone(), None, times, reserve);
    server
        .serve(listener, move |Accepted { socket, .. }| {
            let place = places.take();
            let (control, turned_away) = (Arc::clone(&control), Arc::clone(&turned_away));
            let (stop, options) = (stop.clone(), options.clone());
            async move {
                let Some(place) = place else {
                    if options.is_plain() {
                        connection::turn_away(socket, &turned_away).await;
                    }
                    return;
                };
                let local = socket.local_ip();
                let socket = tokio::select! {
                    socket = options.secure(socket) => socket,
                    () = place.lost() => None,
                    () = stop.cancelled() => None,
                };
                if let Some(socket) = socket {
                    connection::serve(socket, local, place, control, &turned_away, &stop).await;
                }
            }
        })
        .await;
}
