//! What a function that streams its answer says before the body: JSON, and eight zero bytes behind it.
//!
//! AWS, "Response streaming for Lambda functions", and "Set up a Lambda proxy integration with payload response streaming
//! in API Gateway".

use bytes::{Buf as _, BytesMut};
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::answer::{add_cookies, drop_framing, headers, status};

/// What stands between prelude and body.
const DIVIDER: [u8; 8] = [0; 8];

/// A prelude as it was read.
#[derive(Debug)]
pub struct Prelude {
    /// The status.
    pub status: u16,
    /// The headers, cookies among them, without those of a connection.
    pub headers: HeaderMap,
    /// All that it holds, as the function wrote it.
    pub members: Map<String, Value>,
}

/// Why a stream has no prelude.
#[derive(Debug, PartialEq, Eq)]
pub enum NoPrelude {
    /// So much has come, and no divider.
    TooLong,
    /// It is no JSON.
    Syntax(String),
    /// Its status, headers or cookies are not what they should be.
    Malformed,
}

impl Prelude {
    /// Takes the prelude off what has come of a stream so far, so that the body's beginning is left; `None` if more must
    /// come first. `longest` is the most bytes it may have.
    ///
    /// # Errors
    ///
    /// The stream has none.
    pub fn take(read: &mut BytesMut, longest: usize) -> Result<Option<Self>, NoPrelude> {
        let Some(end) = read.windows(DIVIDER.len()).position(|window| window == DIVIDER) else {
            return if read.len() > longest { Err(NoPrelude::TooLong) } else { Ok(None) };
        };
        let members: Map<String, Value> =
            serde_json::from_slice(&read[..end]).map_err(|error| NoPrelude::Syntax(error.to_string()))?;
        read.advance(end + DIVIDER.len());
        Self::of(members).ok_or(NoPrelude::Malformed).map(Some)
    }

    fn of(members: Map<String, Value>) -> Option<Self> {
        let status = status(members.get("statusCode"))?;
        let mut headers = headers(&members)?;
        add_cookies(members.get("cookies"), &mut headers)?;
        drop_framing(&mut headers);
        Some(Self { status, headers, members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prelude_ends_at_the_divider_however_it_comes() {
        let mut read = BytesMut::from(
            &br#"{"statusCode":201,"headers":{"A":"b","Connection":"close"},"cookies":["c=d"]}"#[..],
        );
        assert!(Prelude::take(&mut read, 100).unwrap().is_none());
        read.extend_from_slice(&[0; 7]);
        assert!(Prelude::take(&mut read, 100).unwrap().is_none());
        read.extend_from_slice(b"\0body");
        let prelude = Prelude::take(&mut read, 100).unwrap().unwrap();
        assert_eq!(
            (prelude.status, &prelude.headers["a"], &prelude.headers["set-cookie"]),
            (201, &"b".parse().unwrap(), &"c=d".parse().unwrap())
        );
        assert!(!prelude.headers.contains_key("connection"));
        assert_eq!(&read[..], b"body");
    }

    #[test]
    fn what_is_no_prelude_is_refused() {
        let take = |text: &[u8]| Prelude::take(&mut BytesMut::from(text), 10).map(|found| found.is_some());
        assert_eq!(take(b"more than ten bytes"), Err(NoPrelude::TooLong));
        assert!(matches!(take(b"[]\0\0\0\0\0\0\0\0"), Err(NoPrelude::Syntax(_))));
        for text in [r#"{"statusCode":"x"}"#, r#"{"headers":[]}"#, r#"{"cookies":"a"}"#, r#"{"cookies":[1]}"#]
        {
            let text = [text.as_bytes(), &DIVIDER].concat();
            assert_eq!(take(&text), Err(NoPrelude::Malformed));
        }
    }
}
