//! Several processes that share what they know.

use gripware_interop::{PATIENCE, Place, Process, RabbitMq, Socket};
use serde_json::json;

use crate::{
    backend::Backend,
    hears, python,
    servers::{Setup, behind_hub, listens, ours, redis},
};

#[tokio::test]
async fn a_process_that_is_started_again_knows_the_connections_that_another_had() {
    let place = Place::new();
    let (rabbitmq, backend) = (RabbitMq::start().await, Backend::start().await);
    let (redis, _redis) = redis(&place).await;
    let broker = rabbitmq.address();
    let setup = Setup {
        broker: Some(broker),
        redis: Some(&redis),
        ..Setup::default()
    };
    let mut server = behind_hub(&place, backend.address, &[], setup).await;

    let mut client = Socket::open(server.address, "/ws/").await;
    assert_eq!(hears(&mut client).await["is_authorized"], true);
    for customer in ["1", "2"] {
        let room = json!({"target": "m", "customer": customer});
        let subscribe = json!({"type": "subscribe", "room": room, "requestId": customer});
        client.sends(&subscribe.to_string()).await;
        assert_eq!(hears(&mut client).await["code"], "success");
    }
    let body = |customer: &str| {
        json!({"rooms": [{"target": "m", "customer": customer}], "data": customer}).to_string()
    };
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    assert!(server.process.stop(PATIENCE).await.success());
    // It waits in the queue that processes share.
    assert!(
        python("trigger.py", &[&host, &port, &body("1")])
            .await
            .status
            .success()
    );
    server.process = Process::start((server.command)(), place.directory(), "templar-2");
    listens(&mut server.process, server.listen).await;
    let heard =
        |customer: &str| json!({"type": "publish", "data": customer, "requestId": customer});
    assert_eq!(hears(&mut client).await, heard("1"));

    let unsubscribe = json!({"type": "unsubscribe", "requestId": "1"});
    client.sends(&unsubscribe.to_string()).await;
    assert_eq!(hears(&mut client).await["code"], "success");
    for customer in ["1", "2"] {
        let published = python("trigger.py", &[&host, &port, &body(customer)]).await;
        assert!(published.status.success());
    }
    assert_eq!(hears(&mut client).await, heard("2"));
}

#[tokio::test]
async fn each_trigger_reaches_the_clients_of_all_processes_once() {
    const TRIGGERS: usize = 20;
    let place = Place::new();
    let (rabbitmq, backend) = (RabbitMq::start().await, Backend::start().await);
    let (redis, _redis) = redis(&place).await;
    let broker = rabbitmq.address();
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let setup = Setup {
            broker: Some(broker),
            redis: Some(&redis),
            ..Setup::default()
        };
        let server = ours(&place, backend.address, setup).await;
        let mut client = Socket::open(server.address, "/ws/").await;
        assert_eq!(hears(&mut client).await["is_authorized"], true);
        let room = json!({"target": "m", "customer": "1"});
        let subscribe = json!({"type": "subscribe", "room": room, "requestId": "a"});
        client.sends(&subscribe.to_string()).await;
        assert_eq!(hears(&mut client).await["code"], "success");
        servers.push(server);
        clients.push(client);
    }
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    let triggers: Vec<_> = (0..TRIGGERS)
        .map(|n| json!({"rooms": [{"target": "m", "customer": "1"}], "data": n}).to_string())
        .collect();
    let mut arguments = vec![host.as_str(), &port];
    arguments.extend(triggers.iter().map(String::as_str));
    assert!(python("trigger.py", &arguments).await.status.success());
    for client in &mut clients {
        // Which process has which of them, and so in which order they come, is up to the broker.
        let mut heard = Vec::new();
        while heard.len() < TRIGGERS {
            heard.push(hears(client).await["data"].as_u64());
        }
        heard.sort_unstable();
        let all: Vec<_> = (0..TRIGGERS as u64).map(Some).collect();
        assert_eq!(heard, all);
        client.sends("ping").await;
        client.receives("pong").await;
    }
}
