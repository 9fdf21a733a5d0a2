//! What every broker has to do, by the broker in memory.

use std::sync::Arc;

use gripware_relay::{Broker, MemoryBroker, broker_suite, suite::Engine};

#[derive(Default)]
struct Memory(MemoryBroker);

impl Engine for Memory {
    const HAS_ONE_ORDER: bool = true;

    async fn start() -> Self {
        Self::default()
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.0.clone())
    }

    async fn kill(&mut self) {
        self.0.set_reachable(false);
    }

    async fn start_again(&mut self) {
        self.0.set_reachable(true);
    }
}

broker_suite!(Memory);
