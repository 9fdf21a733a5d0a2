//! Finds what a proxy would refuse or misread in a hold.

use http::StatusCode;

use super::{
    Hold, HoldError, HoldMode,
    error::{check_text, whole_seconds},
};
use crate::{Channel, ChannelError, Limits, MAX_NAME_LEN};

impl Hold {
    /// Whether a proxy would take this hold.
    ///
    /// # Errors
    /// The first mistake that was made in building it, or the first limit that it breaks.
    pub fn check(&self, limits: &Limits) -> Result<(), HoldError> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        self.check_channels(limits)?;
        self.check_settings()?;
        self.check_meta(limits)
    }

    /// The same for a hold whose channels get this prefix.
    pub(crate) fn check_prefixed(&self, prefix: &str, limits: &Limits) -> Result<(), HoldError> {
        self.check(limits)?;
        if !prefix.is_empty() {
            Channel::new(prefix)?;
        }
        let length = |channel: &Channel| prefix.len() + channel.name().len();
        match self.channels.iter().map(length).max() {
            Some(length) if length > MAX_NAME_LEN => {
                let limit = MAX_NAME_LEN;
                Err(ChannelError::TooLong { length, limit }.into())
            }
            _ => Ok(()),
        }
    }

    fn check_channels(&self, limits: &Limits) -> Result<(), HoldError> {
        if self.channels.len() > limits.channels {
            return Err(HoldError::TooManyChannels {
                count: self.channels.len(),
                limit: limits.channels,
            });
        }
        for (position, channel) in self.channels.iter().enumerate() {
            if channel.filters().len() > limits.filters {
                return Err(HoldError::TooManyFilters {
                    count: channel.filters().len(),
                    limit: limits.filters,
                });
            }
            let mut earlier = self.channels.iter().take(position);
            if earlier.any(|other| other.name() == channel.name()) {
                return Err(HoldError::DuplicateChannel {
                    name: channel.name().to_owned(),
                });
            }
        }
        Ok(())
    }

    fn check_settings(&self) -> Result<(), HoldError> {
        let misplaced = |mode, setting| Err(HoldError::Misplaced { mode, setting });
        match self.mode {
            Some(HoldMode::Response) if self.keep_alive.is_some() => {
                return misplaced("response", "keep-alive");
            }
            Some(HoldMode::Response) if self.next.is_some() => {
                return misplaced("response", "next link");
            }
            Some(HoldMode::Stream) if self.timeout.is_some() => {
                return misplaced("stream", "timeout");
            }
            Some(HoldMode::Stream)
                if self.next.is_none() && self.channels.iter().any(|c| c.prev_id().is_some()) =>
            {
                return Err(HoldError::PrevIdWithoutNext);
            }
            None if !self.channels.is_empty() => return misplaced("next-page", "channel"),
            None if self.timeout.is_some() => return misplaced("next-page", "timeout"),
            None if self.keep_alive.is_some() => return misplaced("next-page", "keep-alive"),
            _ => {}
        }
        if self.exposed.as_ref().is_some_and(Vec::is_empty) {
            return Err(HoldError::NothingExposed);
        }
        if let Some(timeout) = self.timeout {
            whole_seconds("hold", timeout)?;
        }
        if let Some((_, Some(timeout))) = self.next
            && whole_seconds("next link", timeout)? == 0
        {
            // Pushpin fetches such a link over and over.
            let of = "next link";
            return Err(HoldError::BadTimeout { of, timeout });
        }
        match &self.keep_alive {
            Some(keep_alive) => keep_alive.check(),
            None => Ok(()),
        }
    }

    /// The status that the client gets, and its reason, where the response has the status `real`.
    pub(super) fn status_beside(
        &self,
        real: StatusCode,
    ) -> Result<(StatusCode, Option<&str>), HoldError> {
        match &self.status {
            Some((status, reason)) => Ok((*status, reason.as_deref())),
            None if real.is_informational() => Err(HoldError::BadStatus {
                status: real.as_u16(),
            }),
            None => Ok((real, None)),
        }
    }

    fn check_meta(&self, limits: &Limits) -> Result<(), HoldError> {
        if self.meta.len() > limits.meta {
            return Err(HoldError::TooMuchMeta {
                count: self.meta.len(),
                limit: limits.meta,
            });
        }
        for (position, (name, value)) in self.meta.iter().enumerate() {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(is_plain) {
                let name = name.chars().take(64).collect();
                return Err(HoldError::MetaName { name });
            }
            if self
                .meta
                .iter()
                .take(position)
                .any(|(other, _)| other == name)
            {
                return Err(HoldError::DuplicateMeta { name: name.clone() });
            }
            check_text("meta value", value)?;
        }
        Ok(())
    }
}
