//! The backend is told who is online, and keeps no ghosts.

use gripware_interop::{PATIENCE, Place, Process};

use crate::{
    backend::Backend,
    servers::{Setup, Started, behind_hub, behind_pushpin, listens, ours},
    welcomed,
};

const ONLINE: &str = "/user/notify_online/";
const OFFLINE: &str = "/user/notify_offline/";

#[tokio::test]
async fn whoever_is_there_when_the_program_ends_is_told_of_as_gone() {
    let place = Place::new();
    let backend = Backend::start().await;
    let mut server = ours(&place, backend.address, Setup::default()).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(welcomed(server.address).await);
    }
    backend.asked(ONLINE, 3).await;
    assert!(server.process.stop(PATIENCE).await.success());
    assert_eq!(backend.times(OFFLINE), 3);
}

#[tokio::test]
async fn behind_pushpin_nobody_stays_online_of_a_process_that_was_killed() {
    let place = Place::new();
    let backend = Backend::start().await;
    let server = behind_pushpin(&place, backend.address, Setup::default()).await;
    nobody_stays(&place, server, &backend).await;
}

#[tokio::test]
async fn behind_the_hub_nobody_stays_online_of_a_process_that_was_killed() {
    let place = Place::new();
    let backend = Backend::start().await;
    let server = behind_hub(&place, backend.address, &[], Setup::default()).await;
    nobody_stays(&place, server, &backend).await;
}

/// One client speaks to the process that is started again, and one leaves.
async fn nobody_stays(place: &Place, mut server: Started, backend: &Backend) {
    let (mut speaks, mut leaves) = (
        welcomed(server.address).await,
        welcomed(server.address).await,
    );
    backend.asked(ONLINE, 2).await;
    server.process.kill();
    server.process = Process::start((server.command)(), place.directory(), "templar-2");
    listens(&mut server.process, server.listen).await;

    speaks.sends("ping").await;
    speaks.is_closed(1012, "please connect again").await;
    backend.asked(OFFLINE, 1).await;
    leaves.closes(1000, "").await;
    backend.asked(OFFLINE, 2).await;

    // The proxy tells of the end of connections that are closed from here, which is told of once.
    let mut again = welcomed(server.address).await;
    backend.asked(ONLINE, 3).await;
    again.closes(1000, "").await;
    backend.asked(OFFLINE, 3).await;
    assert_eq!(backend.times(OFFLINE), 3);
}
