use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use crate::{
    Error,
    report::{Report, Section},
    sides::{Proxy, Side, Starter},
};

/// Several sides that run at once and are measured by turns, a slice of time each.
pub(super) struct Slices {
    pub(super) running: Vec<Arc<dyn Proxy>>,
    section: Section,
    what: &'static str,
}

impl Slices {
    /// Starts each of these sides.
    pub(super) async fn start(
        starter: &Starter,
        sides: &[Side],
        section: Section,
        what: &'static str,
        report: &mut Report,
    ) -> Self {
        let mut running: Vec<Arc<dyn Proxy>> = Vec::new();
        for side in sides {
            match starter.start(*side).await {
                Ok(proxy) => running.push(Arc::from(proxy)),
                Err(why) => report.fail(section, what, *side, &why),
            }
        }
        Self {
            running,
            section,
            what,
        }
    }

    /// Has a slice of each, by turns, so many times. A side that fails takes no more part.
    pub(super) async fn each<T>(
        &mut self,
        times: usize,
        report: &mut Report,
        slice: impl Fn(Arc<dyn Proxy>) -> Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>,
    ) -> Vec<(Side, T)> {
        let mut slices = Vec::new();
        for _ in 0..times {
            let mut failed = Vec::new();
            for proxy in &self.running {
                match slice(Arc::clone(proxy)).await {
                    Ok(figures) => slices.push((proxy.side(), figures)),
                    Err(why) => failed.push((proxy.side(), why)),
                }
            }
            for (side, why) in failed {
                report.fail(self.section, self.what, side, &why);
                self.running.retain(|proxy| proxy.side() != side);
            }
        }
        slices
    }
}

/// How often and how long each is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SliceTimes {
    pub(crate) times: usize,
    pub(crate) each: Duration,
}
