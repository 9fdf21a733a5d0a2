//! The end of the gateway.

use super::*;

#[tokio::test]
async fn the_end_waits_for_requests_that_are_under_way() {
    let caught = Caught::new(false);
    let (entered, enter) = tokio::sync::oneshot::channel();
    let entered = Arc::new(Mutex::new(Some(entered)));
    let release = Arc::new(Notify::new());
    let app = Router::new().route(
        "/",
        routing::get({
            let release = Arc::clone(&release);
            async move || {
                entered.lock().unwrap().take().unwrap().send(()).unwrap();
                release.notified().await;
                "done"
            }
        }),
    );
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let gateway = Gateway::new(
        holder,
        Threads::of_caller(),
        app,
        Options::default(),
        stop.clone(),
    );
    let serving = tokio::spawn(gateway.serve(listener.into()));
    let mut idle = Client::connect(address).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    enter.await.unwrap();
    stop.cancel();
    assert_eq!(idle.rest().await, "");
    assert!(!serving.is_finished());
    release.notify_one();
    let answer = client.rest().await;
    assert!(answer.ends_with("done"), "{answer}");
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
