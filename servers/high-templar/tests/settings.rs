//! What settings of the program do, wherever they are given.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use http::HeaderMap;
use serde_json::json;
use support::{Api, Client};
use tokio::net::{TcpListener, UnixListener};

/// The program, which ends with this.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-templar"));
        command.args(["--listen", "127.0.0.1:0", "--log", "off"]);
        for variable in ["GRIP_URL", "GRIPWARE_STATE", "GRIPWARE_RELAY"] {
            command.env_remove(variable);
        }
        command.args(flags).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim_ascii().strip_prefix("listening on ").unwrap();
        Self {
            address: address.parse().unwrap(),
            child,
        }
    }

    /// What the API sees of a client.
    async fn shows(&self, api: &Api) -> HeaderMap {
        let cookie = "sessionid=me; theme=dark";
        let mut client = Client::connect(self.address, cookie).await.unwrap();
        assert_eq!(client.reads().await["is_authorized"], true);
        api.asked("/api/bootstrap/", 1).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// An API at an address below `/api/`.
async fn api() -> (Api, String) {
    let api = Api::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, api.router_below("/api")).into_future());
    (api, url)
}

#[tokio::test]
async fn the_api_is_found_by_the_variable_of_high_templar() {
    let (api, url) = api().await;
    let running = Running::start(&[], &[("API_URL", &url)]);
    let headers = running.shows(&api).await;
    assert_eq!(headers["cookie"], "sessionid=me; theme=dark");
    assert_eq!(headers["authorization"], "Token t");
    drop(running);
    // Its own variable wins.
    let (other, other_url) = self::api().await;
    let variables = [
        ("API_URL", url.as_str()),
        ("GRIPWARE_TEMPLAR_API_URL", &other_url),
    ];
    Running::start(&[], &variables).shows(&other).await;
}

#[tokio::test]
async fn the_api_may_be_behind_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api");
    let api = Api::default();
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(axum::serve(listener, api.router_below("/api")).into_future());
    let path = path.to_str().unwrap();
    let flags = ["--api-socket", path, "--api-url", "http://app.example/api/"];
    let headers = Running::start(&flags, &[]).shows(&api).await;
    assert_eq!(headers["host"], "app.example");
    assert_eq!(headers["cookie"], "sessionid=me; theme=dark");

    let of_templar = [
        ("API_SOCKET", path),
        ("API_URL", "http://other.example/api/"),
    ];
    let running = Running::start(&[], &of_templar);
    let mut client = Client::connect(running.address, "a=b").await.unwrap();
    assert_eq!(client.reads().await["is_authorized"], true);
    let headers = api.asked("/api/bootstrap/", 2).await;
    assert_eq!(headers["host"], "other.example");
}

#[tokio::test]
async fn a_file_says_which_headers_the_api_sees() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("templar.toml");
    let config = ["--config", file.to_str().unwrap()];
    // As the program calls it, and as high-templar does.
    for (url_name, headers_name) in [("api-url", "headers"), ("API_URL", "CONNECTION_HEADERS")] {
        let (api, url) = api().await;
        let text = format!(
            "{url_name} = \"{url}\"\n\n[{headers_name}]\n\
             x-tenant = {{ param = \"token\" }}\n\
             x-theme = {{ cookie = \"theme\" }}\n\
             x-fixed = {{ fixed = \"always\" }}\n\
             authorization = {{ format = \"Bearer {{}}\", of = {{ param = \"token\" }} }}\n"
        );
        fs::write(&file, text).unwrap();
        let headers = Running::start(&config, &[]).shows(&api).await;
        assert_eq!(headers["x-tenant"], "t");
        assert_eq!(headers["x-theme"], "dark");
        assert_eq!(headers["x-fixed"], "always");
        assert_eq!(headers["authorization"], "Bearer t");
        assert_eq!(headers["cookie"], "sessionid=me; theme=dark");
    }
}

#[tokio::test]
async fn the_environment_says_which_headers_the_api_sees() {
    let (api, url) = api().await;
    let headers = json!({
        "x-theme": {"cookie": "theme"},
        "authorization": {"format": "Bearer {}", "of": {"param": "token"}},
    });
    let variables = [
        ("API_URL", url.as_str()),
        ("CONNECTION_HEADERS", &headers.to_string()),
    ];
    let headers = Running::start(&[], &variables).shows(&api).await;
    assert_eq!(headers["x-theme"], "dark");
    assert_eq!(headers["authorization"], "Bearer t");
}

#[tokio::test]
async fn the_address_of_a_client_is_forwarded_as_high_templar_2_did() {
    let (api, url) = api().await;
    let of_templar = [("API_URL", url.as_str()), ("FORWARD_IP", "HTTP_X_REAL_IP")];
    let headers = Running::start(&[], &of_templar).shows(&api).await;
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-real-ip"], "127.0.0.1");

    let (api, url) = self::api().await;
    let of_templar = [("API_URL", url.as_str()), ("FORWARD_IP", "HTTP_COOKIE")];
    let headers = Running::start(&[], &of_templar).shows(&api).await;
    assert_eq!(headers["x-forwarded-for"], "sessionid=me; theme=dark");
}

#[tokio::test]
async fn the_api_is_asked_with_the_arguments_that_are_set() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("templar.toml");
    let (api, url) = api().await;
    let kwargs = "timeout = 20\nssl = true\nparams = { tenant = \"a b\" }";
    fs::write(
        &file,
        format!("API_URL = \"{url}\"\n[REQUEST_KWARGS]\n{kwargs}\n"),
    )
    .unwrap();
    let running = Running::start(&["--config", file.to_str().unwrap()], &[]);
    running.shows(&api).await;
    assert_eq!(api.queries(), ["tenant=a+b"]);
    drop(running);

    let of_templar = [
        ("API_URL", url.as_str()),
        ("REQUEST_KWARGS", r#"{"params": {"n": 1}}"#),
    ];
    let running = Running::start(&[], &of_templar);
    let mut client = Client::connect(running.address, "a=b").await.unwrap();
    assert_eq!(client.reads().await["is_authorized"], true);
    assert_eq!(api.queries(), ["tenant=a+b", "n=1"]);
}

#[tokio::test]
async fn the_path_to_the_id_of_a_user_is_set_as_with_high_templar() {
    let (api, url) = api().await;
    let rooms = json!([{"target": "m"}]);
    api.identify(json!({"id": "anna"}));
    let of_templar = [
        ("API_URL", url.as_str()),
        ("USER_ID_PATH", r#"["user", "id"]"#),
    ];
    let key = ["--trigger-key", "key"];
    let of_flag = [
        "--trigger-key",
        "key",
        "--api-url",
        &url,
        "--user-id-path",
        "user.id",
    ];
    for running in [
        Running::start(&key, &of_templar),
        Running::start(&of_flag, &[]),
    ] {
        api.allow(rooms.clone());
        let mut client = Client::connect(running.address, "a=b").await.unwrap();
        assert_eq!(client.reads().await["allowed_rooms"], rooms);
        api.allow(json!(null));
        let body = r#"{"recheck": {"user": "anna"}}"#;
        let answer = support::post(running.address, &[("authorization", "Bearer key")], body).await;
        assert_eq!(answer, (200, "publish success".to_owned()));
        assert_eq!(client.reads().await["is_authorized"], false);
        assert_eq!(client.reads().await, json!({"closed": 1000}));
    }
}

/// What the program says of settings that are wrong.
fn refused(flags: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gripware-templar"))
        .args(["--listen", "127.0.0.1:0", "--api-url", "http://a/"])
        .args(flags)
        .env_remove("GRIP_URL")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert_eq!(errors.trim_ascii_end().lines().count(), 1, "{errors}");
    errors
}

#[test]
fn what_is_wrong_with_a_setting_of_high_templar_is_told_by_its_name() {
    let of_broker = |text| refused(&[], &[("RABBITMQ", text)]);
    for text in [
        "amqp://s3cret@a/",
        r#"{"password": 53}"#,
        r#"{"password": "s3cret"}"#,
        r#"{"host": "s3cret", "passwd": "s3cret"}"#,
        r#"{"host": "s3cret:s3cret"}"#,
    ] {
        let errors = of_broker(text);
        assert!(errors.contains("RABBITMQ"), "{text}: {errors}");
        assert!(
            !errors.contains("s3cret") && !errors.contains("53"),
            "{errors}"
        );
    }
    for (variable, text, what) in [
        ("REQUEST_KWARGS", r#"{"ssl": false}"#, "ssl: certificates"),
        (
            "REQUEST_KWARGS",
            r#"{"proxy": "http://s3cret/"}"#,
            "proxy: it would do nothing",
        ),
        ("REQUEST_KWARGS", "[]", "a JSON object"),
        ("USER_ID_PATH", r#"{"s3cret": 1}"#, "a JSON list"),
        ("FORWARD_IP", "X-Real-IP", "HTTP_X_REAL_IP"),
    ] {
        let errors = refused(&[], &[(variable, text)]);
        assert!(
            errors.contains(variable) && errors.contains(what),
            "{errors}"
        );
        assert!(!errors.contains("s3cret"), "{errors}");
    }
    let headers = refused(&[], &[("CONNECTION_HEADERS", r#"{"x-a": {"none": 1}}"#)]);
    assert!(headers.contains("CONNECTION_HEADERS: x-a"), "{headers}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("templar.toml");
    fs::write(&file, "[RABBITMQ]\nhost = \"a\"\npasswd = \"s3cret\"\n").unwrap();
    let errors = refused(&["--config", file.to_str().unwrap()], &[]);
    assert!(errors.contains("line 1: RABBITMQ"), "{errors}");
    assert!(!errors.contains("s3cret"), "{errors}");
}

#[tokio::test]
async fn a_connection_may_have_as_many_subscriptions_as_is_said() {
    let (_api, url) = api().await;
    let running = Running::start(&["--max-subscriptions", "30", "--api-url", &url], &[]);
    let mut client = Client::connect(running.address, "sessionid=me")
        .await
        .unwrap();
    assert_eq!(client.reads().await["is_authorized"], true);
    for n in 1..=31 {
        let room = json!({"target": "m", "customer": n});
        let frame = json!({"type": "subscribe", "room": room, "requestId": n});
        let expected = match n {
            1..=30 => json!({"code": "success"}),
            _ => json!({"code": "error", "message": "too-many-subscriptions"}),
        };
        assert_eq!(client.asks(frame).await, expected, "{n}");
    }
}
