//! Keys: parts that sort as their values do, none a prefix of another by accident.

use bytes::Bytes;

/// A composite key. Text parts end with `00 00`-free escaping (`00` becomes `00 FF`, the part ends with `00 01`), so
/// keys compare part by part; numbers are big-endian.
///
/// Keys begin with the account and the region: `Key::new().text(account).text(region).text(name)`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// An empty key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text part.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        let mut key = self.beginning(part);
        key.0.extend([0, 1]);
        key
    }

    /// Adds the beginning of a text part: the prefix of all keys whose next text begins so.
    #[must_use]
    pub fn beginning(mut self, part: &str) -> Self {
        for byte in part.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self
    }

    /// Adds a number part.
    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.extend(part.to_be_bytes());
        self
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The parts of a key that was made of text parts only, or of text parts followed by numbers: its texts in order
    /// and what bytes remain. `None` if it was not made so.
    pub fn texts(bytes: &[u8], count: usize) -> Option<(Vec<String>, &[u8])> {
        let mut texts = Vec::with_capacity(count);
        let mut rest = bytes;
        for _ in 0..count {
            let mut text = Vec::new();
            loop {
                match rest {
                    [0, 1, tail @ ..] => {
                        rest = tail;
                        break;
                    }
                    [0, 0xFF, tail @ ..] => {
                        text.push(0);
                        rest = tail;
                    }
                    [byte, tail @ ..] if *byte != 0 => {
                        text.push(*byte);
                        rest = tail;
                    }
                    _ => return None,
                }
            }
            texts.push(String::from_utf8(text).ok()?);
        }
        Some((texts, rest))
    }

    /// The first key after all keys that begin with this one.
    pub fn end_of_prefix(&self) -> Option<Self> {
        let mut bytes = self.0.clone();
        while let Some(last) = bytes.last_mut() {
            if *last == 0xFF {
                bytes.pop();
            } else {
                *last += 1;
                return Some(Self(bytes));
            }
        }
        None
    }
}

impl From<Key> for Bytes {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_part_by_part() {
        let key = |a: &str, b: &str| Key::new().text(a).text(b);
        assert!(key("a", "z") < key("ab", "a"));
        assert!(key("a", "\0") < key("a", "\0\0"));
        assert!(Key::new().number(2) < Key::new().number(256));
    }

    #[test]
    fn texts_come_back() {
        let key = Key::new().text("a\0b").text("").number(7);
        let (texts, rest) = Key::texts(key.as_bytes(), 2).unwrap();
        assert_eq!(texts, ["a\0b", ""]);
        assert_eq!(rest, 7u64.to_be_bytes());
        assert_eq!(Key::texts(b"abc", 1), None);
    }

    #[test]
    fn a_prefix_ends_where_the_next_key_could_begin() {
        let prefix = Key::new().text("a");
        let end = prefix.end_of_prefix().unwrap();
        assert!(Key::new().text("a").text("zzz") < end);
        assert!(Key::new().text("b") >= end);
        assert_eq!(Key(vec![0xFF]).end_of_prefix(), None);
    }
}
