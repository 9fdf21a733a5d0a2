//! Bodies of requests, piece by piece and within bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout_at};

use super::Failure;

/// Reads a whole body of at most so many bytes.
pub(super) async fn whole(body: Body, most: usize, time: Duration) -> Result<Bytes, Failure> {
    let read = Limited::new(body, most).collect();
    match tokio::time::timeout(time, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Ok(Err(_)) => Err(Failure::Broken("the body ends before it is complete")),
        Err(_) => Err(Failure::Slow),
    }
}

/// Reads a body in pieces, all of which have to come by a deadline.
pub(super) struct Pieces {
    body: Body,
    deadline: Instant,
}

impl Pieces {
    pub(super) fn new(body: Body, time: Duration) -> Self {
        Self {
            body,
            deadline: Instant::now() + time,
        }
    }

    /// Returns the next piece, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
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
            let piece = self.next().await?;
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

    /// Reads what is left behind what has come, of at most so many bytes together.
    pub(super) async fn rest(&mut self, arrived: Bytes, most: usize) -> Result<Bytes, Failure> {
        let mut whole = BytesMut::from(arrived);
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > most {
                return Err(Failure::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}
