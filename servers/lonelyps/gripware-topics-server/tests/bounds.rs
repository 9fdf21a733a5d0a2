//! What a broadcaster takes of those who ask, and what it refuses.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::Duration;

use bytes::Bytes;
use gripware_topics::{
    Address, Auth, Pattern, SubscriptionList, Topic, Tracing,
    auth::Kind,
    client::Client,
    http::{NOTIFY, SET_SUBSCRIPTIONS, SUBSCRIBE_EXACT, SetSubscriptions, Subscribe},
};
use gripware_topics_server::Settings;
use http::{HeaderName, StatusCode, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Served, ask, builder, client, serve, serve_with_hub, socket_client, soon};

/// POSTs a body, and returns the status.
async fn status(
    broadcaster: &Served,
    path: &str,
    header: Option<(HeaderName, &str)>,
    body: Bytes,
) -> StatusCode {
    ask(broadcaster, path, header, body).await.0
}

fn subscribe() -> Bytes {
    let subscribe = Subscribe {
        url: Address::new("http://127.0.0.1:9/").unwrap(),
        pattern: Pattern::Exact(Topic::try_from("t").unwrap()),
        recovery: None,
        tracing: Tracing::default(),
    };
    subscribe.encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmations_are_not_remembered_for_replay_protection() {
    const MESSAGES: usize = 5;
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    // Enough for what is subscribed and published, and not for 25 confirmations.
    let settings = Settings::default().replays(22);
    let broadcaster = serve_with_hub(&auth, |builder| builder.settings(settings)).await;
    let mut subscriptions = Vec::new();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..2 {
        clients.push(client(&auth, &broadcaster).await);
        clients.push(socket_client(&auth, &[&broadcaster.url]));
    }
    clients.push(client(&auth, &broadcaster).await);
    for client in &clients {
        let mut subscription = soon(client.subscribe_exact("t")).await.unwrap();
        subscriptions.push(tokio::spawn(async move {
            for _ in 0..MESSAGES {
                subscription.next().await.unwrap();
            }
            subscription
        }));
    }
    for _ in 0..MESSAGES {
        let sent = soon(clients[0].notify("t", "x")).await.unwrap();
        assert_eq!(sent.subscribers, 5);
    }
}

#[tokio::test]
async fn a_list_has_to_have_room_in_memory() {
    let settings = Settings::default().max_buffered(1024 * 1024);
    let broadcaster = builder(&Auth::none()).settings(settings).build().unwrap();
    let broadcaster = serve(&broadcaster).await;
    let set = |count: u32| {
        let mut list = SubscriptionList::default();
        for number in 0..count {
            let topic = Topic::try_from(&number.to_be_bytes()).unwrap();
            list.insert(Pattern::Exact(topic), None);
        }
        let url = Address::new("http://127.0.0.1:9/").unwrap();
        let body = SetSubscriptions::new(url, list, Tracing::default()).encode();
        status(&broadcaster, SET_SUBSCRIPTIONS, None, body)
    };
    assert_eq!(set(3000).await, StatusCode::OK);
    // 32 KB, which are more than 1 MiB in memory.
    assert_eq!(set(4100).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(set(3000).await, StatusCode::OK, "the room is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_signed_takes_no_more_than_its_room() {
    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let broadcaster = serve(&builder(&auth).build().unwrap()).await;
    let address = broadcaster.url.trim_start_matches("http://");
    // 400 bodies of 256 KiB are over 64 MiB, without their first pieces too; none of them ends.
    let mut hanging = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        hanging.push(tokio::spawn(async move {
            let head = format!(
                "POST {SUBSCRIBE_EXACT} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                256 * 1024 + 1
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // A body that is refused is not read to its end.
            let _ = stream.write_all(&[0; 256 * 1024]).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            answer
        }));
    }
    let refused = hanging.iter_mut();
    let refused = soon(futures_util::future::select_all(refused))
        .await
        .0
        .unwrap();
    assert!(refused.starts_with(b"HTTP/1.1 503 "), "{refused:?}");
    // What comes in one piece is served all the same.
    let got = status(&broadcaster, SUBSCRIBE_EXACT, None, subscribe()).await;
    assert_eq!(got, StatusCode::UNAUTHORIZED);
    for one in &hanging {
        one.abort();
    }
    // The room is given back to what comes in several.
    let read = async {
        let body = Bytes::from_static(&[0; 200 * 1024]);
        while status(&broadcaster, SUBSCRIBE_EXACT, None, body.clone()).await
            != StatusCode::BAD_REQUEST
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(read).await;
}

#[tokio::test]
async fn a_page_in_a_browser_does_nothing_where_nothing_is_signed() {
    let broadcaster = serve(&builder(&Auth::none()).build().unwrap()).await;
    let site = HeaderName::from_static("sec-fetch-site");
    for header in [
        (header::ORIGIN, "https://a.example"),
        (site.clone(), "cross-site"),
    ] {
        for path in [SUBSCRIBE_EXACT, SET_SUBSCRIPTIONS, NOTIFY] {
            let got = status(&broadcaster, path, Some(header.clone()), subscribe()).await;
            assert_eq!(got, StatusCode::FORBIDDEN, "{path} {header:?}");
        }
    }
    for header in [Some((site, "none")), None] {
        let body = subscribe();
        let got = status(&broadcaster, SUBSCRIBE_EXACT, header, body).await;
        assert_ne!(got, StatusCode::FORBIDDEN);
    }
    // Who signs has the secret, and is no page of somebody else.
    let auth = Auth::generate(Kind::Token, Kind::Token).unwrap();
    let broadcaster = serve(&builder(&auth).build().unwrap()).await;
    let origin = Some((header::ORIGIN, "https://a.example"));
    let got = status(&broadcaster, SUBSCRIBE_EXACT, origin, subscribe()).await;
    assert_eq!(got, StatusCode::UNAUTHORIZED);
}
