//! Bodies of requests, piece by piece and within bounds.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use gripware_topics::{Digest, Hasher};
use http_body_util::BodyExt;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::Failure;
use crate::room::Room;

/// Reads a body in pieces, all of which have to come by a deadline. Those behind the first one, which are
/// put together, take room for as long as this is there. Most bodies are one piece, for which there is
/// always room: whoever sends many slowly takes it from others that do.
pub(super) struct Pieces {
    body: Body,
    deadline: Instant,
    room: Room,
    has_begun: bool,
}

impl Pieces {
    pub(super) fn new(body: Body, time: Duration, room: &Arc<Semaphore>) -> Self {
        Self {
            body,
            deadline: Instant::now() + time,
            room: Room::new(room),
            has_begun: false,
        }
    }

    /// Takes room elsewhere from now on.
    pub(super) fn take_from(&mut self, room: &Arc<Semaphore>) {
        self.room = Room::new(room);
    }

    /// Takes room for so many bytes more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Failure> {
        let busy = Failure::Busy("the requests that are read now leave no room");
        self.room.grow(bytes).ok_or(busy)
    }

    /// Returns the next piece, or `None` at the end, and takes room for it unless it is the first one.
    async fn next_counted(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = self.next().await?;
        if let Some(piece) = &piece
            && std::mem::replace(&mut self.has_begun, true)
        {
            self.grow(piece.len())?;
        }
        Ok(piece)
    }

    /// Returns the next piece, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match timeout_at(self.deadline, self.body.frame()).await {
                Err(_) => return Err(Failure::Slow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => {
                    return Err(Failure::Broken("the body ends before it is complete"));
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    // Trailers mean nothing here.
                    Err(_) => continue,
                },
            }
        }
    }

    /// Reads until `decode` has what it looks for at the front, and returns that, its
    /// length, and all that has come.
    pub(super) async fn head<T, E>(
        &mut self,
        most: usize,
        decode: impl Fn(&Bytes) -> Result<Option<(T, usize)>, E>,
    ) -> Result<(T, usize, Bytes), Failure>
    where
        Failure: From<E>,
    {
        let mut arrived = Bytes::new();
        loop {
            if let Some((head, length)) = decode(&arrived)? {
                return Ok((head, length, arrived));
            }
            // A decoder needs no more than the longest head.
            if arrived.len() > most {
                return Err(Failure::TooLarge);
            }
            let piece = self.next_counted().await?;
            let piece = piece.ok_or(Failure::Broken("the message ends too early"))?;
            arrived = match arrived.is_empty() {
                true => piece,
                false => {
                    let mut both = BytesMut::from(arrived);
                    both.extend_from_slice(&piece);
                    both.freeze()
                }
            };
        }
    }

    /// Reads a whole body of at most so many bytes.
    pub(super) async fn whole(&mut self, most: usize) -> Result<Bytes, Failure> {
        self.rest(Bytes::new(), most).await
    }

    /// Reads what is left behind what has come, of at most so many bytes together.
    pub(super) async fn rest(&mut self, arrived: Bytes, most: usize) -> Result<Bytes, Failure> {
        let mut whole = BytesMut::from(arrived);
        while let Some(piece) = self.next_counted().await? {
            if whole.len() + piece.len() > most {
                return Err(Failure::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Reads a message of so many bytes and this digest, of which the first bytes have come. There is room
    /// for it elsewhere.
    pub(super) async fn message(
        mut self,
        first: Bytes,
        length: usize,
        digest: &Digest,
    ) -> Result<Bytes, Failure> {
        self.room.clear();
        let other = Failure::Broken("the message has another length");
        // Each piece by itself, so that others have their turn in between.
        let mut hasher = Hasher::new();
        // What has come whole is not copied.
        let message = if first.len() == length {
            hasher.update(&first);
            match self.next().await? {
                Some(more) if !more.is_empty() => return Err(other),
                _ => first,
            }
        } else {
            let mut message = BytesMut::with_capacity(length);
            let mut next = Some(first);
            while let Some(piece) = next {
                if message.len() + piece.len() > length {
                    return Err(other);
                }
                hasher.update(&piece);
                message.extend_from_slice(&piece);
                next = self.next().await?;
            }
            message.freeze()
        };
        if message.len() != length {
            return Err(other);
        }
        match hasher.finish() == *digest {
            true => Ok(message),
            false => Err(Failure::Broken("the message has another digest")),
        }
    }
}
