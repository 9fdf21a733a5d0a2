//! Answers that are there before the request is.

use super::*;

/// More than the buffers on the way take.
const LENGTH: usize = 32 << 20;

/// An origin that refuses by the head, and closes with the body unread.
async fn refusing() -> HttpOrigin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let mut origin = Client(socket);
            origin.until("\r\n\r\n").await;
            origin
                .send("HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\nless, pls")
                .await;
        }
    });
    HttpOrigin::new(address.parse().unwrap())
}

/// The same in this process.
fn refusing_app() -> Router {
    let refuse = async || (StatusCode::PAYLOAD_TOO_LARGE, "less, pls");
    Router::new().route("/", routing::post(refuse))
}

/// Sends all of an upload before it reads, as simple clients do.
async fn uploads(address: SocketAddr, path: &str) -> String {
    let mut client = Client::connect(address).await;
    let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {LENGTH}\r\n\r\n");
    client.send(&head).await;
    client.0.write_all(&vec![b'x'; LENGTH]).await.unwrap();
    client.rest().await
}

#[tokio::test]
async fn a_refusal_of_an_upload_reaches_its_client() {
    let caught = Caught::new(false);
    let inside = gateway(&caught, refusing_app()).await;
    let outside = gateway(&caught, refusing().await).await;
    for address in [inside, outside] {
        for _ in 0..10 {
            let answer = uploads(address, "/").await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.ends_with("\r\n\r\nless, pls"), "{answer}");
        }
    }
}

#[tokio::test]
async fn on_http_2_too() {
    let caught = Caught::new(false);
    let inside = gateway(&caught, refusing_app()).await;
    let outside = gateway(&caught, refusing().await).await;
    for address in [inside, outside] {
        let stream = TcpStream::connect(address).await.unwrap();
        let executor = hyper_util::rt::TokioExecutor::new();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        tokio::spawn(connection);
        for _ in 0..10 {
            let body = http_body_util::Full::new(Bytes::from(vec![b'x'; LENGTH]));
            let request = Request::post("http://h/").body(body).unwrap();
            let answer = client.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 413);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "less, pls");
        }
    }
}

#[tokio::test]
async fn a_refusal_of_the_hubs_own_reaches_its_client() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let answer = uploads(address, "/stream").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            answer.ends_with("Request too large to accept GRIP instruct.\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_origin_that_closes_without_an_answer_is_bad() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            Client(socket).until("\r\n\r\n").await;
        }
    });
    let origin = HttpOrigin::new(address.parse().unwrap());
    let address = gateway(&Caught::new(false), origin).await;
    let answer = uploads(address, "/").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}
