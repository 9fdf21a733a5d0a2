//! The broker is not there, comes, and goes.

use std::time::{Duration, Instant};

use gripware_interop::{PATIENCE, Place, RabbitMq, Socket};
use serde_json::json;

use crate::{
    backend::Backend,
    hears, room,
    servers::{Setup, ours},
    subscribes, tries_a_trigger, welcomed,
};

#[tokio::test]
async fn clients_stay_while_the_broker_is_away() {
    let place = Place::new();
    let mut rabbitmq = RabbitMq::start().await;
    let backend = Backend::start().await;
    let setup = Setup {
        broker: Some(rabbitmq.address()),
        further: &["--trigger-key", "key"],
        ..Setup::default()
    };
    let server = ours(&place, backend.address, setup).await;
    let mut client = welcomed(server.address).await;
    assert_eq!(subscribes(&mut client, "1", "a").await["code"], "success");
    hears_a_trigger(&mut client, &rabbitmq).await;
    rabbitmq.restart().await;
    assert!(losses(&mut client).await > 0);
    hears_a_trigger(&mut client, &rabbitmq).await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_at_the_start_is_waited_for() {
    let place = Place::new();
    let mut rabbitmq = RabbitMq::start().await;
    rabbitmq.stop().await;
    let backend = Backend::start().await;
    // As the original's settings have it.
    let broker = json!({
        "exchange_name": "hightemplar",
        "username": "guest",
        "password": "guest",
        "host": rabbitmq.address().to_string(),
    });
    let setup = Setup {
        further: &["--trigger-key", "key"],
        environment: &[("RABBITMQ", &broker.to_string())],
        ..Setup::default()
    };
    let server = ours(&place, backend.address, setup).await;
    let mut client = welcomed(server.address).await;
    assert_eq!(subscribes(&mut client, "1", "a").await["code"], "success");
    let start = Instant::now();
    // Tried once and once more.
    while losses(&mut client).await < 2 {
        assert!(start.elapsed() < PATIENCE, "the broker is not tried again");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    rabbitmq.start_again().await;
    hears_a_trigger(&mut client, &rabbitmq).await;
    let before = losses(&mut client).await;
    rabbitmq.restart().await;
    hears_a_trigger(&mut client, &rabbitmq).await;
    assert!(losses(&mut client).await > before);
}

/// How often the broker was lost, or not there.
async fn losses(client: &mut Socket) -> u64 {
    let frame = json!({"type": "status", "key": "key"});
    client.sends(&frame.to_string()).await;
    loop {
        let answer = hears(client).await;
        // Of several triggers that were sent more than one may have come by now.
        if answer["type"] != "publish" {
            return answer["rabbitmq_connections_lost"].as_u64().unwrap();
        }
    }
}

/// Sends triggers until one arrives: what is sent while nobody has a queue is lost.
async fn hears_a_trigger(client: &mut Socket, rabbitmq: &RabbitMq) {
    let body = json!({"rooms": [room("1")], "data": "x"}).to_string();
    let start = Instant::now();
    loop {
        tries_a_trigger(rabbitmq.address(), &body).await;
        let next = tokio::time::timeout(Duration::from_secs(1), hears(client)).await;
        if let Ok(frame) = next {
            assert_eq!(
                frame,
                json!({"type": "publish", "data": "x", "requestId": "a"})
            );
            return;
        }
        assert!(start.elapsed() < 3 * PATIENCE, "no trigger arrives");
    }
}
