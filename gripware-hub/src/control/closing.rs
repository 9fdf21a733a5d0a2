//! Which connections a request ends, and how: the query of `DELETE /connections`.

use gripware_core::{Channel, Item, ws::CloseCode};
use http::StatusCode;

use super::answer::Refused;

/// The end of all connections of a channel.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) channel: Channel,
    pub(super) item: Item,
}

impl Closing {
    /// Reads `channel`, and `code` and `reason` for WebSockets. Without a channel nothing ends.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Refused> {
        let bad = |line| Refused::new(StatusCode::BAD_REQUEST, line);
        let (mut channel, mut code, mut reason) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "channel" => channel = Some(value.into_owned()),
                "code" => code = Some(value.parse().map_err(|_| bad("Invalid code."))?),
                "reason" => reason = Some(value.into_owned()),
                _ => {}
            }
        }
        let channel = channel.ok_or_else(|| bad("No channel."))?;
        let code: u16 = code.unwrap_or(CloseCode::NORMAL.as_u16());
        let item = Item::close(code, reason.unwrap_or_default());
        item.check().map_err(|_| bad("Invalid code or reason."))?;
        Ok(Self {
            channel: Channel::new(channel).map_err(|_| bad("Invalid channel."))?,
            item,
        })
    }
}
