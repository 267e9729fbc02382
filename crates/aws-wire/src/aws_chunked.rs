//! `aws-chunked` bodies: chunks with signatures or a trailing checksum, as SDKs upload to S3.

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderName;

use crate::checksum::{Algorithm, Hasher};

/// Takes the encoding off as bytes arrive. Signatures of chunks are read over.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    state: State,
    trailers: Vec<(String, String)>,
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
/// A checksum and its signature are two.
const MOST_TRAILERS: usize = 16;

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
                    let Some(line) = self.line()? else { break };
                    let Some((name, value)) =
                        str::from_utf8(&line).ok().and_then(|line| line.split_once(':'))
                    else {
                        continue;
                    };
                    if self.trailers.len() == MOST_TRAILERS {
                        return Err(Malformed);
                    }
                    self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
        Ok(content.freeze())
    }

    /// Whether the last chunk has come.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Trailers)
    }

    /// What stood behind the last chunk: names in lower case, with their values.
    pub fn trailers(&self) -> &[(String, String)] {
        &self.trailers
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

/// Why an upload cannot be what its sender meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It breaks the encoding.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is shorter or longer than its headers say, or was cut off.
    #[error("the body has another length than its headers say")]
    Length,
    /// The checksum that the headers promised did not come.
    #[error("the trailer that the headers promise is not there")]
    NoTrailer,
    /// The checksum behind it is another's.
    #[error("the {0} you specified did not match the calculated checksum.")]
    Checksum(&'static str),
}

/// A decoder that holds the content to what the headers and the trailer say of it.
#[derive(Debug, Default)]
pub struct Verifier {
    decoder: Decoder,
    /// The content's length, as `x-amz-decoded-content-length` has it.
    length: Option<u64>,
    seen: u64,
    /// The checksum that `x-amz-trailer` promises.
    promised: Option<(Algorithm, Hasher)>,
}

impl Verifier {
    /// For a request with these headers.
    pub fn new(headers: &http::HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let algorithm = text("x-amz-trailer").and_then(Algorithm::of_header);
        Self {
            length: text("x-amz-decoded-content-length").and_then(|length| length.trim().parse().ok()),
            promised: algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm))),
            ..Self::default()
        }
    }

    /// Takes what has arrived and gives the content in it.
    pub fn push(&mut self, arrived: &[u8]) -> Result<Bytes, Broken> {
        let content = self.decoder.push(arrived)?;
        self.seen += content.len() as u64;
        if self.length.is_some_and(|length| self.seen > length) {
            return Err(Broken::Length);
        }
        if let Some((_, hasher)) = &mut self.promised {
            hasher.update(&content);
        }
        Ok(content)
    }

    /// To be asked when nothing more comes.
    pub fn finish(&mut self) -> Result<(), Broken> {
        if !self.decoder.is_done() || self.length.is_some_and(|length| self.seen != length) {
            return Err(Broken::Length);
        }
        let Some((algorithm, hasher)) = self.promised.take() else { return Ok(()) };
        let mut trailers = self.decoder.trailers().iter();
        let sent = trailers.find(|(name, _)| Algorithm::of_header(name) == Some(algorithm));
        let (_, sent) = sent.ok_or(Broken::NoTrailer)?;
        if *sent == hasher.finish_base64() { Ok(()) } else { Err(Broken::Checksum(algorithm.name())) }
    }
}

static CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Whether a request's headers say that its body is encoded so.
pub fn is_encoded(headers: &http::HeaderMap) -> bool {
    let text =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text(&http::header::CONTENT_ENCODING).split(',').any(|encoding| encoding.trim() == "aws-chunked")
        || text(&CONTENT_SHA256).starts_with("STREAMING-")
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
    fn uploads_are_held_to_what_is_said_of_them() {
        let check = |trailer: &str, headers: &[(&'static str, &'static str)]| {
            let mut map = http::HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, http::HeaderValue::from_static(value));
            }
            let mut verifier = Verifier::new(&map);
            let body = format!("9\r\n123456789\r\n0\r\n{trailer}\r\n");
            verifier.push(body.as_bytes()).and_then(|_| verifier.finish())
        };
        let crc = ("x-amz-trailer", "x-amz-checksum-crc32");
        let length = ("x-amz-decoded-content-length", "9");
        assert_eq!(check("x-amz-checksum-crc32:y/Q5Jg==\r\n", &[crc, length]), Ok(()));
        assert_eq!(check("X-Amz-Checksum-Crc32: y/Q5Jg==\r\n", &[crc]), Ok(()));
        assert_eq!(check("", &[]), Ok(()));
        assert_eq!(check("x-amz-checksum-crc32:AAAAAA==\r\n", &[crc]), Err(Broken::Checksum("CRC32")));
        assert_eq!(check("", &[crc]), Err(Broken::NoTrailer));
        assert_eq!(check("", &[("x-amz-decoded-content-length", "8")]), Err(Broken::Length));
        assert_eq!(check("", &[("x-amz-decoded-content-length", "10")]), Err(Broken::Length));
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
