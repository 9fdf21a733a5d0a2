//! `gripware-topics` behind a real Pushpin: HTTP subscribers have everything, and WebSockets what
//! Pushpin 1.36 lets pass.

use std::process::Command;

use gripware_interop::{ISSUER, KEY, PATIENCE, Place, Process, Pushpin, program, until};
use gripware_topics::{
    Auth,
    auth::Kind,
    client::{Client, ClientBuilder, ClientError, Subscription},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A broadcaster behind a Pushpin, whose command socket it knows.
struct Behind {
    auth: Auth,
    /// What subscribers connect to.
    url: String,
    process: Process,
    _pushpin: Pushpin,
    _place: Place,
}

impl Behind {
    async fn start() -> Self {
        let (place, of_pushpin) = (Place::new(), Place::new());
        let [client, control, origin] = [(); 3].map(|()| of_pushpin.free_address());
        let pushpin = Pushpin::start(of_pushpin, client, control, origin, false);
        let auth = Auth::generate(Kind::Hmac, Kind::Hmac).expect("secrets");
        let secrets = place.directory().join("secrets.json");
        std::fs::write(&secrets, auth.to_json()).expect("a file");
        let mut command = Command::new(program("gripware-topics"));
        command
            .env_remove("GRIPWARE_RELAY")
            .env_remove("GRIPWARE_STATE")
            .env(
                "GRIP_URL",
                format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}"),
            )
            .args(["--allow-target", "127.0.0.0/8", "--listen"])
            .arg(origin.to_string())
            .arg("--command-socket")
            .arg(format!("tcp://{}", pushpin.command()))
            .arg("--secrets")
            .arg(secrets);
        let process = Process::start(command, place.directory(), "topics");
        until("a broadcaster that listens", async || {
            TcpStream::connect(origin).await.is_ok()
        })
        .await;
        Self {
            auth,
            url: format!("http://{client}"),
            process,
            _pushpin: pushpin,
            _place: place,
        }
    }

    fn client(&self) -> ClientBuilder {
        let builder = Client::builder(self.auth.clone()).rounds(1);
        builder.broadcaster(&self.url).expect("a URL")
    }

    fn socket(&self) -> Client {
        self.client().websocket().build().expect("a client")
    }

    /// A subscriber that is POSTed to.
    async fn endpoint(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = format!("http://{}", listener.local_addr().expect("an address"));
        let client = self.client().host(&host).expect("a URL");
        let client = client.build().expect("a client");
        tokio::spawn(client.serve(listener));
        client
    }
}

/// Publishes, and takes the message from each subscription meanwhile. How many have confirmed it.
async fn publish(from: &Client, topic: &str, length: usize, to: &mut [&mut Subscription]) -> u32 {
    let received = async {
        for subscription in to {
            let message = subscription.next().await.expect("it is subscribed");
            assert_eq!(message.data().len(), length);
        }
    };
    let both = async { tokio::join!(from.notify(topic, vec![b'x'; length]), received) };
    let (sent, ()) = timeout(PATIENCE, both).await.expect("it comes at once");
    sent.expect("it is published").subscribers
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_pushpin_websockets_have_what_fits_and_endpoints_everything() {
    let behind = Behind::start().await;
    let (endpoint, socket, other) = (behind.endpoint().await, behind.socket(), behind.socket());
    // The programs of Pushpin find each other in the background.
    let mut over_socket = None;
    until("a subscription over a WebSocket", async || {
        over_socket = socket.subscribe_exact("t").await.ok();
        over_socket.is_some()
    })
    .await;
    let mut over_socket = over_socket.expect("it is there now");
    let mut globbing = other.subscribe_glob("t*").await.expect("a subscription");
    let mut over_http = endpoint.subscribe_glob("*").await.expect("a subscription");

    for (from, length) in [
        (&endpoint, 5),
        (&socket, 5),
        (&other, 10_000),
        (&endpoint, 10_000),
    ] {
        let mut to = [&mut over_socket, &mut globbing, &mut over_http];
        assert_eq!(publish(from, "t", length, &mut to).await, 3, "{length}");
    }
    // Several at a time, each confirmed before a fourth goes out.
    let many = async {
        let sent = (0..20).map(|_| endpoint.notify("t", "many"));
        futures_util::future::join_all(sent).await
    };
    let taken = async {
        for subscription in [&mut over_socket, &mut globbing, &mut over_http] {
            for _ in 0..20 {
                subscription.next().await.expect("it is subscribed");
            }
        }
    };
    let (sent, ()) = timeout(PATIENCE, async { tokio::join!(many, taken) })
        .await
        .expect("they come at once");
    for one in sent {
        assert_eq!(one.expect("it is published").subscribers, 3);
    }

    // Whatever the size, where no WebSocket wants it, and from one that Pushpin takes.
    let to = &mut [&mut over_http];
    assert_eq!(publish(&endpoint, "large", 3_000_000, to).await, 1);
    assert_eq!(publish(&socket, "large", 100_000, to).await, 1);
    let too_large = socket.notify("large", vec![b'x'; 250_000]);
    let ended = timeout(PATIENCE, too_large)
        .await
        .expect("it is not waited for");
    assert!(matches!(ended, Err(ClientError::Ambiguous(_))), "{ended:?}");

    let said = behind.process.errors();
    assert!(said.contains("messages over about 16 KiB"), "{said}");
}
