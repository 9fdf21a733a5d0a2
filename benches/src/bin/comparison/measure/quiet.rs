use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::sides::Proxy;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What is taken for nothing: 2 % of a core.
const IDLE: Duration = Duration::from_millis(5);

/// Some never rest.
const AT_MOST: Duration = Duration::from_secs(30);

/// Waits for this long at least, and until the side has no more to do with what came before.
pub(super) async fn quiet(proxy: &dyn Proxy, at_least: Duration) {
    let start = Instant::now();
    sleep(at_least).await;
    let mut before = proxy.usage().processor;
    while start.elapsed() < AT_MOST {
        sleep(LOOK).await;
        let now = proxy.usage().processor;
        if now.saturating_sub(before) < IDLE {
            return;
        }
        before = now;
    }
}
