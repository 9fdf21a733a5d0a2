//! Clients that leave while the origin thinks.

use super::*;

/// An origin that never answers. Tells of each connection that begins, and of each that ends.
async fn silent() -> (HttpOrigin, mpsc::UnboundedReceiver<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut byte = [0];
                let mut read = 0;
                while socket.read(&mut byte).await.is_ok_and(|count| count > 0) {
                    if read == 0 {
                        let _ = tell.send("asked");
                    }
                    read += 1;
                }
                let _ = tell.send("left");
            });
        }
    });
    (HttpOrigin::new(address.parse().unwrap()), told)
}

async fn tells(told: &mut mpsc::UnboundedReceiver<&'static str>, what: &str) {
    let next = timeout(PATIENCE, told.recv()).await;
    assert_eq!(next.expect("nothing happens"), Some(what));
}

const GET: &str = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn a_client_that_resets_is_gone_whatever_it_has_sent_ahead() {
    let (origin, mut told) = silent().await;
    let address = gateway(&Caught::new(false), origin).await;
    for ahead in [0, 1, 100] {
        let mut client = Client::connect(address).await;
        client.send(&GET.repeat(1 + ahead)).await;
        tells(&mut told, "asked").await;
        client.0.set_zero_linger().unwrap();
        drop(client);
        tells(&mut told, "left").await;
    }
}

#[tokio::test]
async fn a_client_that_sends_no_more_still_gets_its_answer() {
    for requests in [1, 2] {
        let (admit, begun) = tokio::sync::oneshot::channel::<()>();
        let begun = Arc::new(Mutex::new(Some(begun)));
        let app = Router::new().route(
            "/slow",
            routing::get(async move || {
                let begun = begun.lock().unwrap().take();
                if let Some(begun) = begun {
                    begun.await.unwrap();
                }
                "answer"
            }),
        );
        let address = gateway(&Caught::new(false), app).await;
        let mut client = Client::connect(address).await;
        client.send(&GET.repeat(requests)).await;
        client.0.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        admit.send(()).unwrap();
        let answers = client.rest().await;
        assert_eq!(answers.matches("\r\n\r\nanswer").count(), requests);
    }
}

#[tokio::test]
async fn a_client_that_sends_no_more_and_gets_nothing_is_gone_after_a_while() {
    let (origin, mut told) = silent().await;
    let options = Options {
        answer_timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let address = gateway_with(&Caught::new(false), origin, options).await;
    let mut client = Client::connect(address).await;
    client.send(GET).await;
    tells(&mut told, "asked").await;
    client.0.shutdown().await.unwrap();
    tells(&mut told, "left").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn what_is_sent_ahead_is_answered_in_its_order() {
    let address = gateway(&Caught::new(false), app()).await;
    let mut client = Client::connect(address).await;
    let all: String = (0..500)
        .map(|number| format!("GET /echo?{number} HTTP/1.1\r\nHost: h\r\n\r\n"))
        .collect();
    let (mut read, mut write) = client.0.split();
    let sending = async { write.write_all(all.as_bytes()).await.unwrap() };
    let reading = async {
        let mut text = String::new();
        let mut buffer = vec![0; 65_536];
        while text.matches("\nend").count() < 500 {
            let length = timeout(PATIENCE, read.read(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            assert_ne!(length, 0);
            text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        text
    };
    let ((), text) = tokio::join!(sending, reading);
    let mut rest = text.as_str();
    for number in 0..500 {
        let line = format!("GET /echo?{number}\n");
        let position = rest.find(&line).expect("in order");
        rest = &rest[position + line.len()..];
    }
}
