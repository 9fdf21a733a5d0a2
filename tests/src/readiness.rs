use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use crate::{PATIENCE, Pushpin, Request, Socket};

/// How long a part of a site that is not ready yet is given to answer.
const PROBE: Duration = Duration::from_millis(500);

impl Pushpin {
    /// Waits until everything between a client, the handler of holds and the origin is connected.
    ///
    /// Pushpin's programs connect to each other in the background, and what comes before is
    /// answered with an error, cut or lost. So one stream and one WebSocket have to work from end
    /// to end, unless the origin does not trust this proxy. `prefix` is the origin's.
    pub(crate) async fn is_ready(&mut self, prefix: &str) {
        let start = Instant::now();
        // Each attempt has a channel of its own: Pushpin may keep the client of a failed one.
        let mut channels = (0..).map(|n| format!("ready-{n}"));
        while !(self
            .streams(&channels.next().expect("a name"), prefix)
            .await
            && echoes(self.client()).await)
        {
            self.assert_running();
            assert!(start.elapsed() < PATIENCE, "the site is not ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn streams(&self, channel: &str, prefix: &str) -> bool {
        let path = format!("/hold/stream?channel={channel}");
        let ask = Request::new("GET", self.client(), &path).try_send();
        let Ok(Ok(mut answer)) = timeout(PROBE, ask).await else {
            return false;
        };
        if answer.status() != 200 {
            return answer.status() == 501;
        }
        let channel = format!("{prefix}{channel}");
        let served = answer.has_next("[open]\n", PROBE).await
            && self.publishes_ready(&channel).await
            && answer.has_next("ready\n", PROBE).await;
        // That the client is gone has to arrive too: a message that is lost on this way makes
        // Pushpin cut the connection when the next one comes.
        let nobody = format!("publish channel={channel} receivers=0");
        let before = self.times_logged(&nobody);
        drop(answer);
        let noticed = async {
            while self.publishes_ready(&channel).await && self.times_logged(&nobody) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        served && timeout(PROBE, noticed).await.is_ok()
    }

    async fn publishes_ready(&self, channel: &str) -> bool {
        let publish = Request::new("POST", self.control(), "/publish/").body(format!(
            r#"{{"items": [{{"channel": "{channel}", "http-stream": {{"content": "ready\n"}}}}]}}"#
        ));
        matches!(timeout(PROBE, publish.try_send()).await, Ok(Ok(_)))
    }
}

async fn echoes(client: SocketAddr) -> bool {
    let ask = Socket::try_connect(client, "/ws/echo", &[]);
    match timeout(PROBE, ask).await {
        Ok(Ok(Ok(mut socket))) => socket.echoes("ready", PROBE).await,
        Ok(Ok(Err(refusal))) => [403, 501].contains(&refusal.status),
        Ok(Err(_)) | Err(_) => false,
    }
}
