//! Streams whose clients count as present.

use std::time::Duration;

use gripware_core::{Hold, HoldError, Link};

use super::StreamResume;
use crate::{Member, Presence, presence::STREAM_INTERVAL, resume::stream::Mistake};

/// Who is at the end of a stream, and whom the proxy tells that it has gone.
#[derive(Clone, Debug)]
pub(super) struct Attendance {
    pub(super) presence: Presence,
    pub(super) member: Member,
    gone: Result<Link, HoldError>,
}

impl StreamResume {
    /// Lets the client count as present in the stream's channel: it joins, and joins again with each
    /// next link. A connection with a lease of its own is asked for its next link every
    /// [`STREAM_INTERVAL`], unless [`next_timeout`](Self::next_timeout) says otherwise; [by
    /// node](Presence::by_node) it stays until the gone link is told.
    ///
    /// A stream has no `Connection-Id`, so the first request makes one up
    /// ([`Member::random_connection`]), and the paths of the next link and the gone link have it. The
    /// handler of `gone`, a `POST`, calls [`Presence::leave`]. Pushpin 1.36 has no gone links: there
    /// the connection's time runs out.
    ///
    /// ```
    /// use gripware_core::{GripContext, LastEventId};
    /// use gripware_state::{History, Member, Presence, StateError, resume::ResumedStream};
    ///
    /// /// `GET /room`, and its next link, `GET /room/{connection}`.
    /// # #[allow(dead_code)]
    /// async fn room(
    ///     history: &History,
    ///     presence: &Presence,
    ///     user: &str,
    ///     connection: Option<String>,
    ///     cx: &GripContext,
    ///     cursor: &LastEventId,
    /// ) -> Result<ResumedStream, StateError> {
    ///     let connection = connection.unwrap_or_else(Member::random_connection);
    ///     let member = Member::new(user, &connection)?;
    ///     history
    ///         .stream("room", format!("/room/{connection}"))
    ///         .present(presence, member, format!("/room/{connection}/gone"))
    ///         .resume(cx, cursor)
    ///         .await
    /// }
    /// ```
    pub fn present<L>(mut self, presence: &Presence, member: Member, gone: L) -> Self
    where
        L: TryInto<Link>,
        L::Error: Into<HoldError>,
    {
        self.attendance = Some(Attendance {
            presence: presence.clone(),
            member,
            gone: gone.try_into().map_err(Into::into),
        });
        self
    }
}

impl Attendance {
    /// After how long without an item the proxy asks.
    pub(super) fn interval(&self) -> Option<Duration> {
        (!self.presence.is_by_node()).then_some(STREAM_INTERVAL)
    }

    pub(super) fn tell_gone(&self, hold: Hold) -> Hold {
        match &self.gone {
            Ok(link) => hold.gone(link.clone()),
            Err(mistake) => hold.gone(Mistake(mistake.clone())),
        }
    }
}
