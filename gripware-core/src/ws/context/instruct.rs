//! What the proxy is told about the connection.

use std::time::Duration;

use super::*;
use crate::{
    Channel, ChannelError,
    ws::{ControlMessage, Frame, WsKeepAlive},
};

impl WebSocketContext {
    /// Has the proxy send the items of a channel to the client, through the channel's filters.
    /// The prefix of the settings is put before its name.
    ///
    /// Only the channels of this answer are counted against [`Limits::channels`]: how many the
    /// connection has already, nobody but the proxy knows.
    ///
    /// A channel with a previous id says which item the application has read last. Where another
    /// one was published since, the hub makes a turn [without events](Self::is_keep_alive) at once,
    /// so that nothing is lost between reading and subscribing. A second subscription from the same
    /// id makes none. Pushpin passes over the id; there a `refresh` after the answer does the same.
    ///
    /// # Errors
    /// If the channel's name is none, it has too many filters, there are too many channels, or as
    /// [`send_text`](Self::send_text).
    pub fn subscribe<C>(&mut self, channel: C) -> Result<(), WebSocketError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = self.channel(channel)?;
        self.send_control(ControlMessage::Subscribe { channel })
    }

    /// Has the proxy no longer send the items of a channel.
    ///
    /// # Errors
    /// If the channel's name is none, or as [`send_text`](Self::send_text).
    pub fn unsubscribe<C>(&mut self, channel: C) -> Result<(), WebSocketError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = self.channel(channel)?;
        self.send_control(ControlMessage::Unsubscribe { channel })
    }

    /// Has the proxy throw away what the client sends from now on. Items still reach it.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn detach(&mut self) -> Result<(), WebSocketError> {
        self.send_control(ControlMessage::Detach)
    }

    /// Sets an item of the meta that the proxy's filters look at, such as `user` for
    /// [`Filter::SkipSelf`](crate::Filter::SkipSelf). The application never gets it back; for
    /// that there is [`insert_meta`](Self::insert_meta).
    ///
    /// # Errors
    /// If the name is empty or the value has a control character, or as
    /// [`send_text`](Self::send_text).
    pub fn set_filter_meta(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), WebSocketError> {
        let value = value.into();
        if value.contains(char::is_control) {
            // A filter may put it into content, where a line end could mean something.
            return Err(self.error(WebSocketErrorKind::InvalidMeta));
        }
        self.send_control(ControlMessage::SetMeta {
            name: name.into(),
            value: Some(value),
        })
    }

    /// Removes an item of the meta that the proxy's filters look at.
    ///
    /// # Errors
    /// As [`set_filter_meta`](Self::set_filter_meta).
    pub fn remove_filter_meta(&mut self, name: impl Into<String>) -> Result<(), WebSocketError> {
        self.send_control(ControlMessage::SetMeta {
            name: name.into(),
            value: None,
        })
    }

    /// Has the proxy send something to the client again and again.
    ///
    /// # Errors
    /// If its time is not whole seconds from one on, a ping is too large, or as
    /// [`send_text`](Self::send_text).
    pub fn keep_alive(&mut self, keep_alive: WsKeepAlive) -> Result<(), WebSocketError> {
        self.send_control(ControlMessage::KeepAlive {
            keep_alive: Some(keep_alive),
        })
    }

    /// Has the proxy no longer do so.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn stop_keep_alive(&mut self) -> Result<(), WebSocketError> {
        self.send_control(ControlMessage::KeepAlive { keep_alive: None })
    }

    /// Has the proxy send something to the client after some whole seconds. There is one place
    /// for it: a second one sends the first at once.
    ///
    /// # Errors
    /// As [`keep_alive`](Self::keep_alive).
    pub fn send_delayed(&mut self, frame: Frame, after: Duration) -> Result<(), WebSocketError> {
        self.send_control(ControlMessage::SendDelayed {
            frame,
            timeout: Some(after),
        })
    }

    /// Has the proxy send at once what waits to be sent later.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn flush_delayed(&mut self) -> Result<(), WebSocketError> {
        self.send_control(ControlMessage::FlushDelayed)
    }

    /// Sends a control message. The prefix of the settings is put before the name of a channel
    /// here too.
    ///
    /// # Errors
    /// If a proxy would drop it (see [`ControlMessage::encode`]), it is one channel too many,
    /// or as [`send_text`](Self::send_text).
    pub fn send_control(&mut self, message: ControlMessage) -> Result<(), WebSocketError> {
        self.check_accepted()?;
        let message = self.with_prefix(message)?;
        let limit = self.limits.channels;
        if let ControlMessage::Subscribe { channel } = &message
            && self.subscribed.len() >= limit
            && !self.is_subscribed(channel)
        {
            return Err(self.error(WebSocketErrorKind::TooManyChannels { limit }));
        }
        let content = message
            .encode(&self.limits)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidControl, error))?;
        self.put_control(&content)?;
        match message {
            ControlMessage::Subscribe { channel } if !self.is_subscribed(&channel) => {
                self.subscribed.push(channel.name().to_owned());
            }
            ControlMessage::Unsubscribe { channel } => {
                self.subscribed.retain(|name| name != channel.name());
            }
            _ => {}
        }
        Ok(())
    }

    fn with_prefix(&self, message: ControlMessage) -> Result<ControlMessage, WebSocketError> {
        let add = |channel: Channel| {
            channel
                .with_prefix(&self.prefix)
                .map_err(|error| self.error_by(WebSocketErrorKind::InvalidChannel, error))
        };
        Ok(match message {
            ControlMessage::Subscribe { channel } => ControlMessage::Subscribe {
                channel: add(channel)?,
            },
            ControlMessage::Unsubscribe { channel } => ControlMessage::Unsubscribe {
                channel: add(channel)?,
            },
            other => other,
        })
    }

    fn channel<C>(&self, channel: C) -> Result<Channel, WebSocketError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        channel
            .try_into()
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidChannel, error.into()))
    }

    fn is_subscribed(&self, channel: &Channel) -> bool {
        self.subscribed.iter().any(|name| name == channel.name())
    }
}
