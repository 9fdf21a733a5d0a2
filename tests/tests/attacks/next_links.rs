//! Next links that lead elsewhere: the hub asks its origin and nobody else, or an application that
//! passes on a client's text would let anybody reach what only the hub can (SSRF).

use std::net::SocketAddr;

use gripware_interop::{Request, until};

use crate::{
    front::hub,
    wire::Wire,
    witness::{Witness, answer},
};

/// Links that name another server, whose address is `{decoy}`, and are not followed.
const FOREIGN: [&str; 11] = [
    "http://{decoy}/planted",
    "https://{decoy}/planted",
    "//{decoy}/planted",
    "///{decoy}/planted",
    "http://a@{decoy}/planted",
    "http://a:b@{decoy}/planted",
    "HTTP://{decoy}/planted",
    "http://{decoy}",
    "/\\{decoy}/planted",
    "\\\\{decoy}/planted",
    "http:\\\\{decoy}/planted",
];

/// Links that might be read so, and lead to the origin.
const OWN: [&str; 5] = [
    "../planted/../own",
    "http:{decoy}/planted",
    "/..//{decoy}/planted",
    "?//{decoy}/planted",
    "/planted",
];

#[tokio::test]
async fn no_link_leads_to_another_server() {
    let decoy = Witness::start().await;
    let other = decoy.address();
    let witness = Witness::answering(move |seen| {
        let number = seen
            .target
            .strip_prefix("/link/")
            .and_then(|n| n.parse::<usize>().ok());
        match number.and_then(|number| FOREIGN.iter().chain(&OWN).nth(number)) {
            Some(link) => held(&link.replace("{decoy}", &other.to_string())),
            // Whatever else is asked is what a link became.
            None => answer("end\n", ""),
        }
    })
    .await;
    let mut hub = hub(witness.address(), &[]).await;
    let count = FOREIGN.len() + OWN.len();
    let mut clients = Vec::new();
    for number in 0..count {
        clients.push(asks(hub.client(), number).await);
    }
    until("the holds", async || hub.subscribers("news").await == count).await;
    let recover = Request::new("POST", hub.control(), "/recover/")
        .send()
        .await;
    assert_eq!(recover.status(), 200);
    until("the origin's own links to be followed", async || {
        hub.subscribers("news").await == FOREIGN.len()
    })
    .await;
    hub.stop().await;
    assert_eq!(decoy.seen().len(), 0);
    assert_eq!(decoy.faults(), Vec::<String>::new());
    assert_eq!(witness.faults(), Vec::<String>::new());

    let followed = witness.seen().len() - count;
    assert_eq!(followed, OWN.len());

    // The detector works: the other server is there, and sees whoever asks it.
    Request::new("GET", other, "/planted").send().await;
    assert_eq!(decoy.seen().len(), 1);
}

fn held(link: &str) -> Vec<u8> {
    answer(
        "open\n",
        &format!(
            "Grip-Hold: stream\r\nGrip-Channel: news\r\nGrip-Link: <{link}>; rel=next; timeout=5\r\n"
        ),
    )
}

async fn asks(client: SocketAddr, number: usize) -> Wire {
    let mut wire = Wire::connect(client).await;
    wire.sends(format!("GET /link/{number} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    wire.until(b"\r\n\r\n").await;
    wire
}
