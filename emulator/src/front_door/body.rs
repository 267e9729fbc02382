//! Between hyper's bodies and ours.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use aws_wire::aws_chunked::Verifier;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http_body::{Frame, SizeHint};
use runtime::Body;

/// An answer's body, as hyper sends it.
pub(crate) enum HttpBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// As it comes.
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|it| Ok(Frame::data(it))))
            }
            Self::Stream(stream) => stream.as_mut().poll_next(cx).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Our body as hyper's. Event streams have been framed by then.
pub(crate) fn to_http(body: Body) -> HttpBody {
    match body {
        Body::Empty => HttpBody::Whole(None),
        Body::Bytes(bytes) => HttpBody::Whole(Some(bytes)),
        Body::Stream(stream) => HttpBody::Stream(stream),
        Body::Events(_) => HttpBody::Whole(None),
    }
}

/// A request's body as ours. With a verifier the `aws-chunked` encoding is taken off, and a body that is not what its
/// headers and its trailer say ends in an error.
pub(crate) fn from_http<B>(incoming: B, verifier: Option<Verifier>) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if incoming.is_end_stream() && verifier.is_none() {
        return Body::Empty;
    }
    let chunks = http_body_util::BodyDataStream::new(incoming).map(|chunk| chunk.map_err(io::Error::other));
    let Some(verifier) = verifier else { return Body::Stream(Box::pin(chunks)) };
    let decoded =
        futures::stream::unfold((chunks, verifier, false), |(mut chunks, mut verifier, ended)| async move {
            if ended {
                return None;
            }
            let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            match chunks.next().await {
                Some(Ok(chunk)) => {
                    let content = verifier.push(&chunk).map_err(broken);
                    let failed = content.is_err();
                    Some((content, (chunks, verifier, failed)))
                }
                Some(Err(error)) => Some((Err(error), (chunks, verifier, true))),
                None => verifier.finish().err().map(|error| (Err(broken(error)), (chunks, verifier, true))),
            }
        });
    Body::Stream(Box::pin(decoded))
}
