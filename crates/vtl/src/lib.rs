//! Velocity's template language as Amazon API Gateway has it.
//!
//! Owns the language: its grammar, its values and their Java methods, its limits. Knows nothing of API Gateway: `$input`,
//! `$util` and `$context` are values that somebody else puts into the [`Context`], as a [`Host`] where they have methods
//! of their own. Pure: no clock, no files, no randomness.
//!
//! The language is Velocity 1.7 but for what API Gateway was recorded to do otherwise (`fixtures/vtl/README.md`): an
//! undefined reference is an empty text, which makes it true in `#if`; `#macro` and `#evaluate` do nothing.
//!
//! Start at [`Template::parse`] and [`Template::render`].

mod arithmetic;
mod ast;
mod context;
mod error;
mod evaluate;
mod methods;
mod parse;
mod print;
mod render;
mod value;

use std::{collections::HashSet, sync::Arc};

pub use context::{Context, Limits};
pub use error::{ParseError, RenderError};
pub use value::{Heap, Host, Key, ListId, MapId, Value};

/// A parsed template: immutable, cheap to clone, to be rendered any number of times.
#[derive(Debug, Clone)]
pub struct Template(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    block: ast::Block,
    /// Every word that stands in the text, and so every name that a reference could have.
    words: HashSet<Box<str>>,
}

impl Template {
    /// Parses `text`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let block = parse::template(text)?;
        let words = if text.contains('$') {
            let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
            text.split(|letter| !is_part(letter)).map(Box::from).collect()
        } else {
            HashSet::new()
        };
        Ok(Self(Arc::new(Parsed { block, words })))
    }

    /// Whether the template can refer to a value of that name; if not, rendering needs none.
    pub fn mentions(&self, name: &str) -> bool {
        self.0.words.contains(name)
    }

    /// Renders the template. What it sets stays in `context`, also when it fails.
    pub fn render(&self, context: &mut Context) -> Result<String, RenderError> {
        render::template(&self.0.block, context)
    }
}
