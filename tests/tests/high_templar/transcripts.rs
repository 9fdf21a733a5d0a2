//! One script against the original and ours.

use gripware_interop::{Place, RabbitMq};

use crate::{
    backend::Backend,
    python,
    servers::{Setup, behind_hub, behind_pushpin, original, ours},
};

/// What the two say differently, as their documentation has it.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        r#""is_authorized": true}"#,
        r#""is_authenticated": true, "is_authorized": true}"#,
    ),
    (
        r#"{"is_authorized": false}"#,
        r#"{"is_authenticated": false, "is_authorized": false}"#,
    ),
];

/// What is answered to a `status` without the key.
const REFUSED_STATUS: &str = r#"answer {"code": "error", "message": "message-type-not-allowed", "requestId": "(the id of the connection)"}"#;

#[tokio::test]
async fn a_client_and_a_backend_cannot_tell_the_two_apart() {
    let place = Place::new();
    let rabbitmq = RabbitMq::start().await;
    let original = plays(&place, Server::Original, &rabbitmq).await;
    let mut expected: String = original
        .transcript
        .lines()
        .map(|line| match line.contains("open_connections") {
            // It shows its counts to everybody.
            true => REFUSED_STATUS,
            false => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    for (theirs, ours) in DIFFERENCES {
        assert!(
            expected.contains(theirs),
            "no difference any more: {theirs}"
        );
        expected = expected.replace(theirs, ours);
    }
    for server in [
        Server::Ours,
        Server::OursBehindPushpin,
        Server::OursBehindHub,
    ] {
        let ours = plays(&place, server, &rabbitmq).await;
        assert_eq!(ours.transcript, expected, "{server:?}");
        assert_eq!(ours.shown, original.shown, "{server:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Server {
    /// PyPI's.
    Original,
    Ours,
    OursBehindPushpin,
    /// The program `gripware-hub`.
    OursBehindHub,
}

/// What a client and the backend saw.
struct Played {
    transcript: String,
    shown: Vec<String>,
}

async fn plays(place: &Place, server: Server, rabbitmq: &RabbitMq) -> Played {
    let backend = Backend::start().await;
    let broker = rabbitmq.address();
    let with_broker = Setup {
        broker: Some(broker),
        ..Setup::default()
    };
    let started = match server {
        Server::Original => original(place, backend.address, broker).await,
        Server::Ours => ours(place, backend.address, with_broker).await,
        Server::OursBehindPushpin => behind_pushpin(place, backend.address, with_broker).await,
        Server::OursBehindHub => behind_hub(place, backend.address, &[], with_broker).await,
    };
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    let address = started.address.to_string();
    let output = python("client.py", &[&address, &host, &port]).await;
    let transcript = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{server:?}: {transcript}{errors}");
    Played {
        transcript,
        shown: backend.shown("me").await,
    }
}
