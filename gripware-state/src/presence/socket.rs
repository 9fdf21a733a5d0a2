use std::time::Duration;

use gripware_core::{
    Channel, ChannelError,
    ws::{MIN_KEEP_ALIVE_INTERVAL, WebSocketContext},
};

use super::{Change, Member, Presence};
use crate::resume::SocketError;

impl Presence {
    /// Lets a WebSocket count as present in a channel: it joins when it is accepted, is renewed with
    /// every turn, and leaves when it is closed or gone. A handler calls it in each turn, after it
    /// has accepted.
    ///
    /// Where connections have leases of their own, the proxy is asked to poll every 20 s, so that
    /// one that is idle is renewed. [By node](Self::by_node) nothing is done between the first turn
    /// and the last.
    ///
    /// ```
    /// use gripware_core::ws::WebSocketContext;
    /// use gripware_state::{Member, Presence, resume::SocketError};
    ///
    /// # #[allow(dead_code)]
    /// async fn turn(
    ///     presence: &Presence,
    ///     user: &str,
    ///     ws: &mut WebSocketContext,
    /// ) -> Result<(), SocketError> {
    ///     if ws.is_opening() {
    ///         ws.accept();
    ///     }
    ///     let member = Member::new(user, ws.connection_id().as_str())?;
    ///     presence.turn(ws, "room", &member).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn turn<C>(
        &self,
        ws: &mut WebSocketContext,
        channel: C,
        member: &Member,
    ) -> Result<Change, SocketError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        if ws.is_disconnected() || ws.close_received().is_some() {
            return Ok(self.leave(channel, member.connection()).await?);
        }
        let is_opening = ws.is_opening();
        if !ws.is_accepted() || (self.node.is_some() && !is_opening) {
            return Ok(Change::default());
        }
        if self.node.is_none() && is_opening {
            ws.keep_alive_interval(Duration::from_secs(MIN_KEEP_ALIVE_INTERVAL))?;
        }
        Ok(self.join(channel, member).await?)
    }
}
