//! Recovery after a loss between nodes: whoever may have missed an item asks the origin.

use std::{rc::Rc, time::Duration};

use gripware_core::ws::CloseCode;
use tokio::{task::spawn_local, time::sleep};

use super::{Shard, connection::Connection};
use crate::{inspect::ConnectionKind, session::Input, settings::OnLoss};

/// Over how long a recovery is spread, so that the origin is not asked for everybody at once.
const SPREAD: Duration = Duration::from_secs(2);

/// In how many parts.
const PARTS: u32 = 40;

/// How far a recovery is. However many losses come meanwhile, one more follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Recovery {
    #[default]
    None,
    UnderWay,
    Again,
}

impl Shard {
    /// Has everybody who is here now recover, unless that is under way; then once more after it.
    pub(super) fn recover_by_and_by(self: &Rc<Self>) {
        let next = match self.recovery.get() {
            Recovery::None => Recovery::UnderWay,
            Recovery::UnderWay | Recovery::Again => Recovery::Again,
        };
        self.recovery.set(next);
        if matches!(next, Recovery::Again) {
            return;
        }
        let shard = Rc::clone(self);
        spawn_local(async move {
            loop {
                shard.recover_in_parts().await;
                if !matches!(shard.recovery.get(), Recovery::Again) {
                    break;
                }
                shard.recovery.set(Recovery::UnderWay);
            }
            shard.recovery.set(Recovery::None);
        });
    }

    async fn recover_in_parts(self: &Rc<Self>) {
        let all: Vec<_> = self.by_id.borrow().values().cloned().collect();
        for part in all.chunks(all.len().div_ceil(PARTS as usize).max(1)) {
            for connection in part {
                self.isolate(connection, || self.recover_from_loss(connection));
            }
            sleep(SPREAD / PARTS).await;
        }
    }

    fn recover_from_loss(self: &Rc<Self>, connection: &Rc<Connection>) {
        if connection.is_gone.get() {
            return;
        }
        let on_loss = self.shared.settings.on_loss;
        let (kind, can_recover) =
            connection.with(|state| (state.session.kind(), state.session.can_recover()));
        let input = match (kind, on_loss) {
            (ConnectionKind::WebSocket, OnLoss::Poll) => Input::Refresh,
            (ConnectionKind::WebSocket, OnLoss::Close) => Input::Finish(CloseCode::SERVICE_RESTART),
            (ConnectionKind::Response | ConnectionKind::Stream, _) if can_recover => Input::Recover,
            _ => {
                self.shared.metrics.lost_unrecoverable.add(1);
                return;
            }
        };
        self.input(connection, input);
    }
}
