//! Requests that take longer than anybody would wait for them.

use super::*;

/// Longer than any limit that the hub has for what it asks by itself.
const LONG: Duration = Duration::from_secs(70);

fn slow() -> Router {
    Router::new()
        .route(
            "/count",
            routing::post(async |body: Bytes| body.len().to_string()),
        )
        .route(
            "/handler",
            routing::get(async || {
                tokio::time::sleep(LONG).await;
                "done"
            }),
        )
        .route(
            "/answer",
            routing::get(async || {
                let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
                tokio::spawn(async move {
                    sender.send_data("first".into()).await.unwrap();
                    tokio::time::sleep(LONG).await;
                    sender.send_data("second".into()).await.unwrap();
                });
                AxumBody::new(body)
            }),
        )
}

/// The application in the same process, and the same behind an HTTP address.
async fn both_slow(caught: &Arc<Caught>) -> [SocketAddr; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, slow()).await });
    let origin = HttpOrigin::new(address.parse().unwrap());
    [gateway(caught, slow()).await, gateway(caught, origin).await]
}

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut client = Client::connect(address).await;
    client
        .send(&format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        ))
        .await;
    let mut read = Vec::new();
    // The clock is paused, so that nothing but the hub may have a limit.
    client.0.read_to_end(&mut read).await.unwrap();
    String::from_utf8(read).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_a_byte_a_second_takes_as_long_as_it_takes() {
    let caught = Caught::new(false);
    for address in both_slow(&caught).await {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head =
            "POST /count HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 70\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..70 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.write_all(b"x").await.unwrap();
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n70"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_and_an_answer_take_as_long_as_they_take() {
    let caught = Caught::new(false);
    for address in both_slow(&caught).await {
        let answer = ask(address, "/handler").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("done"), "{answer}");
        let answer = ask(address, "/answer").await;
        assert!(answer.contains("first"), "{answer}");
        assert!(answer.contains("second"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_limit_is_the_origins_alone() {
    let mut caught = Caught::new(false);
    let settings = &mut Arc::get_mut(&mut caught).unwrap().settings;
    settings.origin_idle_timeout = LONG / 2;
    for address in both_slow(&caught).await {
        let answer = ask(address, "/handler").await;
        assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
        let answer = ask(address, "/answer").await;
        assert!(answer.contains("first"), "{answer}");
        assert!(
            !answer.contains("second") && !answer.ends_with("0\r\n\r\n"),
            "{answer}"
        );
    }
}
