//! `Code.Location`: where a client finds a function's package again.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use runtime::Timestamp;
use sha2::{Digest, Sha256};

/// The path under which packages are served; behind it `BLOB?expires=SECONDS&signature=…`.
pub(crate) const PATH: &str = "/_tule/lambda/code/";

/// How long AWS's links are good for.
const LIFETIME: Duration = Duration::from_secs(600);

/// A link to the package `blob`, good for ten minutes. `secret` is this process's own.
pub(crate) fn link(endpoint: &str, blob: &str, secret: &[u8], now: Timestamp) -> String {
    let expires = now.plus(LIFETIME).millis() / 1000;
    format!("{endpoint}{PATH}{blob}?expires={expires}&signature={}", signature(secret, blob, expires))
}

/// The blob that a path and query ask for, if the link was made here and has not expired.
pub(crate) fn asked_for<'a>(path: &'a str, query: &str, secret: &[u8], now: Timestamp) -> Option<&'a str> {
    let blob = path.strip_prefix(PATH)?;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let expires: i64 = value("expires")?.parse().ok()?;
    let good = value("signature")? == signature(secret, blob, expires) && expires >= now.millis() / 1000;
    good.then_some(blob)
}

fn signature(secret: &[u8], blob: &str, expires: i64) -> String {
    let mut hash = Sha256::new();
    hash.update(secret);
    hash.update(blob.as_bytes());
    hash.update(expires.to_be_bytes());
    hash.update(secret);
    BASE64_URL_SAFE_NO_PAD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_good_for_ten_minutes_and_one_blob() {
        let now = Timestamp(1_000_000);
        let link = link("http://127.0.0.1:4566", "abc", b"secret", now);
        let (path, query) = link["http://127.0.0.1:4566".len()..].split_once('?').unwrap();
        assert_eq!(asked_for(path, query, b"secret", now), Some("abc"));
        assert_eq!(asked_for(path, query, b"other", now), None);
        assert_eq!(asked_for("/_tule/lambda/code/abd", query, b"secret", now), None);
        assert_eq!(asked_for(path, query, b"secret", now.plus(Duration::from_secs(601))), None);
    }
}
