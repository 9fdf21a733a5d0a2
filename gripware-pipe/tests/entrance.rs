//! The local REST entrance, and handlers that are HTTP servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

mod support;

use std::{future::IntoFuture, time::Duration};

use axum::{Router, http::StatusCode, routing::any};
use gripware_pipe::{
    Entrance, HttpHandler, Listener,
    events::{Events, raise_for_exception},
};
use http::{HeaderMap, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use support::{Running, Site, quick, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

use crate::support::serve;

async fn entrance(entrance: Entrance) -> (String, Running) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.to_string();
    let running = Running::start(|stop| {
        let serve = entrance.serve(listener);
        serve
            .with_graceful_shutdown(stop.cancelled_owned())
            .into_future()
    });
    (address, running)
}

/// A response as its text says it: status, code, `Pipe-Error`, body.
struct Answer(u16, String, String, String);

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let line = head
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default();
            line.trim_ascii().to_owned()
        };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let code = header("x-event-return-code:");
        Self(status, code, header("pipe-error:"), body.to_owned())
    }

    fn is(&self, status: u16, code: &str, error: &str) {
        let Self(s, c, e, body) = self;
        assert_eq!(
            (*s, c.as_str(), e.as_str()),
            (status, code, error),
            "{body}"
        );
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.3).unwrap()
    }
}

async fn ask(address: &str, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    ask_on(&mut stream, request).await
}

async fn ask_on<S>(stream: &mut S, request: &str) -> Answer
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
    let (line, headers) = head.split_once("\r\n").unwrap_or((head, "X-None: 0"));
    let length = body.len();
    let text = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    Answer::of(&answer)
}

#[tokio::test]
async fn both_ends_have_an_entrance() {
    let site = Site::new();
    let server = site
        .server_builder()
        .known([support::name("absent")])
        .build()
        .unwrap();
    let (address, _serving) = serve(&server).await;
    let (client, _dialling) = site.client("fileserver", address).await;
    let here = Entrance::of_server(&server).here(Events::built_in("server"));
    let (at_server, _entrance) = entrance(here).await;
    let (at_client, _entrance) = entrance(Entrance::of_client(&client)).await;

    let answer = ask(&at_server, "GET /client/fileserver/cat//hello%20/world?q").await;
    answer.is(200, "0", "");
    assert_eq!(answer.json(), json!({"result_from_client": "hello world"}));
    let answer = ask(&at_client, "GET /server/time").await;
    answer.is(200, "0", "");
    assert!(answer.json()["time_from_server"].is_f64());
    ask(&at_server, "GET /server/time").await.is(200, "0", "");
    ask(&at_server, "HEAD /client/fileserver/time")
        .await
        .is(200, "0", "");

    ask(&at_server, "GET /client/fileserver/nothing")
        .await
        .is(404, "255", "");
    ask(&at_server, "PUT /client/fileserver/time")
        .await
        .is(404, "255", "");
    let answer = ask(&at_server, "GET /client/nobody/time").await;
    answer.is(404, "404", "unknown");
    assert_eq!(answer.json()["exception"]["class"], "Unknown");
    assert_eq!(answer.json()["exception"]["traceback"], "");
    ask(&at_server, "GET /client/absent/time")
        .await
        .is(503, "503", "not-connected");
    ask(&at_server, "GET /client//time")
        .await
        .is(404, "404", "unknown");
    ask(&at_client, "GET /client/fileserver/time")
        .await
        .is(403, "403", "forbidden");
    ask(&at_server, "GET /other")
        .await
        .is(404, "404", "unknown");

    let clients = ask(&at_server, "GET /clients").await.json();
    let names: Vec<_> = clients
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["absent", "fileserver"]);
    let metrics = ask(&at_server, "GET /metrics").await.3;
    assert!(metrics.contains("\ngripware_pipe_clients 1\n"), "{metrics}");
    ask(
        &at_client,
        "GET /server/time\r\nOrigin: http://evil.example",
    )
    .await
    .is(403, "403", "");
}

#[tokio::test]
async fn an_entrance_may_be_a_unix_socket() {
    let site = Site::new();
    let (_server, address, _serving) = site.server().await;
    let (client, _dialling) = site.client("app", address).await;
    let path = site.path("entrance.sock");
    let place = format!("unix:{}", path.display());
    for _ in 0..2 {
        let listener = Listener::bind(&place).await.unwrap();
        assert_eq!(listener.to_string(), place);
        let serve = Entrance::of_client(&client).serve(listener);
        let running = Running::start(|_| serve.into_future());
        let mut stream = UnixStream::connect(&path).await.unwrap();
        ask_on(&mut stream, "GET /server/time")
            .await
            .is(200, "0", "");
        running.kill().await;
    }
}

/// An HTTP server that is no part of this program.
async fn elsewhere() -> String {
    let say = |headers: HeaderMap, request: String| async move {
        format!("{} {request}", headers["pipe-caller"].to_str().unwrap())
    };
    let app = Router::new()
        .route("/base/say", any(say))
        .route("/base/teapot", any(|| async { StatusCode::IM_A_TEAPOT }))
        .route(
            "/base/fails",
            any(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route(
            "/base/own",
            any(|| async { (StatusCode::CONFLICT, [("X-Event-Return-Code", "7")], "own") }),
        )
        .route(
            "/base/moved",
            any(|| async { (StatusCode::FOUND, [("location", "/x")]) }),
        )
        .route("/base/slow", any(std::future::pending::<()>));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    format!("http://{address}/base")
}

#[tokio::test]
async fn a_handler_is_an_http_server_in_any_language() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let client = site.client_builder("app", address).build().unwrap();
    let handler: HttpHandler = elsewhere().await.parse().unwrap();
    let handler = handler.response_timeout(Duration::from_millis(300));
    let _dialling = Running::client(&client, handler);
    within(client.connected()).await;
    let (web, _entrance) = entrance(Entrance::of_server(&server)).await;
    let ask = |noun: &'static str| {
        let web = web.clone();
        async move { ask(&web, &format!("POST /client/app/{noun}\r\n\r\nhello")).await }
    };
    let answer = ask("say?a").await;
    answer.is(200, "0", "");
    assert_eq!(answer.3, "127.0.0.1 hello");
    ask("moved").await.is(302, "0", "");
    ask("teapot").await.is(418, "418", "");
    ask("own").await.is(409, "7", "");
    ask("none").await.is(404, "255", "");
    ask("fails").await.is(500, "251", "");
    ask("slow").await.is(504, "251", "");
}

#[tokio::test]
async fn a_handler_that_cannot_be_reached_has_failed() {
    let site = Site::new();
    let settings = quick().development(true);
    let server = site.server_builder().settings(settings).build().unwrap();
    let (address, _serving) = serve(&server).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = site.client_builder("app", address).build().unwrap();
    let handler: HttpHandler = nobody.parse().unwrap();
    let _dialling = Running::client(&client, handler);
    within(client.connected()).await;
    let (web, _entrance) = entrance(Entrance::of_server(&server)).await;
    let answer = ask(&web, "GET /client/app/time").await;
    answer.is(500, "251", "");
    assert_eq!(answer.json()["exception"]["class"], "Unreachable");

    let response = Response::builder().status(answer.0);
    let response = response.header("X-Event-Return-Code", &answer.1);
    let response = response.body(Full::from(answer.3)).unwrap();
    let error = raise_for_exception(response).await.unwrap_err();
    assert_eq!(error.code(), Some(251));
    assert_eq!(
        error.to_string(),
        "Unreachable: the handler cannot be reached"
    );
}

/// An HTTP server that sends back the headers it gets with names such as `x-7`, all of them.
async fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let given: Vec<_> = head.lines().filter(|line| line.starts_with("x-")).collect();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n\r\n",
                given.join("\r\n")
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn more_headers_pass_than_a_parser_has_room_for_by_itself() {
    let site = Site::new();
    let (server, address, _serving) = site.server().await;
    let client = site.client_builder("app", address).build().unwrap();
    let handler: HttpHandler = mirror().await.parse().unwrap();
    let _dialling = Running::client(&client, handler);
    within(client.connected()).await;
    let (web, _entrance) = entrance(Entrance::of_server(&server)).await;
    let headers: Vec<_> = (0..240).map(|n| format!("x-{n}: 1")).collect();
    let mut stream = TcpStream::connect(&web).await.unwrap();
    let head = format!(
        "GET /client/app/mirror HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n\r\n",
        headers.join("\r\n")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:.200}");
    let back = answer
        .lines()
        .filter(|line| line.starts_with("x-") && line.ends_with(": 1"));
    assert_eq!(back.count(), headers.len());
}
