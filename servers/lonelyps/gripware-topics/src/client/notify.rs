//! Publishing.

use std::{
    io::{self, Read},
    path::Path,
    pin::pin,
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt;

use super::{
    Client, ClientError, Link,
    beside::beside,
    clock::now,
    send::{PIECE, Sender, Source},
};
use crate::{
    Authorization, Digest, Hasher, Identifier, Topic, Tracing,
    auth::{Signed, random_bytes},
    http::{NOTIFY, NotifyHead, Reply},
};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notified {
    /// For how many subscribers it was confirmed.
    pub subscribers: u32,
}

impl Client {
    /// Publishes a message, and waits until all its subscribers have confirmed it or will not.
    ///
    /// Not cancel safe: where it is dropped before it is done, the message may have been published.
    ///
    /// # Errors
    /// Where no broadcaster has answered, or one has refused it; and before anything is sent, where the
    /// message has more bytes than [`max_message`](super::ClientBuilder::max_message).
    pub async fn notify<T>(&self, topic: T, data: impl Into<Bytes>) -> Result<Notified, ClientError>
    where
        T: TryInto<Topic>,
        ClientError: From<T::Error>,
    {
        self.notify_bytes(topic.try_into()?, data.into()).await
    }

    /// Publishes the content of a file. Over HTTP it is read twice, as its digest goes ahead of it;
    /// over a WebSocket it is kept in memory.
    ///
    /// Not cancel safe, as [`notify`](Self::notify).
    ///
    /// # Errors
    /// As [`notify`](Self::notify), and where the file cannot be read.
    pub async fn notify_file<T>(
        &self,
        topic: T,
        path: impl AsRef<Path>,
    ) -> Result<Notified, ClientError>
    where
        T: TryInto<Topic>,
        ClientError: From<T::Error>,
    {
        let topic = topic.try_into()?;
        let path = path.as_ref().to_owned();
        let most = self.0.max_message;
        let Link::Http { sender, .. } = &self.0.link else {
            let data = blocking(move || read(&path, most)).await?;
            return self.notify_bytes(topic, data).await;
        };
        let hashed = path.clone();
        let (digest, length) = blocking(move || hash(&hashed, most)).await?;
        let source = |head| Source::File(head, path, length);
        self.publish(sender, topic, digest, length, source).await
    }

    /// Publishes what comes from a stream. It is kept in memory until it is complete, as its digest
    /// goes ahead of it.
    ///
    /// Not cancel safe, as [`notify`](Self::notify): what was read of the stream is gone as well.
    ///
    /// # Errors
    /// As [`notify`](Self::notify), and where the stream has an error.
    pub async fn notify_stream<T>(
        &self,
        topic: T,
        data: impl Stream<Item = io::Result<Bytes>>,
    ) -> Result<Notified, ClientError>
    where
        T: TryInto<Topic>,
        ClientError: From<T::Error>,
    {
        let topic = topic.try_into()?;
        let mut whole = BytesMut::new();
        let mut data = pin!(data);
        while let Some(piece) = data.next().await {
            let piece = piece.map_err(ClientError::Message)?;
            if whole.len() + piece.len() > self.0.max_message {
                return Err(ClientError::Message(too_large(self.0.max_message)));
            }
            whole.extend_from_slice(&piece);
        }
        self.notify_bytes(topic, whole.freeze()).await
    }

    async fn notify_bytes(&self, topic: Topic, data: Bytes) -> Result<Notified, ClientError> {
        let most = self.0.max_message;
        if data.len() > most {
            return Err(ClientError::Message(too_large(most)));
        }
        let sender = match &self.0.link {
            Link::Http { sender, .. } => sender,
            Link::Socket(socket) => {
                let subscribers = socket.notify(topic, data).await?;
                return Ok(Notified { subscribers });
            }
        };
        let hashed = data.clone();
        let digest = beside(data.len(), move || Digest::of(&hashed)).await;
        let digest = digest.map_err(|error| ClientError::Message(io::Error::other(error)))?;
        let length = data.len() as u64;
        let source = |head: Bytes| {
            let mut whole = BytesMut::with_capacity(head.len() + data.len());
            whole.extend_from_slice(&head);
            whole.extend_from_slice(&data);
            Source::Bytes(whole.freeze())
        };
        self.publish(sender, topic, digest, length, source).await
    }

    async fn publish(
        &self,
        sender: &Sender,
        topic: Topic,
        digest: Digest,
        length: u64,
        source: impl FnOnce(Bytes) -> Source,
    ) -> Result<Notified, ClientError> {
        let identifier = Identifier::new(random_bytes::<8>().to_vec())?;
        let tracing = Tracing::default();
        let head = NotifyHead {
            topic: topic.clone(),
            digest,
            tracing: tracing.clone(),
            identifier: identifier.clone(),
            length,
        }
        .encode();
        let signed = Signed::Notify {
            topic: &topic,
            identifier: &identifier,
            digest: &digest,
        };
        let source = source(head);
        let reply = sender.send(NOTIFY, &signed, &tracing, &source);
        match reply.await? {
            Reply::Notify {
                authorization,
                tracing,
                notified,
                identifier: confirmed,
            } if confirmed == identifier => {
                let signed = Signed::ConfirmNotify {
                    identifier: &identifier,
                    subscribers: notified,
                    topic: &topic,
                    digest: &digest,
                };
                let authorization = authorization.as_ref().map(Authorization::as_str);
                let verifier = &self.0.to_subscriber;
                verifier.verify(authorization, &signed, &tracing, now())?;
                Ok(Notified {
                    subscribers: notified,
                })
            }
            _ => Err(ClientError::Answer("it is one to something else".into())),
        }
    }
}

fn too_large(most: usize) -> io::Error {
    let text = format!("a message has at most {most} bytes: see ClientBuilder::max_message");
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

/// Does what waits for a disk where that is allowed.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ClientError> {
    let done = tokio::task::spawn_blocking(read).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(ClientError::Message)
}

/// Reads a file of at most `most` bytes.
fn read(path: &Path, most: usize) -> io::Result<Bytes> {
    let mut data = Vec::new();
    // One byte more says that it is too long.
    let file = std::fs::File::open(path)?.take((most as u64).saturating_add(1));
    io::BufReader::new(file).read_to_end(&mut data)?;
    match data.len() > most {
        true => Err(too_large(most)),
        false => Ok(data.into()),
    }
}

/// Hashes a file of at most `most` bytes, and returns how many it has.
fn hash(path: &Path, most: usize) -> io::Result<(Digest, u64)> {
    let mut file = std::fs::File::open(path)?;
    let (mut hasher, mut length) = (Hasher::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((hasher.finish(), length));
        }
        length += read as u64;
        if length > most as u64 {
            return Err(too_large(most));
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
}
