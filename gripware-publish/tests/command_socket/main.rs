//! Commands to a real Pushpin of Debian's package, and to what is none.
#![cfg(all(unix, feature = "zeromq"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod origin;
mod pushpin;

use std::time::Duration;

use gripware_core::Channel;
use gripware_publish::{BuildError, CommandError, CommandSocket};
use pushpin::{Client, Pushpin};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_websocket_gets_a_turn_by_its_id_and_by_its_channel() {
    let (origin, mut opened) = origin::start().await;
    let pushpin = Pushpin::start(origin);
    let mut client = Client::connect(&pushpin).await;
    let mut id = opened.recv().await.unwrap();
    // Those before were of clients that came before Pushpin was ready, and were lost.
    while let Ok(next) = opened.try_recv() {
        id = next;
    }
    let commands = CommandSocket::new(&format!("tcp://{}", pushpin.command)).unwrap();

    commands.refresh_connection(&id).await.unwrap();
    assert_eq!(client.text().await, "turn 1");
    let room = Channel::new("room").unwrap();
    commands.refresh_channel(&room).await.unwrap();
    assert_eq!(client.text().await, "turn 2");

    let unknown = commands.refresh_connection("nobody").await.unwrap_err();
    let CommandError::Refused { condition } = &unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(condition, "item-not-found");
    // A channel that nobody follows has nobody to ask.
    let empty = Channel::new("empty").unwrap();
    commands.refresh_channel(&empty).await.unwrap();
}

#[tokio::test]
async fn what_is_no_command_socket_is_an_error_within_the_time() {
    for wrong in [
        "http://localhost:5563",
        "tcp://localhost",
        "ipc:///tmp/command",
    ] {
        let error = CommandSocket::new(wrong).unwrap_err();
        assert!(
            matches!(error, BuildError::ZeroMqAddress { .. }),
            "{error:?}"
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let commands = CommandSocket::new(&address).unwrap();

    // One that says nothing.
    let short = commands.clone().timeout(Duration::from_millis(50));
    let error = short.refresh_connection("a").await.unwrap_err();
    assert!(matches!(error, CommandError::TimedOut), "{error:?}");
    let silent = listener.accept().await.unwrap();

    // One that speaks HTTP.
    let speaking = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.repeat(2).as_bytes()).await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(commands.refresh_connection("a"), speaking);
    let error = error.unwrap_err();
    assert!(matches!(error, CommandError::Socket(_)), "{error:?}");
    drop((silent, listener));
    let error = commands.refresh_connection("a").await.unwrap_err();
    assert!(matches!(error, CommandError::Socket(_)), "{error:?}");
}
