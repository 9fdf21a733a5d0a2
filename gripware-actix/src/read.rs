//! Reads a body up to a limit.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::body::MessageBody;

/// Why a body was not read to its end.
pub(crate) enum ReadError<E> {
    /// It has at least this many bytes.
    TooLong(usize),
    /// What it comes from failed.
    Broken(E),
}

/// Reads a body to its end, up to a limit.
pub(crate) fn poll_read<B: MessageBody>(
    mut body: Pin<&mut B>,
    read: &mut Vec<u8>,
    limit: usize,
    task: &mut Context<'_>,
) -> Poll<Result<(), ReadError<B::Error>>> {
    while let Some(data) = ready!(body.as_mut().poll_next(task)) {
        let data = match data {
            Ok(data) => data,
            Err(error) => return Poll::Ready(Err(ReadError::Broken(error))),
        };
        let length = read.len().saturating_add(data.len());
        if length > limit {
            return Poll::Ready(Err(ReadError::TooLong(length)));
        }
        read.extend_from_slice(&data);
    }
    Poll::Ready(Ok(()))
}
