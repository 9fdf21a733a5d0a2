//! Who is trusted, and who is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::{fs, net::SocketAddr, time::Duration};

use gripware_pipe::{Authority, Identity, PipeClient, events::Events};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use support::{Diary, LONG, Running, Site, get, name, quick, serve, until, within};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Dials with an identity, and waits until the client has been refused `why`.
async fn refused(identity: Identity, server: SocketAddr, why: &str) {
    let diary = Diary::default();
    let client = PipeClient::builder(identity)
        .server(server.to_string().parse().unwrap())
        .settings(quick())
        .hooks(diary.clone())
        .build()
        .unwrap();
    let dialling = Running::client(&client, Events::built_in("client"));
    until(why, || !diary.entries().is_empty()).await;
    assert!(!client.is_connected(), "{why}");
    dialling.stop().await;
    let entries = diary.entries();
    assert!(
        entries.iter().all(|it| it.contains(why)),
        "{why}: {entries:?}"
    );
}

/// A certificate of the site's authority that is not made as the authority makes them.
fn unusual(site: &Site, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let read = |name: &str| fs::read_to_string(site.path(name)).unwrap();
    let key = KeyPair::from_pem(&read("ca.key.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.crt.pem"), key).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let (certificate, key) = (certificate.pem(), key.serialize_pem());
    Identity::from_pem(
        read("ca.crt.pem").as_bytes(),
        certificate.as_bytes(),
        key.as_bytes(),
    )
}

#[tokio::test]
async fn a_client_has_to_have_a_valid_certificate_of_the_authority() {
    let site = Site::new();
    let diary = Diary::default();
    let server = site.server_builder().hooks(diary.clone()).build().unwrap();
    let (address, _serving) = serve(&server).await;

    let other = tempfile::tempdir().unwrap();
    Authority::create(other.path())
        .unwrap()
        .client("app", 1)
        .unwrap();
    let foreign = Identity::from_files(
        site.path("ca.crt.pem"),
        other.path().join("app.crt.pem"),
        other.path().join("app.key.pem"),
    );
    refused(foreign, address, "alert: UnknownCA").await;

    let past = OffsetDateTime::now_utc() - time::Duration::days(1);
    let expired = unusual(&site, &["app"], |params| params.not_after = past);
    refused(expired, address, "alert: CertificateExpired").await;

    let future = OffsetDateTime::now_utc() + time::Duration::days(1);
    let early = unusual(&site, &["app"], |params| params.not_before = future);
    refused(early, address, "alert: CertificateExpired").await;

    refused(
        site.identity("localhost"),
        address,
        "UnsupportedCertificate",
    )
    .await;

    for nameless in [&[][..], &["*.example"], &["10.0.0.1"]] {
        let nameless = unusual(&site, nameless, |_| {});
        refused(nameless, address, "closed").await;
        until("it says why", || diary.has("no name")).await;
    }

    let client = site.client_builder("app", address).build().unwrap();
    site.authority.revoke("app").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    refused(site.identity("app"), address, "CertificateRevoked").await;
    drop(client);
    assert!(server.clients().is_empty());
}

#[tokio::test]
async fn a_client_verifies_the_server() {
    let site = Site::new();
    let (_server, address, _serving) = site.server().await;
    site.authority.client("app", 1).unwrap();

    let other = tempfile::tempdir().unwrap();
    Authority::create(other.path()).unwrap();
    let foreign = Identity::from_files(
        other.path().join("ca.crt.pem"),
        site.path("app.crt.pem"),
        site.path("app.key.pem"),
    );
    refused(foreign, address, "UnknownIssuer").await;

    // A client is no server, even under its own name.
    let diary = Diary::default();
    let client = site
        .client_builder("app", address)
        .server_name("elsewhere.example");
    let client = client.hooks(diary.clone()).build().unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    until("the name does not fit", || diary.has("not valid for")).await;
    assert!(!client.is_connected());
}

#[tokio::test]
async fn a_client_poses_as_no_server() {
    let site = Site::new();
    site.authority.client("app", 1).unwrap();
    let impostor = gripware_pipe::PipeServer::builder(site.identity("app"))
        .build()
        .unwrap();
    let (address, _serving) = serve(&impostor).await;
    let diary = Diary::default();
    let client = site.client_builder("app", address).server_name("app");
    let client = client.hooks(diary.clone()).build().unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    until("it has tried", || !diary.entries().is_empty()).await;
    assert!(
        diary.has("invalid peer certificate: certificate does not allow"),
        "{diary:?}"
    );
}

#[tokio::test]
async fn a_client_that_is_revoked_is_cut_off() {
    let site = Site::new();
    let diary = Diary::default();
    let server = site.server_builder().hooks(diary.clone()).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let (client, _dialling) = site.client("app", address).await;
    let (_other, _other_dialling) = site.client("other", address).await;
    site.authority.revoke("app").unwrap();
    until("it is cut off", || diary.has("lost app: Untrusted")).await;
    until("it knows", || !client.is_connected()).await;
    assert!(!diary.has("lost other"));
    assert_eq!(
        get(&server.client(&name("other")), "/time")
            .await
            .unwrap()
            .0,
        200
    );

    // With a new certificate it is back, without a restart of either.
    site.authority.client("app", 1).unwrap();
    within(client.connected()).await;
    let app = server.client(&name("app"));
    until("it is back", || app.is_connected()).await;
}

#[tokio::test]
async fn a_server_that_is_revoked_is_left() {
    let site = Site::new();
    let (_server, address, _serving) = site.server().await;
    site.authority.client("app", 1).unwrap();
    let diary = Diary::default();
    let client = PipeClient::builder(site.identity("app").with_revoked_file(site.path("revoked")))
        .server(address.to_string().parse().unwrap())
        .settings(quick())
        .hooks(diary.clone())
        .build()
        .unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    within(client.connected()).await;
    site.authority.revoke("localhost").unwrap();
    until("it is left", || diary.has("lost 127.0.0.1")).await;
    until("it is refused", || diary.has("Revoked")).await;
}

#[tokio::test]
async fn only_clients_that_are_known_are_accepted_where_that_is_set() {
    let site = Site::new();
    let server = site.server_builder().known([name("app")]).only_known(true);
    let server = server.build().unwrap();
    let (address, _serving) = serve(&server).await;
    site.authority.client("other", 1).unwrap();
    refused(site.identity("other"), address, "closed").await;
    let (_app, _dialling) = site.client("app", address).await;
    assert!(server.known_client("other").is_none());
}

#[tokio::test]
async fn an_alias_finds_a_client_and_identifies_nobody() {
    let site = Site::new();
    let server = site
        .server_builder()
        .alias("127.0.0.1", name("app"))
        .build()
        .unwrap();
    let (address, _serving) = serve(&server).await;
    let (_other, _dialling) = site.client("other", address).await;
    let alias = server.known_client("127.0.0.1").unwrap();
    assert!(get(&alias, "/time").await.unwrap_err().is_not_connected());
    let (_app, _dialling) = site.client("app", address).await;
    until("it is there", || alias.is_connected()).await;
}

#[tokio::test]
async fn a_client_is_known_under_every_name_of_its_certificate() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let identity = unusual(&site, &["app", "app.example"], |_| {});
    let client = PipeClient::builder(identity)
        .server(address.to_string().parse().unwrap())
        .build()
        .unwrap();
    let _dialling = Running::client(&client, Events::built_in("client"));
    within(client.connected()).await;
    for one in ["app", "app.example"] {
        assert!(server.client(&name(one)).is_connected(), "{one}");
    }
}

#[tokio::test]
async fn whoever_does_not_finish_a_handshake_is_closed() {
    let site = Site::new();
    let settings = quick().connect_timeout(Duration::from_millis(300));
    let server = site.server_builder().settings(settings).max_handshakes(2);
    let server = server.build().unwrap();
    let (address, _serving) = serve(&server).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut noise = TcpStream::connect(address).await.unwrap();
    let _ = noise.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for mut stream in idle.into_iter().chain([noise]) {
        let mut rest = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut rest))
            .await
            .expect("it is closed");
    }
    let (_app, _dialling) = site.client("app", address).await;
}

#[test]
fn files_that_are_no_identity_are_refused() {
    let site = Site::new();
    let of = |ca: &str, cert: &str, key: &str| {
        let identity = Identity::from_files(site.path(ca), site.path(cert), site.path(key));
        let built = gripware_pipe::PipeServer::builder(identity).build();
        built.unwrap_err().to_string()
    };
    let (ca, cert, key) = ("ca.crt.pem", "localhost.crt.pem", "localhost.key.pem");
    assert!(of("none", cert, key).contains("cannot be read"));
    assert!(of(key, cert, key).contains("authority"));
    assert!(of(ca, key, key).contains("certificate is none"));
    assert!(of(ca, cert, cert).contains("key"));
    assert!(of(ca, cert, "ca.key.pem").contains("together"));
    fs::write(site.path("empty"), "").unwrap();
    let identity = site
        .identity("localhost")
        .with_revoked_file(site.path("empty"));
    let error = gripware_pipe::PipeServer::builder(identity)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("revoked"), "{error}");
    let secret = fs::read_to_string(site.path(key)).unwrap();
    let identity = Identity::from_pem(b"", b"", secret.as_bytes());
    assert!(!format!("{identity:?}").contains("PRIVATE"));
}
