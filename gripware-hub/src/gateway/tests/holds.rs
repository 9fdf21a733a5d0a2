//! Clients of HTTP/1.x that are held.

use super::*;
use crate::http::http1_head::response_bytes;

#[tokio::test]
async fn a_stream_hold_leaves_http_and_its_connection_can_be_used_again() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
            .await;
        let (replay, line, mut head, framing) = caught.stream().await;
        assert_eq!(framing, Framing::Chunked);
        assert_eq!(replay.uri(), "http://h/stream");
        let again = replay.to_request();
        assert_eq!(
            (again.method().as_str(), &again.body()[..]),
            ("POST", &b"body"[..])
        );
        assert!(!again.headers().contains_key("grip-sig"));

        let mut socket = socket(line.socket);
        if head.is_empty() {
            // An origin's body that came later went through HTTP.
            head = client.until("hello\n\r\n").await;
        } else {
            socket.write_all(head.as_bytes()).await.unwrap();
            assert_eq!(client.until("hello\n\r\n").await, head);
        }
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains("\r\ncontent-type: text/event-stream\r\n"),
            "{head}"
        );
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\ndate: "), "{head}");
        assert!(!head.contains("grip-"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        assert!(head.ends_with("\r\n\r\n6\r\nhello\n\r\n"), "{head}");

        socket.write_all(b"3\r\nnew\r\n0\r\n\r\n").await.unwrap();
        assert_eq!(client.until("0\r\n\r\n").await, "3\r\nnew\r\n0\r\n\r\n");
        let resume_http = line.resume_http.expect("the connection stays");
        resume_http.resume_http(socket.detach().unwrap(), None, line.unread);
        client
            .send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let answer = client.rest().await;
        assert!(answer.contains("GET /echo\n"), "{answer}");
    }
    assert_eq!(caught.metrics.held_streams.value(), 2);
}

#[tokio::test]
async fn a_response_hold_keeps_what_was_pipelined_behind_it() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        let request = "HTTP/1.1\r\nHost: h\r\n\r\n";
        client
            .send(&format!(
                "GET /echo {request}GET /response {request}GET /echo?2 {request}"
            ))
            .await;
        let first = client.until("end").await;
        assert!(first.contains("GET /echo\n"), "{first}");
        let held = caught.next().await;
        let HoldKind::Response {
            instruction,
            reply: Reply::Http1 { version, is_head },
        } = held.kind
        else {
            panic!("no response was held");
        };
        assert_eq!(instruction.response().body(), "nothing yet");
        let line = held.conn.unwrap();
        let mut socket = socket(line.socket);
        let answer = response_bytes(instruction.response(), version, is_head, true);
        socket.write_all(&answer).await.unwrap();
        line.resume_http
            .unwrap()
            .resume_http(socket.detach().unwrap(), None, line.unread);
        let second = client.until("nothing yet").await;
        assert!(second.contains("\r\ncontent-length: 11\r\n"), "{second}");
        let third = client.until("end").await;
        assert!(third.contains("GET /echo?2\n"), "{third}");
    }
}

#[tokio::test]
async fn no_hold_overtakes_an_answer_that_the_client_has_not_read_yet() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        let request = "HTTP/1.1\r\nHost: h\r\n\r\n";
        client
            .send(&format!("GET /big {request}GET /stream {request}"))
            .await;
        // Time enough for a hold that does not wait; one that does cannot come.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(caught.held.lock().unwrap().len(), 0);
        let mut read = vec![0; 8 << 20];
        let head = client.until("\r\n\r\n").await;
        assert!(head.contains("content-length: 8388608\r\n"), "{head}");
        client.0.read_exact(&mut read).await.unwrap();
        assert!(read.iter().all(|byte| *byte == b'b'));
        let (_, line, head, _) = caught.stream().await;
        let mut socket = socket(line.socket);
        socket.write_all(head.as_bytes()).await.unwrap();
        let beginning = client.until("hello\n\r\n").await;
        assert!(beginning.starts_with("HTTP/1.1 200 OK\r\n"), "{beginning}");
    }
}

#[tokio::test]
async fn a_large_or_slow_beginning_goes_through_http_and_is_held_then() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let beginning = client.until("3\r\nend\r\n").await;
        assert!(
            beginning.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{beginning}"
        );
        assert_eq!(
            beginning.matches('x').count(),
            300_000 + "text/event-stream".matches('x').count()
        );
        let (_, line, head, framing) = caught.stream().await;
        assert_eq!((&*head, framing), ("", Framing::Chunked));
        let mut socket = socket(line.socket);
        socket.write_all(b"1\r\ny\r\n").await.unwrap();
        assert_eq!(client.until("y\r\n").await, "1\r\ny\r\n");
    }
}

#[tokio::test]
async fn a_stream_for_http_1_0_ends_with_its_connection() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    for request in [
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\nHost: h\r\n\r\n",
    ] {
        let mut client = Client::connect(address).await;
        client.send(request).await;
        let (_, line, head, framing) = caught.stream().await;
        assert_eq!(framing, Framing::Raw);
        assert!(line.resume_http.is_none());
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(
            head.ends_with("\r\nconnection: close\r\n\r\nhello\n"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_instruction_in_the_body_is_read() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("GET /instruct HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let (_, line, head, _) = caught.stream().await;
        assert!(line.resume_http.is_none());
        assert!(head.starts_with("HTTP/1.1 200 Fine\r\n"), "{head}");
        assert!(head.contains("\r\nx-y: z\r\n"), "{head}");
        assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n1\r\nb\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_held_with_its_body() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("POST /stream HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            .await;
        let interim = client.until("\r\n\r\n").await;
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("body").await;
        let (replay, ..) = caught.stream().await;
        assert_eq!(replay.to_request().body(), "body");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_hold_over_tls_is_given_back_like_any_other() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let caught = Caught::new(false);
    let options = Options {
        tls: Some(crate::Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()),
        ..Options::default()
    };
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let gateway = Gateway::new(
        holder,
        Threads::of_caller(),
        app(),
        options,
        CancellationToken::new(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener.into()));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut client = connector.connect(name, stream).await.unwrap();
    client
        .write_all(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let (replay, line, head, _) = caught.stream().await;
    assert_eq!(replay.uri(), "https://h/stream");
    let mut wire = socket(line.socket);
    wire.write_all(format!("{head}0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    wire.flush().await.unwrap();
    let mut read = vec![0; head.len() + 5];
    client.read_exact(&mut read).await.unwrap();
    line.resume_http
        .unwrap()
        .resume_http(wire.detach().unwrap(), None, line.unread);
    client
        .write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("x-forwarded-proto: https\n"), "{answer}");
}
