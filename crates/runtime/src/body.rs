//! The part of a request or an answer that is not members: a payload, possibly streamed.

use std::{fmt, io, pin::Pin};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use serde_json::{Map, Value};

/// A stream of bytes as it arrives.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;
/// A stream of events as they are made.
pub type EventStream = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// The payload of a request or an answer (the shape's `payload` member when that is a blob or an event stream).
#[derive(Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// All there is, in memory.
    Bytes(Bytes),
    /// Bytes as they come.
    Stream(ByteStream),
    /// Events of an event stream (`application/vnd.amazon.eventstream`); only in answers.
    Events(EventStream),
}

/// One message of an event stream.
#[derive(Debug, Clone)]
pub struct Event {
    /// The member of the event stream's union, e.g. `PayloadChunk`.
    pub name: String,
    /// The event's members, by the model's names; left empty where `payload` is used.
    pub members: Map<String, Value>,
    /// The event's blob payload, where its shape has one.
    pub payload: Option<Bytes>,
}

/// Why a body could not be read whole.
#[derive(Debug)]
pub enum BodyError {
    /// It is longer than the limit given.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection broke.
    Io(io::Error),
    /// It is an event stream.
    Events,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "the body exceeds {limit} bytes"),
            Self::Io(error) => write!(f, "the body could not be read: {error}"),
            Self::Events => write!(f, "the body is an event stream"),
        }
    }
}

impl std::error::Error for BodyError {}

impl Body {
    /// The whole body in memory, at most `limit` bytes of it.
    pub async fn read(self, limit: usize) -> Result<Bytes, BodyError> {
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Bytes(bytes) if bytes.len() > limit => Err(BodyError::TooLarge { limit }),
            Self::Bytes(bytes) => Ok(bytes),
            Self::Events(_) => Err(BodyError::Events),
            Self::Stream(mut stream) => {
                let mut whole = BytesMut::new();
                while let Some(chunk) = stream.next().await {
                    let chunk = chunk.map_err(BodyError::Io)?;
                    if whole.len() + chunk.len() > limit {
                        return Err(BodyError::TooLarge { limit });
                    }
                    whole.extend_from_slice(&chunk);
                }
                Ok(whole.freeze())
            }
        }
    }

    /// Whether there is certainly nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Stream(_) | Self::Events(_) => false,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Events(_) => f.write_str("Events"),
        }
    }
}
