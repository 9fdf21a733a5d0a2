use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{fan_out::FanOut, plain::median, quiet::quiet};
use crate::{
    Error,
    clients::{Control, Guests, Kind, message},
    plan::Plan,
    report::{Report, Section},
    sides::{Broker, Brokering, Held, Proxy, Running, Side, Starter, Usage},
};

/// How many messages are published before it is the turn of the other way.
const SLICE: usize = 100;

/// How long a message or a node may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The two ways in which the application publishes.
const WAYS: [(&str, &str); 2] = [
    ("/publish", "published by the application"),
    ("/append", "appended to a history, then published"),
];

/// What a history costs: an application with the hub around it publishes to one WebSocket.
pub(crate) async fn history(
    starter: &Starter,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let side = Side::Inside;
    let proxy = starter.start(side).await?;
    let crowd = Guests::of(Kind::WebSocket, 1).gather(&*proxy).await?;
    let mut application = Control::grip(proxy.client());
    quiet(&*proxy, plan.settle).await;
    for _ in 0..plan.publishes.div_ceil(SLICE) {
        for (path, name) in WAYS {
            let before = proxy.usage().processor;
            let mut times = Vec::with_capacity(SLICE);
            for _ in 0..SLICE {
                let tally = &crowd.tally;
                tally.expect(tally.received() + 1);
                let start = Instant::now();
                let answer = application.post(path, &message()).await?;
                if !answer.ends_with("Published\n") {
                    return Err(format!("the application answered by {answer:?}").into());
                }
                let reached = tally.reached(PATIENCE).await;
                times.push(reached.ok_or("a message was lost")? - start);
            }
            let used = proxy.usage().processor.saturating_sub(before);
            let each = used.as_secs_f64() * 1e6 / SLICE as f64;
            let section = Section::Publish;
            report.add(section, format!("{name}: processor time, µs"), side, each);
            let p50 = median(&mut times).as_secs_f64() * 1e6;
            report.add(section, format!("{name}: p50 to the client, µs"), side, p50);
        }
    }
    Ok(())
}

/// What a relay costs: a message published at one node, to clients of another one. Without a broker
/// it is one node.
pub(crate) async fn relay(
    starter: &Starter,
    broker: Option<Brokering>,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let prefix = match broker {
        None => "one node: ",
        Some(Brokering::Redis) => "to another node by Redis: ",
        Some(Brokering::Nats) => "to another node by NATS: ",
    };
    let running = broker.map(Broker::start).transpose()?;
    let nodes = Nodes::start(starter, running.as_ref()).await?;
    for (size, times) in [(1, plan.publishes / 10), (plan.sizes.few, plan.messages)] {
        let crowd = Guests::of(Kind::WebSocket, size).gather(&nodes).await?;
        quiet(&nodes, plan.settle).await;
        let fan_out = FanOut {
            section: Section::Publish,
            prefix,
            kind: Kind::WebSocket,
            // Each with a pause behind it.
            times: times.clamp(1, 20),
            message,
            bytes: false,
        };
        fan_out
            .measure(&nodes, &mut nodes.control(), &crowd, report)
            .await?;
    }
    Ok(())
}

/// A hub that is published at and one that has the clients, or one for both.
struct Nodes {
    front: Running,
    back: Option<Running>,
}

impl Nodes {
    async fn start(starter: &Starter, broker: Option<&Broker>) -> Result<Self, Error> {
        let Some(broker) = broker else {
            let front = starter.hub(Side::Hub, &[])?;
            return Ok(Self { front, back: None });
        };
        let url = broker.url();
        let node = |name| starter.hub(Side::Hub, &["--relay", &url, "--node", name]);
        let (front, back) = (node("front")?, node("back")?);
        for node in [&front, &back] {
            ready(node).await?;
        }
        Ok(Self {
            front,
            back: Some(back),
        })
    }
}

/// Waits until a node has met the broker.
async fn ready(node: &Running) -> Result<(), Error> {
    let start = Instant::now();
    let mut control = node.control();
    while let Err(error) = control.get("/ready").await {
        if start.elapsed() > PATIENCE {
            return Err(error);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

impl Proxy for Nodes {
    fn side(&self) -> Side {
        Side::Hub
    }

    fn client(&self) -> std::net::SocketAddr {
        self.front.client()
    }

    fn control(&self) -> Control {
        self.back.as_ref().unwrap_or(&self.front).control()
    }

    fn usage(&self) -> Usage {
        let mut usage = self.front.usage();
        if let Some(back) = &self.back {
            usage += back.usage();
        }
        usage
    }

    fn held(&self) -> Held {
        self.front.held()
    }
}
