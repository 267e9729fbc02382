//! Names of headers as they were written. HTTP does not tell names apart by their capitals, and servers make them small;
//! functions that read them do, so AWS hands them on as they came.

use std::sync::Arc;

/// The names of a message's headers, as they were written; an extension of requests and answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrittenNames(Arc<str>);

impl WrittenNames {
    /// Takes names of which each ends with `\n`.
    pub fn lines(lines: &str) -> Self {
        Self(lines.into())
    }

    /// These names, then others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self([&*self.0, &*others.0].concat().into())
    }

    /// All names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }

    /// How a name (in small letters) was written.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|written| written.eq_ignore_ascii_case(name))
    }
}
