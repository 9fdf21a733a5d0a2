use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::*;
use crate::origin::OriginAddress;

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n";
const UNTIL_CLOSED: &str = "HTTP/1.0 200 OK\r\n\r\nok";
const LARGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nok";

/// What an origin sees.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Opened,
    Closed,
}

/// Answers by the path, and says which connections come and go.
async fn origin(idle: Duration) -> (Arc<KeptConnections>, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, sees) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            seen.send(Seen::Opened).unwrap();
            let seen = seen.clone();
            tokio::spawn(async move {
                answer(socket).await;
                let _ = seen.send(Seen::Closed);
            });
        }
    });
    let address: OriginAddress = address.parse().unwrap();
    let connector = Connector::new(&address, Duration::from_secs(5));
    (KeptConnections::new(connector, address.uri(), idle), sees)
}

async fn answer(mut socket: TcpStream) {
    let mut read = Vec::new();
    while socket
        .read_buf(&mut read)
        .await
        .is_ok_and(|length| length > 0)
    {
        if !read.ends_with(b"\r\n\r\n") {
            continue;
        }
        let request = String::from_utf8(std::mem::take(&mut read)).unwrap();
        let path = request.split(' ').nth(1).unwrap();
        let answer = match path {
            "/chunked" => CHUNKED,
            "/until-closed" => UNTIL_CLOSED,
            "/large" => LARGE,
            _ => LENGTH,
        };
        let answer = match answer.split_once("\r\n\r\n") {
            Some((head, _)) if request.starts_with("HEAD") => format!("{head}\r\n\r\n"),
            _ => answer.to_owned(),
        };
        socket.write_all(answer.as_bytes()).await.unwrap();
        if matches!(path, "/until-closed" | "/leaves") {
            return;
        }
    }
}

fn request(method: &str, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::whole(Bytes::new())).unwrap()
}

async fn read(kept: &Arc<KeptConnections>, method: &str, path: &str) -> Bytes {
    let answer = kept.send(&mut request(method, path)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_answer_has_been_read() {
    let (kept, mut sees) = origin(Duration::from_secs(60)).await;
    for path in ["/", "/chunked", "/"] {
        assert_eq!(read(&kept, "GET", path).await, "ok");
        assert_eq!(read(&kept, "HEAD", path).await, "");
    }
    // One that was not asked for its body, which is there.
    drop(kept.send(&mut request("GET", "/")).await.unwrap());
    assert_eq!(read(&kept, "GET", "/").await, "ok");
    drop(kept);
    assert_eq!(sees.recv().await, Some(Seen::Opened));
    assert_eq!(sees.recv().await, Some(Seen::Closed));
    assert!(sees.is_empty());
}

#[tokio::test]
async fn a_connection_whose_origin_has_closed_it_is_not_used_again() {
    let (kept, mut sees) = origin(Duration::from_secs(60)).await;
    for path in ["/until-closed", "/leaves"] {
        assert_eq!(read(&kept, "GET", path).await, "ok");
        assert_eq!(sees.recv().await, Some(Seen::Opened));
        assert_eq!(sees.recv().await, Some(Seen::Closed));
        // What the system knows has to reach the runtime.
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(read(&kept, "GET", "/").await, "ok");
    assert_eq!(sees.recv().await, Some(Seen::Opened));
}

#[tokio::test]
async fn an_answer_that_is_not_read_to_its_end_costs_its_connection() {
    let (kept, mut sees) = origin(Duration::from_secs(60)).await;
    let mut answer = kept.send(&mut request("GET", "/large")).await.unwrap();
    let begun = answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(begun.into_data().unwrap(), "ok");
    drop(answer);
    assert_eq!(sees.recv().await, Some(Seen::Opened));
    assert_eq!(sees.recv().await, Some(Seen::Closed));
    assert_eq!(read(&kept, "GET", "/").await, "ok");
    assert_eq!(sees.recv().await, Some(Seen::Opened));
}

#[tokio::test]
async fn an_idle_connection_is_closed_although_nobody_asks_again() {
    let (kept, mut sees) = origin(Duration::from_millis(20)).await;
    for _ in 0..2 {
        assert_eq!(read(&kept, "GET", "/").await, "ok");
        assert_eq!(sees.recv().await, Some(Seen::Opened));
        assert_eq!(sees.recv().await, Some(Seen::Closed));
    }
    let idle = kept.idle.all();
    assert!(idle.iter().all(|idle| lock(idle).connections.is_empty()));
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let address: OriginAddress = address.parse().unwrap();
    let connector = Connector::new(&address, Duration::from_secs(5));
    let kept = KeptConnections::new(connector, address.uri(), Duration::from_secs(60));
    let error = kept.send(&mut request("GET", "/")).await.unwrap_err();
    assert!(matches!(error, OriginError::Unreached(_)), "{error:?}");
}

/// Asks on a runtime of its own, and returns it.
fn ask_elsewhere(
    kept: &Arc<KeptConnections>,
    times: usize,
) -> impl Future<Output = tokio::runtime::Runtime> {
    let kept = Arc::clone(kept);
    let asking = tokio::task::spawn_blocking(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..times {
                assert_eq!(read(&kept, "GET", "/").await, "ok");
            }
        });
        runtime
    });
    async { asking.await.unwrap() }
}

#[tokio::test]
async fn each_runtime_has_connections_of_its_own_and_takes_them_with_it() {
    let (kept, mut sees) = origin(Duration::from_secs(60)).await;
    let mut runtimes = Vec::new();
    for _ in 0..2 {
        runtimes.push(ask_elsewhere(&kept, 3).await);
        assert_eq!(sees.recv().await, Some(Seen::Opened));
    }
    assert_eq!(read(&kept, "GET", "/").await, "ok");
    assert_eq!(sees.recv().await, Some(Seen::Opened));
    assert!(sees.is_empty());
    for runtime in runtimes {
        runtime.shutdown_background();
        assert_eq!(sees.recv().await, Some(Seen::Closed));
    }
    assert_eq!(read(&kept, "GET", "/").await, "ok");
    assert!(sees.is_empty());
}

#[tokio::test]
async fn a_whole_body_goes_with_its_head_over_a_connection_that_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let address: OriginAddress = address.parse().unwrap();
    let connector = Connector::new(&address, Duration::from_secs(5));
    let kept = KeptConnections::new(connector, address.uri(), Duration::from_secs(60));
    let large = Bytes::from(vec![b'x'; 3 << 20]);
    let serving = tokio::spawn({
        let large = large.clone();
        async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            for body in [b"turn", &large[..]] {
                let mut read = Vec::new();
                while !read.ends_with(body) {
                    assert!(socket.read_buf(&mut read).await.unwrap() > 0);
                }
                let length = format!("content-length: {}\r\n", body.len());
                let head = String::from_utf8_lossy(&read[..200.min(read.len())]);
                assert!(head.to_ascii_lowercase().contains(&length), "{head}");
                socket.write_all(LENGTH.as_bytes()).await.unwrap();
            }
        }
    });
    for body in [Bytes::from_static(b"turn"), large] {
        let request = Request::post("/").header("Content-Length", body.len());
        let answer = kept
            .send(&mut request.body(Body::whole(body)).unwrap())
            .await;
        let read = answer.unwrap().into_body().collect().await.unwrap();
        assert_eq!(read.to_bytes(), "ok");
    }
    serving.await.unwrap();
}
