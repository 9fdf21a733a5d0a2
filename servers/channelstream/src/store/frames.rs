//! Frames that are sent again to whoever has missed them, and the history that a channel may keep.

use gripware_axum::{HttpResponse, HttpStream, Item, WsMessage};
use gripware_core::item::WsMessageKind;
use gripware_state::{
    Appended, Draft, Entry, Position, StateError,
    history::{MAX_PAGE_ENTRIES, MAX_SIZE},
};

use super::{Store, channel::Channel};
use crate::{
    name,
    wire::{Frame, Message, Moment},
};

/// How many frames are kept for whoever has missed them.
const CHANNEL_FRAMES: usize = 100;
const USER_FRAMES: usize = 50;

/// When a frame was sent, in microseconds.
const SENT: &str = "t";

/// The message of a frame, for those who edit or delete it.
const UUID: &str = "uuid";

/// Digests of the users for whom alone a frame of a channel is.
const ONLY_FOR: &str = "pm";

/// Digests of the users from whom it is kept: the proxy's filter has this name.
pub(crate) const NOT_FOR: &str = "skip_users";

/// A frame of a channel that keeps none: it is there for whoever is about to hear it.
const UNKEPT: &str = "unkept";

/// A frame that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its JSON.
    pub(crate) json: String,
    pub(crate) sent: Moment,
    /// Whether who comes later gets it.
    is_for_later: bool,
    uuid: Option<String>,
    only_for: Vec<String>,
    not_for: Vec<String>,
    /// Its id in the history.
    id: String,
}

/// Frames that came after a cursor.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) frames: Vec<Kept>,
    /// The cursor after them.
    pub(crate) at: String,
}

/// A frame that is about to be kept, with the users whom it concerns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addressed {
    pub(crate) json: String,
    pub(crate) uuid: Option<String>,
    pub(crate) only_for: Vec<String>,
    pub(crate) not_for: Vec<String>,
}

impl Kept {
    /// Whether a user gets it, who has missed it or is just about to hear it.
    pub(crate) fn is_for(&self, digest: &str, has_missed: bool) -> bool {
        if has_missed && !self.is_for_later {
            return false;
        }
        let is_named = |users: &[String]| users.iter().any(|user| user == digest);
        !is_named(&self.not_for) && (self.only_for.is_empty() || is_named(&self.only_for))
    }

    fn of(entry: &Entry) -> Option<Self> {
        let parts = entry.item.parts().ok()?;
        let meta = |name: &str| {
            let mut metas = parts.meta.iter();
            metas
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let users = |name| {
            let users = meta(name).into_iter().flat_map(|users| users.split(','));
            users.map(str::to_owned).collect()
        };
        Some(Self {
            json: content(&entry.item)?,
            sent: Moment::from_micros(meta(SENT)?.parse().ok()?),
            is_for_later: meta(UNKEPT).is_none(),
            uuid: meta(UUID).map(str::to_owned),
            only_for: users(ONLY_FOR),
            not_for: users(NOT_FOR),
            id: entry.id.to_string(),
        })
    }
}

impl Addressed {
    /// The item of the frame for sockets alone, which nobody keeps.
    pub(crate) fn live(&self) -> Item {
        WsMessage::text(format!("[{}]", self.json)).into()
    }

    /// The item of the frame, as it is kept and published. A long poll is told to look, as there may
    /// be more than one frame for it.
    fn item(&self, sent: Moment) -> Item {
        let text = format!("[{}]", self.json);
        let item = match self.only_for.is_empty() {
            true => Item::new()
                .ws_message(WsMessage::text(text))
                .http_response(HttpResponse::hint()),
            // In a format that nobody is held for: the channel moves on, and whom it is for gets it
            // by another way.
            false => Item::new().http_stream(HttpStream::text(text)),
        };
        let mut item = item.meta(SENT, sent.micros().to_string());
        if let Some(uuid) = &self.uuid {
            item = item.meta(UUID, uuid.as_str());
        }
        if !self.only_for.is_empty() {
            item = item.meta(ONLY_FOR, self.only_for.join(","));
        }
        if !self.not_for.is_empty() {
            item = item.meta(NOT_FOR, self.not_for.join(","));
        }
        item
    }
}

impl Store {
    /// Keeps a frame of a channel, which gets its id by that.
    pub(crate) async fn keep(
        &self,
        channel: &Channel,
        frame: &Addressed,
    ) -> Result<Appended, StateError> {
        // At least the last one is kept: it tells when the channel was last used.
        let item = frame.item(Moment::now());
        let (size, item) = match channel.config.store_frames {
            true => (CHANNEL_FRAMES, item),
            false => (1, item.meta(UNKEPT, "1")),
        };
        let draft = Draft::from(item);
        let name = name::channel(&channel.name);
        self.history.clone().size(size).append(name, draft).await
    }

    /// Keeps a frame for a user.
    pub(crate) async fn keep_for_user(
        &self,
        digest: &str,
        frame: &Addressed,
    ) -> Result<Appended, StateError> {
        let draft = Draft::from(frame.item(Moment::now()));
        let name = name::user_channel(digest);
        let history = self.history.clone().size(USER_FRAMES);
        history.append(name, draft).await
    }

    /// Reads what came on a GRIP channel after a cursor.
    pub(crate) async fn missed(&self, channel: &str, after: &str) -> Result<Missed, StateError> {
        let (entries, at) = self.entries(channel, Some(after)).await?;
        Ok(Missed {
            frames: entries.iter().filter_map(Kept::of).collect(),
            at: at.to_string(),
        })
    }

    /// The cursor of whoever has seen everything.
    pub(crate) async fn cursor(&self, channel: &str) -> Result<String, StateError> {
        Ok(self.history.last(channel).await?.to_string())
    }

    /// When a channel was last used.
    pub(crate) async fn last_active(&self, channel: &Channel) -> Result<Moment, StateError> {
        let name = name::channel(&channel.name);
        let last = self.history.last(name.as_str()).await?;
        let before = last.number().checked_sub(1);
        let before = match (last.epoch(), before) {
            (Some(epoch), Some(number)) if number > 0 => format!("{epoch}.{number}"),
            _ => "0".to_owned(),
        };
        let missed = self.missed(&name, &before).await?;
        let last = missed.frames.last().map(|frame| frame.sent);
        Ok(last.unwrap_or(channel.made).max(channel.made))
    }

    /// Adds a message to the history that the channel keeps, if it does. A private one is in none.
    pub(crate) async fn remember(
        &self,
        channel: &Channel,
        message: &Message,
    ) -> Result<(), StateError> {
        let size = usize::try_from(channel.config.history_size).unwrap_or(usize::MAX);
        let is_public = !message.no_history && message.pm_users.is_empty();
        if !channel.config.store_history || !is_public || size == 0 {
            return Ok(());
        }
        let item = Item::from(WsMessage::text(message.to_history()));
        let draft = Draft::from(item.meta(UUID, message.uuid.as_str()));
        let history = self.history.clone().size(size);
        // It is for those who ask, and published to nobody.
        let _ = history.append(name::history(&channel.name), draft).await?;
        Ok(())
    }

    /// The history that a channel keeps, as JSON.
    pub(crate) async fn remembered(&self, channel: &Channel) -> Result<Vec<String>, StateError> {
        let (entries, _) = self.entries(&name::history(&channel.name), None).await?;
        let texts = entries.iter().filter_map(|entry| text(&entry.item));
        Ok(texts.collect())
    }

    /// Edits a message in a channel's history and in its frames. What is no longer there is left
    /// out.
    pub(crate) async fn edit(&self, channel: &str, edit: &Message) -> Result<(), StateError> {
        let history = name::history(channel);
        if let Some(entry) = self.entry_of(&history, &edit.uuid).await? {
            let json = text(&entry.item).unwrap_or_default();
            if let Ok(mut message) = serde_json::from_str::<Message>(&json) {
                message.edit(edit);
                let item = Item::from(WsMessage::text(message.to_history()));
                let item = item.meta(UUID, edit.uuid.as_str());
                let id = entry.id.to_string();
                self.history.amend(history.as_str(), &id, item).await?;
            }
        }
        self.edit_frame(&name::channel(channel), edit).await
    }

    /// Edits a message in the frames of a GRIP channel.
    pub(crate) async fn edit_frame(&self, grip: &str, edit: &Message) -> Result<(), StateError> {
        let entry = self.entry_of(grip, &edit.uuid).await?;
        let Some(kept) = entry.as_ref().and_then(Kept::of) else {
            return Ok(());
        };
        let Ok(mut frame) = serde_json::from_str::<Frame>(&kept.json) else {
            return Ok(());
        };
        let edited = edit.frame(frame.kind);
        frame.timestamp = edited.timestamp.or(frame.timestamp);
        frame.user = edited.user.or(frame.user);
        frame.message = edited.message.or(frame.message);
        frame.edited = edited.edited;
        let addressed = Addressed {
            json: frame.encode(self.wire),
            uuid: kept.uuid,
            only_for: kept.only_for,
            not_for: kept.not_for,
        };
        let item = addressed.item(kept.sent);
        self.history.amend(grip, &kept.id, item).await?;
        Ok(())
    }

    /// Removes a message from a channel's history and its frames.
    pub(crate) async fn delete(&self, channel: &str, uuid: &str) -> Result<(), StateError> {
        for grip in [name::history(channel), name::channel(channel)] {
            self.delete_frame(&grip, uuid).await?;
        }
        Ok(())
    }

    pub(crate) async fn delete_frame(&self, grip: &str, uuid: &str) -> Result<(), StateError> {
        if let Some(entry) = self.entry_of(grip, uuid).await? {
            self.history.remove(grip, &entry.id.to_string()).await?;
        }
        Ok(())
    }

    /// The entry of a message, which is one at most.
    async fn entry_of(&self, grip: &str, uuid: &str) -> Result<Option<Entry>, StateError> {
        let (entries, _) = self.entries(grip, None).await?;
        let is_it = |entry: &Entry| {
            let parts = entry.item.parts();
            parts.is_ok_and(|parts| {
                let mut metas = parts.meta.iter();
                metas.any(|(name, value)| name == UUID && value == uuid)
            })
        };
        Ok(entries.into_iter().find(is_it))
    }

    /// All entries after a cursor, and where they end.
    async fn entries(
        &self,
        channel: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Entry>, Position), StateError> {
        let mut page = self
            .history
            .read_after(channel, after, MAX_PAGE_ENTRIES)
            .await?;
        let mut entries = std::mem::take(&mut page.entries);
        while page.has_more && entries.len() < MAX_SIZE {
            let after = page.position.to_string();
            page = self
                .history
                .read_after(channel, Some(&after), MAX_PAGE_ENTRIES)
                .await?;
            entries.append(&mut page.entries);
        }
        Ok((entries, page.position))
    }
}

/// The text of an item, without the brackets of the list that it stands in.
fn content(item: &Item) -> Option<String> {
    let text = text(item)?;
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.to_owned())
}

fn text(item: &Item) -> Option<String> {
    let parts = item.parts().ok()?;
    let content = match (&parts.ws_message, &parts.http_stream) {
        (Some(message), _) => match message.kind() {
            WsMessageKind::Text(content) => content,
            _ => return None,
        },
        (None, Some(stream)) => stream.content(),
        (None, None) => return None,
    };
    content.as_text().map(str::to_owned)
}
