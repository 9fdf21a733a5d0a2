//! Where a link leads that stands in an answer.

use std::time::Duration;

use gripware_interop::Site;
use tokio::time::timeout;

use crate::{
    compare,
    origin::{LINKING, stream},
    transcript::{Transcript, text},
};

/// Links that are followed after a second, as nothing has come until then.
const LINKS: [&str; 16] = [
    "/n?a=/b/",
    "n",
    "./n",
    "../n",
    "../../../n",
    "./../c/./n",
    "/c/../n",
    "/c//n",
    "../%2e%2e/n",
    "?a=b",
    "n?u=http://x",
    "/a b/n",
    "/n#part",
    "http://{site}/n",
    "//{site}/n",
    // Another host: the hub asks none, and Pushpin reaches none without a route.
    "//elsewhere.example/n",
];

/// More than it takes to follow one.
const LONG: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn a_link_leads_from_the_address_of_its_answer() {
    let play = async |site: &Site, log: &mut Transcript| {
        let name = site.client().to_string();
        for link in LINKS {
            let next = format!("<{}>; rel=next; timeout=1", link.replace("{site}", &name));
            let path = stream("links", &[("grip-link", &next)]);
            let path = path.replacen("/say", LINKING, 1);
            let client = site.get(&path).await;
            let body = timeout(LONG, client.bytes()).await;
            let body = body.map_or_else(|_| "held".to_owned(), |body| text(&body));
            let requests = site.recorder().requests();
            let asked = requests.iter().map(|request| request.path.as_str());
            let asked: Vec<_> = asked
                .filter(|it| *it != path && *it != "/ws/echo")
                .collect();
            log.note(format!("{link}: {asked:?}, {body}"));
            site.recorder().forgets();
        }
    };
    compare(play, Vec::new()).await;
}
