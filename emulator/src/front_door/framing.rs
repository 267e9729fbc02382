//! What hyper reads over and we refuse: line ends of a bare LF in a request's head, and a request with two lengths
//! (`Content-Length` beside `Transfer-Encoding`). A proxy in front may see other requests in such bytes than we do.
//!
//! It also remembers how the names of headers were written, which hyper does not.
//!
//! [`Strict`] stands between the socket and hyper and follows where heads begin and end. At a fault it makes the
//! offending line unreadable, so that hyper itself answers 400 and closes.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use proxy_events::WrittenNames;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the heads of a connection's requests have called their headers: one entry for each request not handled yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads(Arc<Mutex<VecDeque<WrittenNames>>>);

impl Heads {
    /// The names of the request that is handled next.
    pub(crate) fn next(&self) -> Option<WrittenNames> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, names: WrittenNames) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(names);
    }
}

/// A socket whose requests are framed in one way only.
pub(crate) struct Strict<S> {
    inner: S,
    watch: Watch,
}

impl<S> Strict<S> {
    /// Watches what is read from `inner`.
    pub(crate) fn new(inner: S, heads: Heads) -> Self {
        Self { inner, watch: Watch::new(heads) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = read {
            self.watch.see(&mut buffer.filled_mut()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// No byte that hyper takes in a head.
const UNREADABLE: u8 = 0;
/// As many bytes of a line are kept as tell the names and values that matter here.
const KEPT: usize = 64;

/// Follows requests byte by byte.
#[derive(Debug)]
struct Watch {
    place: Place,
    /// The line under way, cut to what matters.
    line: Vec<u8>,
    /// Whether its last byte was a carriage return.
    returned: bool,
    head: Head,
    /// The names of the head under way, each with a line end.
    names: String,
    heads: Heads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a request: empty lines may stand here.
    Start,
    Head,
    /// In a body with so many bytes to come.
    Body(u64),
    ChunkSize,
    /// In a chunk with so many bytes to come, its line end among them.
    Chunk(u64),
    Trailers,
    /// No HTTP any more, or nothing that hyper goes on reading.
    Beyond,
}

/// What a head has said so far.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Watch {
    fn new(heads: Heads) -> Self {
        Self {
            place: Place::Start,
            line: Vec::with_capacity(KEPT),
            returned: false,
            head: Head::default(),
            names: String::new(),
            heads,
        }
    }

    fn see(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let passed = match self.place {
                Place::Beyond => return,
                Place::Body(left) | Place::Chunk(left) => {
                    let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - passed as u64;
                    self.place = match (self.place, left) {
                        (Place::Body(_), 0) => Place::Start,
                        (Place::Body(_), left) => Place::Body(left),
                        (_, 0) => Place::ChunkSize,
                        (_, left) => Place::Chunk(left),
                    };
                    passed
                }
                Place::Start | Place::Head | Place::ChunkSize | Place::Trailers => self.see_line(bytes),
            };
            bytes = &mut bytes[passed..];
        }
    }

    /// Takes the rest of a line, and acts at its end. Gives how many bytes that were.
    fn see_line(&mut self, bytes: &mut [u8]) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = KEPT - self.line.len();
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        if let Some(last) = part.last() {
            self.returned = *last == b'\r';
        }
        let Some(end) = end else { return bytes.len() };
        let whole = self.returned && self.end_line();
        if !whole {
            bytes[end] = UNREADABLE;
            self.place = Place::Beyond;
        }
        self.line.clear();
        self.returned = false;
        end + 1
    }

    /// Acts on a line that has ended; `false` if the request is to be refused.
    fn end_line(&mut self) -> bool {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        match self.place {
            Place::Start => {
                if !line.is_empty() {
                    self.place = Place::Head;
                }
                true
            }
            Place::Head if line.is_empty() => {
                let Head { length, chunked, upgrade } = std::mem::take(&mut self.head);
                self.heads.push(WrittenNames::lines(&self.names));
                self.names.clear();
                self.place = match length {
                    _ if upgrade => Place::Beyond,
                    _ if chunked => Place::ChunkSize,
                    Some(length) if length > 0 => Place::Body(length),
                    _ => Place::Start,
                };
                true
            }
            Place::Head => self.head.see(line, &mut self.names),
            Place::ChunkSize => {
                let digits =
                    line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().unwrap_or_default();
                self.place = match parsed(digits, 16) {
                    Some(0) => Place::Trailers,
                    Some(size) => Place::Chunk(size.saturating_add(2)),
                    // hyper refuses it in its own words.
                    None => Place::Beyond,
                };
                true
            }
            Place::Trailers => {
                if line.is_empty() {
                    self.place = Place::Start;
                }
                true
            }
            Place::Body(_) | Place::Chunk(_) | Place::Beyond => true,
        }
    }
}

impl Head {
    /// Takes a header line; `false` if with it the request has two lengths.
    fn see(&mut self, line: &[u8], names: &mut String) -> bool {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return true };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // A name that is none is hyper's to refuse.
        if let Ok(name) = std::str::from_utf8(name) {
            names.push_str(name);
            names.push('\n');
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length = parsed(value, 10);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        }
        !(self.chunked && self.length.is_some())
    }
}

fn parsed(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What hyper gets of `text`, arriving in pieces of `size`.
    fn seen(text: &str, size: usize) -> Vec<u8> {
        let mut watch = Watch::new(Heads::default());
        let mut bytes = text.as_bytes().to_vec();
        for piece in bytes.chunks_mut(size) {
            watch.see(piece);
        }
        bytes
    }

    #[test]
    fn names_are_remembered_as_they_were_written() {
        let heads = Heads::default();
        let mut watch = Watch::new(heads.clone());
        let mut bytes =
            b"POST / HTTP/1.1\r\nX-Own: a\r\ncontent-LENGTH: 3\r\n\r\na:bGET / HTTP/1.1\r\nhost: a\r\n\r\n"
                .to_vec();
        for piece in bytes.chunks_mut(5) {
            watch.see(piece);
        }
        let first = heads.next().unwrap();
        assert_eq!(first.iter().collect::<Vec<_>>(), ["X-Own", "content-LENGTH"]);
        assert_eq!(first.get("x-own"), Some("X-Own"));
        assert_eq!(heads.next().unwrap().iter().collect::<Vec<_>>(), ["host"]);
        assert_eq!(heads.next(), None);
    }

    fn passes(text: &str) -> bool {
        let whole = seen(text, text.len()) == text.as_bytes();
        for size in [1, 2, 3, 7] {
            assert_eq!(seen(text, size) == text.as_bytes(), whole, "in pieces of {size}: {text:?}");
        }
        whole
    }

    #[test]
    fn requests_framed_in_one_way_pass() {
        let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\nc";
        let chunked =
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\na\nb\r\n0\r\nt: 1\r\n\r\n";
        for text in [
            get.to_owned(),
            format!("{get}{post}{chunked}{post}{get}"),
            format!("\r\n{get}"),
            "GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nany\nbytes\n".to_owned(),
        ] {
            assert!(passes(&text), "{text:?}");
        }
    }

    #[test]
    fn bare_line_feeds_and_two_lengths_do_not() {
        for text in [
            "GET / HTTP/1.1\nhost: a\n\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\naGET / HTTP/1.1\nhost: a\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        ] {
            assert!(!passes(text), "{text:?}");
        }
    }
}
