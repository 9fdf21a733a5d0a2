//! The example `rooms` in a browser, with the hub inside, behind Pushpin, and as two nodes behind nginx.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use gripware_interop::{Browser, Example, PATIENCE, Place, Process, Socket};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_meet_in_rooms_with_the_hub_inside() {
    people_meet_in_rooms_of(&Example::alone("rooms").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_meet_in_rooms_behind_pushpin() {
    people_meet_in_rooms_of(&Example::behind_pushpin("rooms").await).await;
}

async fn people_meet_in_rooms_of(example: &Example) {
    let url = format!("http://{}/", example.cable().address());
    people_meet_in_rooms([&url, &url, &url]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_meet_in_rooms_on_two_nodes() {
    let nodes = Nodes::start().await;
    let [nginx, one, two] = [nodes.nginx, nodes.one, nodes.two].map(|it| format!("http://{it}/"));
    people_meet_in_rooms([&nginx, &one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_of_a_node_that_is_killed_go_on_at_the_other_and_miss_nothing() {
    let nodes = Nodes::start().await;
    let nginx = format!("http://{}/", nodes.nginx);
    // One of them is at the node that ends, as nginx lets nodes take turns; bert is at the other. Eva
    // knows of no other than the one that ends.
    let mut by_nginx = ["anna", "carl", "dora"].map(|name| logged_in(&nginx, name));
    let mut bert = logged_in(&format!("http://{}/", nodes.two), "bert");
    let mut eva = logged_in(&format!("http://{}/", nodes.one), "eva");
    for window in by_nginx.iter_mut().chain([&mut bert, &mut eva]) {
        say(window, &json!({"type": "join", "room": "tea"}));
    }
    for window in by_nginx.iter_mut().chain([&mut bert, &mut eva]) {
        window.comes_to(PEOPLE, &json!(["tea: anna, bert, carl, dora, eva"]));
    }
    nodes.kill(nodes.one);
    say(
        &mut bert,
        &json!({"type": "say", "room": "tea", "text": "who is left?"}),
    );
    for window in by_nginx.iter_mut().chain([&mut bert]) {
        sees(window, "bert in tea: who is left?");
    }
    for window in &mut by_nginx {
        window.comes_to(
            &format!("{STATE}.startsWith('connected as ')"),
            &json!(true),
        );
        say(
            window,
            &json!({"type": "say", "room": "tea", "text": "I am"}),
        );
    }
    let said = format!("{LINES}.filter((line) => line.endsWith(': I am')).length");
    bert.comes_to(&said, &json!(3));
    // Whoever is back before its grace is over has not left; the other has, and is told of once.
    for window in by_nginx.iter_mut().chain([&mut bert]) {
        window.comes_to(PEOPLE, &json!(["tea: anna, bert, carl, dora"]));
        let left = window.run(&format!(
            "return {LINES}.filter((line) => line.includes('has left'));"
        ));
        assert_eq!(left, json!(["eva has left tea"]));
    }
}

/// Anna, bert and the moderator, each with an address of their own.
async fn people_meet_in_rooms(urls: [&str; 3]) {
    let [of_anna, of_bert, of_moderator] = urls;
    let mut anna = logged_in(of_anna, "anna");
    let mut bert = logged_in(of_bert, "bert");
    let mut moderator = logged_in(of_moderator, "moderator");
    say(
        &mut anna,
        &json!({"type": "say", "room": "tea", "text": "not inside yet"}),
    );
    say(&mut anna, &json!({"type": "join", "room": "tea"}));
    anna.comes_to(LINES, &json!(["you cannot do that", "anna has joined tea"]));
    say(&mut bert, &json!({"type": "join", "room": "tea"}));
    bert.comes_to(LINES, &json!(["bert has joined tea"]));
    sees(&mut anna, "bert has joined tea");
    for window in [&mut anna, &mut bert] {
        window.comes_to(PEOPLE, &json!(["tea: anna, bert"]));
    }

    say(
        &mut bert,
        &json!({"type": "say", "room": "tea", "text": "hello <b>"}),
    );
    sees(&mut anna, "bert in tea: hello <b>");
    sees(&mut bert, "bert in tea: hello <b>");
    say(
        &mut anna,
        &json!({"type": "tell", "to": "bert", "text": "psst"}),
    );
    sees(&mut bert, "anna to you: psst");

    say(&mut bert, &json!({"type": "leave", "room": "tea"}));
    sees(&mut bert, "you have left tea");
    sees(&mut anna, "bert has left tea");
    anna.comes_to(PEOPLE, &json!(["tea: anna"]));
    say(
        &mut anna,
        &json!({"type": "say", "room": "tea", "text": "is he gone?"}),
    );
    sees(&mut anna, "anna in tea: is he gone?");
    // What was said meanwhile is told, and nothing twice.
    say(&mut bert, &json!({"type": "join", "room": "tea"}));
    sees(&mut bert, "bert has joined tea");
    sees(&mut anna, "bert has joined tea");

    say(&mut anna, &json!({"type": "kick", "name": "bert"}));
    sees(&mut anna, "you cannot do that");
    say(&mut moderator, &json!({"type": "kick", "name": "bert"}));
    bert.comes_to(STATE, &json!("kicked (4001)"));
    // The end of a connection reaches the handler, though its token was good for the opening alone.
    sees(&mut anna, "bert has left tea");
    let seen = bert.run(&format!("return {LINES};"));
    let expected = [
        "bert has joined tea",
        "bert in tea: hello <b>",
        "anna to you: psst",
        "you have left tea",
        "anna in tea: is he gone?",
        "bert has joined tea",
    ];
    assert_eq!(seen, json!(expected));
    assert_eq!(moderator.run(&format!("return {LINES};")), json!([]));

    // Who comes later is told what was said, and who is there.
    say(&mut moderator, &json!({"type": "join", "room": "tea"}));
    let expected = [
        "bert in tea: hello <b>",
        "anna in tea: is he gone?",
        "moderator has joined tea",
    ];
    moderator.comes_to(LINES, &json!(expected));
    moderator.comes_to(PEOPLE, &json!(["tea: anna, moderator"]));

    for url in urls {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let address: SocketAddr = address.parse().expect("an address");
        for (path, status) in [("/socket?token=none", 401), ("/socket", 400)] {
            let refusal = Socket::connect(address, path, &[]).await;
            assert_eq!(refusal.expect_err("a refusal").status, status, "{path}");
        }
    }
}

/// What `examples/rooms/nodes` starts.
struct Nodes {
    script: Process,
    nginx: SocketAddr,
    one: SocketAddr,
    two: SocketAddr,
    _place: Place,
}

impl Nodes {
    async fn start() -> Self {
        let place = Place::new();
        let [nginx, one, two] = [free_address(), free_address(), free_address()];
        let mut command = Command::new(root().join("examples/rooms/nodes"));
        for (name, address) in [
            ("PORT", nginx),
            ("ONE", one),
            ("TWO", two),
            ("REDIS", free_address()),
        ] {
            command.env(name, address.port().to_string());
        }
        let mut script = Process::start(command, place.directory(), "nodes");
        let begin = Instant::now();
        let line = format!("open http://{nginx}/ in two windows\n");
        // It may have to build the rooms before.
        while !script.output().contains(&line) {
            assert!(script.ended().is_none(), "the script has ended");
            assert!(begin.elapsed() < 30 * PATIENCE, "the nodes do not start");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Self {
            script,
            nginx,
            one,
            two,
            _place: place,
        }
    }

    /// Ends a node without a chance to say goodbye.
    fn kill(&self, node: SocketAddr) {
        let id = self.script.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let listens = format!("LISTEN={node}");
        let is_node = |id: &&str| {
            let variables = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            variables
                .split(|byte| *byte == 0)
                .any(|it| it == listens.as_bytes())
        };
        let children = children.expect("its children");
        let node = children.split_ascii_whitespace().find(is_node);
        let node = node.and_then(|id| Pid::from_raw(id.parse().ok()?));
        kill_process(node.expect("the node"), Signal::KILL).expect("a child of the script");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

const LINES: &str = "[...document.querySelectorAll('#lines li')].map((line) => line.textContent)";
const STATE: &str = "document.getElementById('state').textContent";

const PEOPLE: &str = "[...document.querySelectorAll('#people li')].map((line) => line.textContent)";

fn logged_in(url: &str, name: &str) -> Browser {
    let mut window = Browser::open(url);
    window.run(&format!(
        "const form = document.getElementById('login');
         form.name.value = '{name}';
         form.requestSubmit();"
    ));
    window.comes_to(STATE, &json!(format!("connected as {name}")));
    window
}

/// Fills in the form that has the button, and presses that.
fn say(window: &mut Browser, message: &Value) {
    window.run(&format!(
        "const message = {message};
         const button = document.querySelector(`button[value=${{message.type}}]`);
         const fields = button.form;
         for (const name of ['room', 'text']) {{
           if (fields[name]) fields[name].value = message[name] ?? '';
         }}
         if (fields.to) fields.to.value = message.to ?? message.name;
         button.click();"
    ));
}

/// Waits until this is the last line.
fn sees(window: &mut Browser, line: &str) {
    window.comes_to(&format!("{LINES}.at(-1)"), &json!(line));
}
