//! Certificates of the program: by name, renewed while it serves, and for the control API.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    fs, io,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rcgen::{CertifiedKey, KeyPair};
use rustix::process::Signal;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs::default_provider, pki_types::CertificateDer,
};

use crate::support::{LONG, Program, Running};

type Made = CertifiedKey<KeyPair>;

fn made(name: &str) -> Made {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

/// Writes a certificate and its key.
fn write(folder: &std::path::Path, name: &str, made: &Made) {
    fs::write(folder.join(format!("{name}.crt")), made.cert.pem()).unwrap();
    fs::write(
        folder.join(format!("{name}.key")),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
}

/// Connects and asks for a name, trusting these.
fn connect(
    address: SocketAddr,
    name: &str,
    trusted: &[&Made],
) -> StreamOwned<ClientConnection, TcpStream> {
    connect_as(address, name, trusted, None).unwrap()
}

/// As [`connect`], with a certificate of one's own or none.
fn connect_as(
    address: SocketAddr,
    name: &str,
    trusted: &[&Made],
    own: Option<&Made>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    for made in trusted {
        roots.add(made.cert.der().clone()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let key = own.signing_key.serialize_der().try_into().unwrap();
            let chain = vec![own.cert.der().clone()];
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let name = name.to_owned().try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn shown(stream: &StreamOwned<ClientConnection, TcpStream>) -> CertificateDer<'static> {
    let shown = stream.conn.peer_certificates().unwrap();
    shown.first().unwrap().clone().into_owned()
}

fn reads(client: &mut impl Read, end: &str) {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

/// An application that holds.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            for _ in lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
            {}
            let held = "HTTP/1.1 200 OK\r\nGrip-Hold: stream\r\nGrip-Channel: news\r\n\
                        Content-Length: 3\r\nConnection: close\r\n\r\nhi\n";
            client.write_all(held.as_bytes()).unwrap();
        }
    });
    address
}

fn until(hub: &Running, said: &str) {
    let start = Instant::now();
    while !hub.errors().contains(said) {
        assert!(start.elapsed() < LONG, "{said} is not in {}", hub.errors());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn clients_get_the_certificate_of_their_name_and_a_renewed_one_after_a_hang_up() {
    let (first, other, renewed) = (made("a.example"), made("b.example"), made("b.example"));
    let program = Program::new();
    let folder = program.path("");
    write(&folder, "a", &first);
    write(&folder, "b", &other);
    let hub = program
        .flag(format!("--origin=http://{}", origin()))
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .flag("--tls-cert=a.crt")
        .flag("--tls-key=a.key")
        .flag("--tls-cert=b.crt")
        .flag("--tls-key=b.key")
        .start();
    let both = [&first, &other, &renewed];
    assert_eq!(
        shown(&connect(hub.front, "a.example", &both)),
        *first.cert.der()
    );
    let mut held = connect(hub.front, "b.example", &both);
    assert_eq!(shown(&held), *other.cert.der());
    held.write_all(b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
        .unwrap();
    reads(&mut held, "3\r\nhi\n\r\n");

    // Half of it is there, as while it is being renewed.
    fs::write(folder.join("b.crt"), renewed.cert.pem()).unwrap();
    hub.send(Signal::HUP);
    until(&hub, "the old certificates stay");
    assert_eq!(
        shown(&connect(hub.front, "b.example", &both)),
        *other.cert.der()
    );
    write(&folder, "b", &renewed);
    hub.send(Signal::HUP);
    until(&hub, "new certificates are shown");
    assert_eq!(
        shown(&connect(hub.front, "b.example", &both)),
        *renewed.cert.der()
    );
    assert_eq!(
        shown(&connect(hub.front, "a.example", &both)),
        *first.cert.der()
    );

    // Whoever was held has not noticed.
    let item = r#"{"items":[{"channel":"news","formats":{"http-stream":{"content":"item\n"}}}]}"#;
    let published = hub.request_with("POST /publish/", item);
    assert!(published.starts_with("HTTP/1.1 200"), "{published}");
    reads(&mut held, "5\r\nitem\n\r\n");
}

#[test]
fn the_control_api_speaks_tls_and_nothing_else() {
    let own = made("hub.internal");
    let program = Program::ready();
    write(&program.path(""), "hub", &own);
    let hub = program
        .flag("--control-key=secret")
        .flag("--control-tls-cert=hub.crt")
        .flag("--control-tls-key=hub.key")
        .start();
    let mut publisher = connect(hub.control, "hub.internal", &[&own]);
    for _ in 0..2 {
        let request = "GET /channels HTTP/1.1\r\nHost: hub.internal\r\n\
                       Authorization: Bearer secret\r\n\r\n";
        publisher.write_all(request.as_bytes()).unwrap();
        reads(&mut publisher, "\r\n\r\n[]");
    }
    let mut plain = TcpStream::connect(hub.control).unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[test]
fn a_client_without_a_certificate_that_is_vouched_for_is_refused() {
    let (own, known, stranger) = (made("hub.internal"), made("known"), made("stranger"));
    let program = Program::new();
    let folder = program.path("");
    write(&folder, "hub", &own);
    // Who has signed itself vouches for itself.
    write(&folder, "clients", &known);
    let hub = program
        .flag(format!("--origin=http://{}", origin()))
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .flag("--tls-cert=hub.crt")
        .flag("--tls-key=hub.key")
        .flag("--tls-client-ca=clients.crt")
        .flag("--control-key=secret")
        .flag("--control-tls-cert=hub.crt")
        .flag("--control-tls-key=hub.key")
        .flag("--control-tls-client-ca=clients.crt")
        .start();
    // A refusal comes behind the client's part of the handshake (RFC 8446, section 4.4.2.4).
    let answer = |address, request: &str, as_: Option<&Made>| {
        let mut client = connect_as(address, "hub.internal", &[&own], as_)?;
        client.write_all(request.as_bytes())?;
        let mut answer = [0; 12];
        client.read_exact(&mut answer)?;
        io::Result::Ok(answer)
    };
    let held = "GET / HTTP/1.1\r\nHost: hub.internal\r\n\r\n";
    let list =
        "GET /channels HTTP/1.1\r\nHost: hub.internal\r\nAuthorization: Bearer secret\r\n\r\n";
    for (address, request) in [(hub.front, held), (hub.control, list)] {
        let answered = answer(address, request, Some(&known)).unwrap();
        assert_eq!(answered, *b"HTTP/1.1 200");
        assert!(answer(address, request, Some(&stranger)).is_err());
        assert!(answer(address, request, None).is_err());
    }

    write(&folder, "clients", &stranger);
    hub.send(Signal::HUP);
    until(&hub, "new certificates are shown");
    assert!(answer(hub.front, held, Some(&stranger)).is_ok());
    assert!(answer(hub.front, held, Some(&known)).is_err());
}

#[test]
fn certificates_that_cannot_be_used_are_refused_at_the_start() {
    for flag in ["tls", "control-tls"] {
        let program = Program::ready();
        write(&program.path(""), "a", &made("a.example"));
        write(&program.path(""), "b", &made("b.example"));
        let line = program
            .flag(format!("--{flag}-cert=a.crt"))
            .flag(format!("--{flag}-key=b.key"))
            .fails(2);
        let expected = format!("--{flag}-cert: the certificate and its key cannot be used");
        assert!(line.contains(&expected), "{line}");
        let line = Program::ready()
            .flag(format!("--{flag}-key=b.key"))
            .fails(2);
        assert!(line.contains("they need each other"), "{line}");
        let line = Program::ready()
            .flag(format!("--{flag}-client-ca=a.crt"))
            .fails(2);
        assert!(line.contains(&format!("it needs --{flag}-cert")), "{line}");
        let program = Program::ready();
        write(&program.path(""), "a", &made("a.example"));
        let line = program
            .flag(format!("--{flag}-cert=a.crt"))
            .flag(format!("--{flag}-key=a.key"))
            .flag(format!("--{flag}-client-ca=a.key"))
            .fails(2);
        let expected = format!("--{flag}-client-ca: the authorities of clients are not in PEM");
        assert!(line.contains(&expected), "{line}");
    }
}
