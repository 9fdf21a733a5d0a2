//! What the origin tells the proxy (GRIP 2.5).

use std::time::Instant;

use bytes::Bytes;
use gripware_core::ws::ControlMessage;

use super::{WsSession, events::Output};
use crate::session::Effect;

impl WsSession {
    /// Obeys the content of a text that starts with `c:`. What cannot be obeyed is said in the log
    /// and changes nothing.
    pub(super) fn control(&mut self, content: &Bytes, now: Instant, output: &mut Output<'_>) {
        if content.len() > self.settings.limits.control_message {
            output.note(format!(
                "a control message of {} bytes is over the limit and ignored",
                content.len()
            ));
            return;
        }
        match ControlMessage::decode(content) {
            Ok(message) => self.obey(message, now, output),
            Err(error) => output.note(format!("a control message is ignored: {error}")),
        }
    }

    fn obey(&mut self, message: ControlMessage, now: Instant, output: &mut Output<'_>) {
        match message {
            ControlMessage::Subscribe { channel } => {
                if channel.filters().len() > self.settings.limits.filters {
                    output.note("a subscription with too many filters is ignored");
                } else {
                    output.act(Effect::Subscribe(channel));
                }
            }
            ControlMessage::Unsubscribe { channel } => output.act(Effect::Unsubscribe(channel)),
            ControlMessage::Detach => self.detach(),
            ControlMessage::SetMeta { name, value } => {
                output.act(Effect::SetMeta { name, value });
            }
            ControlMessage::KeepAlive { keep_alive } => {
                self.keep_client_alive(keep_alive.as_ref(), now);
            }
            ControlMessage::SendDelayed { frame, timeout } => {
                if let Some(earlier) = self.delay(&frame, timeout, now) {
                    output.frame(&earlier);
                }
            }
            ControlMessage::FlushDelayed => {
                if let Some(delayed) = self.take_delayed() {
                    output.frame(&delayed);
                }
            }
            ControlMessage::Session { .. } => output.note("sessions are not kept"),
            _ => output.note("a control message of an unknown type is ignored"),
        }
    }
}
