//! TLS of the program, with certificates that `openssl` has made: ours on both wires with certificates
//! of their own (mutual TLS), and PyPI's client, which has none to show.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_hub::Hub;
use gripware_topics::{
    Auth,
    auth::Kind,
    client::{Client, ClientBuilder, ClientError},
    tls::Tls,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::{
    Running,
    originals::{Original, patiently},
    program, soon,
};

/// A folder with an authority, `ca.pem`, and what it has vouched for.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        this.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        );
        for name in ["broadcaster", "subscriber"] {
            this.openssl(&format!(
                "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} \
                 -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
            ));
            this.openssl(&format!(
                "x509 -req -in {name}.csr -out {name}.pem -CA ca.pem -CAkey ca.key -days 2 \
                 -copy_extensions copy"
            ));
        }
        this
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split_ascii_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{arguments}: {made:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Secrets for the program, in its folder.
    fn secrets(&self, kind: Kind) -> Auth {
        let auth = Auth::generate(kind, kind).unwrap();
        fs::write(self.path("secrets.json"), auth.to_json()).unwrap();
        auth
    }

    /// The program, which serves over HTTPS.
    fn broadcaster(&self, further: &[&str]) -> Running {
        Running::start(
            program()
                .current_dir(self.0.path())
                .args([
                    "--tls-cert",
                    "broadcaster.pem",
                    "--tls-key",
                    "broadcaster.key",
                ])
                .args(["--secrets", "secrets.json", "--allow-target", "127.0.0.0/8"])
                .args(further),
        )
    }

    /// Who trusts the authority, and shows a certificate of it or none.
    fn tls(&self, shown: Option<&str>) -> Tls {
        let tls = Tls::default().authority(&self.read("ca.pem")).unwrap();
        match shown {
            None => tls,
            Some(name) => {
                let [certificate, key] =
                    ["pem", "key"].map(|end| self.read(&format!("{name}.{end}")));
                tls.certificate(&certificate, &key).unwrap()
            }
        }
    }

    /// Serves a client's routes over TLS, to whom the authority knows.
    async fn serve(&self, listener: TcpListener, client: &Client) {
        let [certificate, key] = ["subscriber.pem", "subscriber.key"].map(|name| self.read(name));
        let tls = gripware_hub::Tls::from_pem(&certificate, &key).unwrap();
        tls.client_authorities(&self.read("ca.pem")).unwrap();
        let hub = Hub::builder().tls_with(tls).build().unwrap();
        let serving = hub.serve(listener, client.router());
        tokio::spawn(serving.into_future());
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("https://localhost:{port}"))
}

fn url(running: &Running) -> String {
    let address: SocketAddr = running.1.parse().unwrap();
    format!("https://localhost:{}", address.port())
}

fn builder(auth: &Auth, url: &str, tls: Tls) -> ClientBuilder {
    let builder = Client::builder(auth.clone()).broadcaster(url).unwrap();
    builder.tls(tls).rounds(1)
}

const DELIVER: [&str; 6] = [
    "--deliver-ca",
    "ca.pem",
    "--deliver-cert",
    "broadcaster.pem",
    "--deliver-key",
    "broadcaster.key",
];

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_certificate_of_the_authority_is_let_in_on_both_wires_and_delivered_to() {
    let folder = Folder::new();
    let auth = folder.secrets(Kind::Hmac);
    let further = [&["--tls-client-ca", "ca.pem"], &DELIVER[..]].concat();
    let running = folder.broadcaster(&further);
    let url = url(&running);

    let (at, host) = listener().await;
    let builder = |shown| builder(&auth, &url, folder.tls(shown));
    let endpoint = builder(Some("subscriber")).host(&host).unwrap();
    let endpoint = endpoint.build().unwrap();
    folder.serve(at, &endpoint).await;
    let socket = builder(Some("subscriber")).websocket().build().unwrap();
    let mut over_http = soon(endpoint.subscribe_exact("t")).await.unwrap();
    let mut over_socket = soon(socket.subscribe_exact("t")).await.unwrap();
    for from in [&endpoint, &socket] {
        let all = async {
            tokio::join!(
                from.notify("t", "x"),
                async { over_http.next().await.map(drop) },
                async { over_socket.next().await.map(drop) },
            )
        };
        assert_eq!(soon(all).await.0.unwrap().subscribers, 2);
    }

    for without in [
        builder(None).build().unwrap(),
        builder(None).websocket().build().unwrap(),
    ] {
        let refused = soon(without.notify("t", "x")).await.unwrap_err();
        let is_refused = matches!(
            refused,
            ClientError::Unreachable(_) | ClientError::Ambiguous(_)
        );
        assert!(is_refused, "{refused}");
    }
    assert_eq!(running.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcaster_that_shows_no_certificate_or_trusts_others_does_not_deliver() {
    let folder = Folder::new();
    let auth = folder.secrets(Kind::None);
    for (further, confirmed) in [(&DELIVER[..], 1), (&DELIVER[..2], 0), (&DELIVER[2..], 0)] {
        let running = folder.broadcaster(further);
        let (at, host) = listener().await;
        let endpoint = builder(&auth, &url(&running), folder.tls(None));
        let endpoint = endpoint.host(&host).unwrap().build().unwrap();
        folder.serve(at, &endpoint).await;
        let mut subscription = soon(endpoint.subscribe_exact("t")).await.unwrap();
        let sent = async {
            tokio::select! {
                sent = endpoint.notify("t", "x") => sent,
                // It is confirmed as it is taken.
                () = async { while subscription.next().await.is_some() {} } => unreachable!(),
            }
        };
        assert_eq!(
            soon(sent).await.unwrap().subscribers,
            confirmed,
            "{further:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_connects_over_tls_on_both_wires() {
    let folder = Folder::new();
    let auth = folder.secrets(Kind::Hmac);
    let running = folder.broadcaster(&[]);
    let url = url(&running);
    let ours = builder(&auth, &url, folder.tls(None)).build().unwrap();
    for transport in ["http", "websocket"] {
        let mut theirs =
            Original::trusting(&folder.path("ca.pem"), transport, &url, &auth, &folder.0).await;
        theirs
            .subscribe(json!({"exact": STANDARD.encode("t")}))
            .await;
        // Over a WebSocket it says so before it is.
        let reached = async {
            while ours.notify("t", "hello").await.unwrap().subscribers == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        patiently(reached).await;
        theirs.expect_message(b"t", 5).await;
        let question = json!({"notify": STANDARD.encode("t"), "data": STANDARD.encode("back")});
        theirs.say(question).await;
        let heard = [theirs.hear().await, theirs.hear().await];
        assert!(heard.iter().any(|one| one["notified"] == 1), "{heard:?}");
        theirs.child.kill().await.unwrap();
    }
}

#[test]
fn files_that_cannot_be_used_are_a_wrong_setting() {
    let folder = Folder::new();
    folder.secrets(Kind::None);
    let serving = [
        "--tls-cert",
        "broadcaster.pem",
        "--tls-key",
        "broadcaster.key",
    ];
    for (arguments, proxy, told) in [
        (
            &["--tls-cert", "broadcaster.pem"][..],
            "",
            "--tls-cert and --tls-key: they need",
        ),
        (
            &["--tls-key", "broadcaster.key"],
            "",
            "--tls-cert and --tls-key: they need",
        ),
        (
            &["--tls-cert", "broadcaster.pem", "--tls-key", "none"],
            "",
            "--tls-key: none: ",
        ),
        (
            &["--tls-cert", "broadcaster.pem", "--tls-key", "ca.key"],
            "",
            "--tls-cert: the cert",
        ),
        (
            &["--tls-client-ca", "ca.pem"],
            "",
            "--tls-client-ca: it needs --tls-cert",
        ),
        (
            &[&serving[..], &["--tls-client-ca", "ca.key"]].concat(),
            "",
            "--tls-client-ca: the",
        ),
        (
            &["--deliver-ca", "ca.key"],
            "",
            "--deliver-ca: the certificates are not in PEM",
        ),
        (
            &["--deliver-cert", "ca.pem"],
            "",
            "--deliver-cert and --deliver-key: they need",
        ),
        (
            &serving,
            "http://127.0.0.1:9/?iss=a&key=b",
            "--tls-cert: clients connect to the proxy",
        ),
    ] {
        let ended = program()
            .current_dir(folder.0.path())
            .args([
                "--secrets",
                "secrets.json",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "off",
            ])
            .env("GRIP_URL", proxy)
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(ended.stderr).unwrap();
        assert!(
            text.starts_with(&format!("gripware-topics: {told}")),
            "{arguments:?}: {text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(ended.status.code(), Some(2), "{text}");
    }
}
