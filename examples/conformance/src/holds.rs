//! Builds holds from the parameters of a query, the same for every framework.

use std::time::Duration;

use gripware_core::{
    Channel, Filter, Hold, KeepAlive, KeepAliveMode, Limits,
    http::StatusCode,
    ws::{CloseCode, Frame, WsKeepAlive},
};

use crate::{BadRequest, Params};

impl Params {
    /// A channel with the previous id and the filters of the request.
    ///
    /// # Errors
    /// Where one of them is none.
    pub fn to_channel(&self, name: &str) -> Result<Channel, BadRequest> {
        let mut channel = Channel::new(name).map_err(BadRequest::because)?;
        if let Some(id) = self.first("prev_id") {
            channel = channel.with_prev_id(id).map_err(BadRequest::because)?;
        }
        for filter in self.all("filter") {
            channel = channel.with_filter(Filter::custom(filter).map_err(BadRequest::because)?);
        }
        Ok(channel)
    }

    /// A hold without anything but its channels, of which there is at least one.
    fn to_hold(&self, make: fn(Channel) -> Hold) -> Result<Hold, BadRequest> {
        let first = self.to_channel(self.required("channel")?)?;
        let mut hold = make(first);
        for name in self.all("channel").skip(1) {
            hold = hold.channel(self.to_channel(name)?);
        }
        for (name, value) in self.pairs("meta")? {
            hold = hold.meta(name, value);
        }
        Ok(hold)
    }

    /// The close code of the request, which may be sent.
    ///
    /// # Errors
    /// Where it is missing or may not.
    pub fn to_close_code(&self) -> Result<CloseCode, BadRequest> {
        self.required("code")?;
        let code: u16 = self.parsed("code")?.unwrap_or_default();
        CloseCode::new(code).map_err(BadRequest::because)
    }

    /// What the proxy is to send over a WebSocket, and how often.
    ///
    /// # Errors
    /// Where it is missing or malformed.
    pub fn to_ws_keep_alive(&self) -> Result<WsKeepAlive, BadRequest> {
        let frame = Frame::text(self.required("content")?);
        let timeout = self
            .seconds("timeout")?
            .unwrap_or(KeepAlive::DEFAULT_TIMEOUT);
        Ok(WsKeepAlive::new(frame).when_idle(timeout))
    }
}

/// The hold of `/hold/response`, and the body that the client gets at its timeout.
///
/// # Errors
/// Where a parameter is missing or malformed, or no proxy would take the hold.
pub fn hold_response(params: &Params) -> Result<(Hold, String), BadRequest> {
    let mut hold = params.to_hold(Hold::response)?;
    if let Some(timeout) = params.seconds("timeout")? {
        hold = hold.timeout(timeout);
    }
    if let Some(status) = params.parsed::<StatusCode>("status")? {
        hold = hold.status(status);
    }
    if let Some(names) = params.first("expose") {
        hold = hold.expose_headers(names.split(',').map(str::trim_ascii));
    }
    checked(hold, params.first("body").unwrap_or("timeout\n"))
}

/// The hold of `/hold/stream`, and its first bytes.
///
/// # Errors
/// As for [`hold_response`].
pub fn hold_stream(params: &Params) -> Result<(Hold, String), BadRequest> {
    let mut hold = params.to_hold(Hold::stream)?;
    if let Some(content) = params.first("keep_alive") {
        let mode = match params.first("keep_alive_mode") {
            None | Some("idle") => KeepAliveMode::Idle,
            Some("interval") => KeepAliveMode::Interval,
            Some(_) => {
                return Err(Params::malformed(
                    "keep_alive_mode",
                    "it is idle or interval",
                ));
            }
        };
        let timeout = params.seconds("keep_alive_timeout")?;
        let keep_alive = KeepAlive::text(content)
            .timeout(timeout.unwrap_or(KeepAlive::DEFAULT_TIMEOUT))
            .mode(mode);
        hold = hold.keep_alive(keep_alive);
    }
    if params.first("prev_id").is_some() {
        // Where a proxy asks that finds something missing. There is nothing more here.
        hold = hold.next("/plain");
    }
    checked(hold, params.first("body").unwrap_or("[open]\n"))
}

/// The hold of `/hold/instruct`, either of the two above, always as a body.
///
/// # Errors
/// As for [`hold_response`].
pub fn hold_instruct(params: &Params) -> Result<(Hold, String), BadRequest> {
    let (hold, body) = match params.required("mode")? {
        "response" => hold_response(params),
        "stream" => hold_stream(params),
        _ => Err(Params::malformed("mode", "it is response or stream")),
    }?;
    Ok((hold.in_body(), body))
}

/// The hold of `/sse`, and its first event.
///
/// # Errors
/// As for [`hold_response`].
pub fn hold_sse(params: &Params) -> Result<(Hold, String), BadRequest> {
    let keep_alive = KeepAlive::sse(Duration::from_secs(20));
    let hold = params.to_hold(Hold::stream)?.keep_alive(keep_alive);
    checked(hold, "event: open\ndata: {}\n\n")
}

fn checked(hold: Hold, body: &str) -> Result<(Hold, String), BadRequest> {
    hold.check(&Limits::default())
        .map_err(BadRequest::because)?;
    Ok((hold, body.to_owned()))
}
