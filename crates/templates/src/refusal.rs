//! What a template asks for and cannot have, each with its place.

use std::fmt;

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where: `Resources.Orders.Properties.Foo`.
    pub place: String,
    /// What is wrong there, and what can be done.
    pub message: String,
}

/// All complaints about a template; never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusals(pub Vec<Refusal>);

impl Refusals {
    pub(crate) fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.0.push(Refusal { place: place.into(), message: message.into() });
    }

    pub(crate) fn one(place: impl Into<String>, message: impl Into<String>) -> Self {
        let mut refusals = Self::default();
        refusals.add(place, message);
        refusals
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> =
            self.0.iter().map(|refusal| format!("{}: {}", refusal.place, refusal.message)).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Refusals {}
