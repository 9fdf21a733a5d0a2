//! Pipes that are made, lost, replaced and ended.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::time::Duration;

use gripware_pipe::{Body, CallError, CallErrorKind, PipeClient, Remote, events::Events};
use http::{Method, Request};
use support::{Diary, Running, Site, get, name, quick, relay::Relay, serve, slow, until, within};
use tokio::{net::TcpListener, task::JoinHandle};
use tower::ServiceExt;

fn call(remote: &Remote, method: Method) -> JoinHandle<Result<u16, CallError>> {
    let request = Request::builder().method(method).uri("/slow");
    let calling = remote.clone().oneshot(request.body(Body::empty()).unwrap());
    tokio::spawn(async { Ok(calling.await?.status().as_u16()) })
}

#[tokio::test]
async fn a_call_on_a_pipe_that_is_lost_is_an_error_and_not_repeated() {
    let site = Site::new();
    let diary = Diary::default();
    let server = site.server_builder().hooks(diary.clone()).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (events, mut begun, _go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let dialling = Running::client(&client, events.clone());
    let app = server.client(&name("app"));
    until("it is connected", || app.is_connected()).await;
    let calling = call(&app, Method::POST);
    within(begun.recv()).await.unwrap();
    dialling.kill().await;
    let error = within(calling).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Lost);
    assert!(error.may_have_been_handled());
    until("the hooks know", || diary.has("lost app: Ended")).await;

    // It comes back, and has not been asked again.
    let _dialling = Running::client(&client, events);
    until("it is back", || app.is_connected()).await;
    assert_eq!(get(&app, "/other").await.unwrap().0, 404);
    assert!(begun.try_recv().is_err());
}

#[tokio::test]
async fn an_idempotent_call_is_sent_once_more() {
    let site = Site::new();
    let settings = quick().wait(Duration::from_secs(20));
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (events, mut begun, go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let dialling = Running::client(&client, events.clone());
    let app = server.client(&name("app"));
    let calling = call(&app, Method::GET);
    within(begun.recv()).await.unwrap();
    dialling.kill().await;
    let _dialling = Running::client(&client, events);
    within(begun.recv()).await.unwrap();
    go.add_permits(1);
    assert_eq!(within(calling).await.unwrap().unwrap(), 200);
    let metrics = server.metrics();
    assert!(
        metrics.contains("gripware_pipe_repeated_total 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_idempotent_call_is_not_repeated_where_that_is_not_wanted() {
    let site = Site::new();
    let settings = quick()
        .wait(Duration::from_secs(20))
        .repeat_idempotent(false);
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (events, mut begun, _go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let dialling = Running::client(&client, events);
    let calling = call(&server.client(&name("app")), Method::GET);
    within(begun.recv()).await.unwrap();
    dialling.kill().await;
    let error = within(calling).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Lost);
}

#[tokio::test]
async fn a_client_comes_back_to_a_server_that_was_away_in_any_order() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let diary = Diary::default();
    let client = site.client_builder("app", address).hooks(diary.clone());
    let client = client.build().unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    until("an attempt has failed", || diary.has("failed: ")).await;
    for _ in 0..2 {
        let server = site.server_builder().build().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let serving = Running::start(|stop| {
            use std::future::IntoFuture;
            let serve = server.serve(listener, Events::built_in("server"));
            serve
                .with_graceful_shutdown(stop.cancelled_owned())
                .into_future()
        });
        within(client.connected()).await;
        assert_eq!(get(&client.server(), "/time").await.unwrap().0, 200);
        serving.kill().await;
        until("the client knows", || !client.is_connected()).await;
    }
    assert!(diary.has("lost 127.0.0.1: Ended"));
}

#[tokio::test]
async fn the_next_server_is_dialled_where_one_is_away() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let (first, one, serving) = site.server().await;
    let (second, other, _serving) = site.server().await;
    let client = site.client_builder("app", nobody);
    let client = client.server(one.to_string().parse().unwrap());
    let client = client
        .server(other.to_string().parse().unwrap())
        .build()
        .unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    within(client.connected()).await;
    assert!(first.client(&name("app")).is_connected());
    serving.stop().await;
    let app = second.client(&name("app"));
    until("it is at the other one", || app.is_connected()).await;
    assert_eq!(get(&app, "/time").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_client_that_connects_again_takes_its_own_place() {
    let site = Site::new();
    let diary = Diary::default();
    let server = site.server_builder().hooks(diary.clone()).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (events, mut begun, go) = slow();
    let older = site.client_builder("app", address).build().unwrap();
    let _older = Running::client(&older, events);
    within(older.connected()).await;
    let app = server.client(&name("app"));
    let calling = call(&app, Method::POST);
    within(begun.recv()).await.unwrap();
    // The older one would come back and take the place again: so slowly that nobody waits for it.
    let (_newer, _dialling) = site.client("app", address).await;
    until("it is replaced", || diary.has("lost app: Replaced")).await;
    go.add_permits(1);
    assert_eq!(within(calling).await.unwrap().unwrap(), 200);
}

#[tokio::test]
async fn a_client_that_ends_answers_what_it_was_asked() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let (events, mut begun, go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let dialling = Running::client(&client, events);
    within(client.connected()).await;
    let app = server.client(&name("app"));
    let calling = call(&app, Method::POST);
    within(begun.recv()).await.unwrap();
    let stopping = tokio::spawn(dialling.stop());
    until("it is not there for others", || !app.is_connected()).await;
    let error = get(&app, "/slow").await.unwrap_err();
    assert!(error.is_not_connected(), "{error}");
    go.add_permits(1);
    assert_eq!(within(calling).await.unwrap().unwrap(), 200);
    within(stopping).await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_lets_calls_in_both_directions_end() {
    let site = Site::new();
    let (of_server, mut server_begun, server_go) = slow();
    let server = site.server_builder().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Running::start(|stop| {
        use std::future::IntoFuture;
        let serve = server.serve(listener, of_server);
        serve
            .with_graceful_shutdown(stop.cancelled_owned())
            .into_future()
    });
    let (of_client, mut client_begun, client_go) = slow();
    let client = site.client_builder("app", address).build().unwrap();
    let _dialling = Running::client(&client, of_client);
    within(client.connected()).await;
    let to_client = call(&server.client(&name("app")), Method::POST);
    let to_server = call(&client.server(), Method::POST);
    within(server_begun.recv()).await.unwrap();
    within(client_begun.recv()).await.unwrap();
    let stopping = tokio::spawn(serving.stop());
    until("the client knows", || !client.is_connected()).await;
    server_go.add_permits(1);
    client_go.add_permits(1);
    assert_eq!(within(to_client).await.unwrap().unwrap(), 200);
    assert_eq!(within(to_server).await.unwrap().unwrap(), 200);
    within(stopping).await.unwrap();
}

#[tokio::test]
async fn an_end_that_is_not_answered_is_cut_off_after_its_drain_time() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let (events, mut begun, _go) = slow();
    let client = site.client_builder("app", address);
    let client = client.settings(quick().drain(Duration::from_millis(50)));
    let client = client.build().unwrap();
    let dialling = Running::client(&client, events);
    within(client.connected()).await;
    let calling = call(&server.client(&name("app")), Method::POST);
    within(begun.recv()).await.unwrap();
    dialling.stop().await;
    let error = within(calling).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Lost);
}

/// An end behind a network that can fall silent, with quick heartbeats.
async fn behind(relay: &Relay, site: &Site, events: Events) -> (PipeClient, Running) {
    let beat = Duration::from_millis(200);
    let client = site.client_builder("app", relay.address);
    let client = client
        .settings(quick().heartbeat(beat, beat))
        .build()
        .unwrap();
    let dialling = Running::client(&client, events);
    within(client.connected()).await;
    (client, dialling)
}

#[tokio::test]
async fn both_ends_notice_a_network_that_falls_silent() {
    let site = Site::new();
    let beat = Duration::from_millis(200);
    let server = site
        .server_builder()
        .settings(quick().heartbeat(beat, beat));
    let server = server.build().unwrap();
    let (address, _serving) = serve(&server).await;
    let relay = Relay::to(address).await;
    let (events, mut begun, _go) = slow();
    let (client, _dialling) = behind(&relay, &site, events).await;
    let app = server.client(&name("app"));
    let calling = call(&app, Method::POST);
    within(begun.recv()).await.unwrap();
    relay.silence();
    let error = within(calling).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), CallErrorKind::Lost);
    until("the server knows", || !app.is_connected()).await;
    until("the client knows", || !client.is_connected()).await;
    relay.mend();
    until("it is back", || app.is_connected() && client.is_connected()).await;
}

#[tokio::test]
async fn new_certificates_count_without_a_restart_and_without_a_gap() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let diary = Diary::default();
    let client = site.client_builder("app", address).hooks(diary.clone());
    let client = client.build().unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    within(client.connected()).await;
    let app = server.client(&name("app"));
    until("the server knows", || app.is_connected()).await;
    site.authority.client("app", 2).unwrap();
    while !diary.has("lost 127.0.0.1: Renewed") {
        assert_eq!(get(&app, "/time").await.unwrap().0, 200);
        assert_eq!(get(&client.server(), "/time").await.unwrap().0, 200);
    }
    let entries = diary.entries();
    assert_eq!(entries.len(), 3, "{entries:?}");

    // What is half written stays without effect.
    std::fs::write(site.path("localhost.crt.pem"), "half").unwrap();
    std::fs::write(site.path("app.crt.pem"), "half").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(get(&app, "/time").await.unwrap().0, 200);
    assert_eq!(diary.entries().len(), 3);
}
