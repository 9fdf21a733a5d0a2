//! All go, and nothing may be left of them.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    client::Client,
    opening::events,
    play::{DRAIN, Play},
};
use crate::{ConnectionKind, metrics::Gauges, shard::Left};

/// When all have gone, nothing may be left after this time: a request that waits for its turn as long
/// as for its answer, five times more, takes less. What the hub does each second costs in all of it.
const AFTERWARDS: Duration = Duration::from_secs(600);

impl Play {
    /// All go, in one of several ways, and nothing is left of them.
    pub(super) async fn ends(mut self) {
        self.model.step += 1;
        self.settle().await;
        let answers = self.ending & 4 != 0;
        match self.ending & 3 {
            0 => {}
            1 => self.drains().await,
            2 => {
                for who in 0..self.clients.len() {
                    self.close(who).await;
                }
                self.has_witnesses = false;
                self.read_to_end().await;
            }
            _ => {
                sleep(Duration::from_secs(120)).await;
                self.settle().await;
            }
        }
        self.has_witnesses = false;
        for client in &mut self.clients {
            client.leave();
        }
        if answers {
            self.answers_all().await;
        }
        sleep(AFTERWARDS).await;
        self.look(&[]);
        assert_eq!(self.here.left(), Left::default());
        assert!(self.inner.channels().is_empty());
        assert_eq!(self.inner.gauges(), Gauges::default());
        assert_eq!(self.inner.occupied(), 0);
        self.origin_client = None;
        sleep(Duration::from_secs(1)).await;
        assert!(self.origin.is_alone(), "something is still asked");
    }

    /// The origin answers whatever it is asked, until nobody can ask any more.
    async fn answers_all(&mut self) {
        for _ in 0..60 {
            sleep(Duration::from_secs(10)).await;
            self.give_up();
            while let Some(asked) = self.origin.next(0) {
                self.note(&asked.what);
                asked.answer(Ok(events("")));
            }
        }
    }

    /// The hub ends, and everybody reads.
    async fn drains(&mut self) {
        let is_held = |client: &Client| client.end.is_none() && client.reads;
        let held: Vec<_> = self.clients.iter().map(is_held).collect();
        self.has_witnesses = false;
        {
            let draining = self.inner.drain(DRAIN);
            let clients = &mut self.clients;
            let reading = async {
                loop {
                    sleep(Duration::from_millis(10)).await;
                    for client in clients.iter_mut().filter(|it| it.reads) {
                        client.drive(usize::MAX);
                    }
                }
            };
            tokio::select! {
                _ = draining => {}
                () = reading => {}
            }
        }
        self.read_to_end().await;
        for (number, was_held) in held.into_iter().enumerate() {
            let (client, known) = (&self.clients[number], &self.known[number]);
            if was_held && known.is_plain && !self.is_lossy {
                let is_raw = client.kind == ConnectionKind::Stream && !client.is_over;
                assert!(client.is_over || is_raw, "no end for {client:?}");
                assert!(client.end.is_some() || client.kind == ConnectionKind::WebSocket);
            }
        }
    }

    async fn read_to_end(&mut self) {
        for _ in 0..4 {
            self.settle().await;
            sleep(Duration::from_secs(5)).await;
        }
    }
}
