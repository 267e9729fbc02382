//! `aws-chunked` bodies: chunks with signatures or a trailing checksum, as SDKs upload to S3.

use bytes::{Buf as _, Bytes, BytesMut};

/// Takes the encoding off as bytes arrive. Signatures of chunks and trailers are read over.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    Trailers,
}

/// The body breaks the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not aws-chunked as its headers say")]
pub struct Malformed;

/// A size line with its signature is about 90 bytes, a trailer less.
const LONGEST_LINE: usize = 4_096;

impl Decoder {
    /// Takes what has arrived and gives the content in it.
    pub fn push(&mut self, arrived: &[u8]) -> Result<Bytes, Malformed> {
        self.buffer.extend_from_slice(arrived);
        let mut content = BytesMut::new();
        loop {
            match self.state {
                State::Size => {
                    let Some(line) = self.line()? else { break };
                    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
                    let size = std::str::from_utf8(size).map_err(|_| Malformed)?;
                    let size = usize::from_str_radix(size.trim(), 16).map_err(|_| Malformed)?;
                    self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                }
                State::Data(left) => {
                    let take = left.min(self.buffer.len());
                    if take == 0 {
                        break;
                    }
                    content.extend_from_slice(&self.buffer[..take]);
                    self.buffer.advance(take);
                    self.state = if take == left { State::DataEnd } else { State::Data(left - take) };
                }
                State::DataEnd => {
                    let Some(line) = self.line()? else { break };
                    if !line.is_empty() {
                        return Err(Malformed);
                    }
                    self.state = State::Size;
                }
                State::Trailers => {
                    if self.line()?.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(content.freeze())
    }

    /// Whether the last chunk has come.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Trailers)
    }

    fn line(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") else {
            return if self.buffer.len() > LONGEST_LINE { Err(Malformed) } else { Ok(None) };
        };
        let line = self.buffer.split_to(end).freeze();
        self.buffer.advance(2);
        Ok(Some(line))
    }
}

/// Whether a request's headers say that its body is encoded so.
pub fn is_encoded(headers: &http::HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text("content-encoding").split(',').any(|encoding| encoding.trim() == "aws-chunked")
        || text("x-amz-content-sha256").starts_with("STREAMING-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &[u8] =
        b"5;chunk-signature=ab\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";

    #[test]
    fn content_comes_out_however_it_arrives() {
        for step in 1..SENT.len() {
            let mut decoder = Decoder::default();
            let mut content = Vec::new();
            for arrived in SENT.chunks(step) {
                content.extend_from_slice(&decoder.push(arrived).unwrap());
            }
            assert_eq!(content, b"hello world");
            assert!(decoder.is_done());
        }
    }

    #[test]
    fn rubbish_is_refused() {
        for rubbish in [&b"zz\r\n"[..], b"5\r\nhelloX\r\n", &[b'a'; 5_000]] {
            assert_eq!(Decoder::default().push(rubbish), Err(Malformed));
        }
        let mut cut = Decoder::default();
        cut.push(b"5\r\nhel").unwrap();
        assert!(!cut.is_done());
    }
}
