//! A compiled path: its tokens, and its normalised spelling.

use std::fmt::{self, Display, Write as _};

use serde_json::Value;

use crate::{filter::Filter, function::Function};

/// A compiled path.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// `$` or `@`.
    pub root: char,
    /// Everything after the root.
    pub tokens: Vec<Token>,
    /// For each token, whether all before it are definite.
    pub upstream_definite: Vec<bool>,
}

/// One part of a path.
#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// `.a`, `['a']`, `['a','b']`, with the quote that was used.
    Properties(Vec<String>, char),
    /// `[0]`, `[-1]`, `[0,2]`.
    Indexes(Vec<i32>),
    /// `[1:]`, `[:2]`, `[1:2]`; never without both.
    Slice(Option<i32>, Option<i32>),
    /// `.*`, `[*]`.
    Wildcard,
    /// `..`.
    Scan,
    /// `[?(…)]`.
    Filter(Box<Filter>),
    /// `.length()`.
    Function(Box<Function>),
}

impl Path {
    pub fn new(root: char, tokens: Vec<Token>) -> Self {
        let mut upstream_definite = Vec::with_capacity(tokens.len());
        let mut definite = true;
        for (index, token) in tokens.iter().enumerate() {
            upstream_definite.push(definite);
            definite &= token.is_definite(index + 1 == tokens.len());
        }
        Self { root, tokens, upstream_definite }
    }

    pub fn is_definite(&self) -> bool {
        let last = self.tokens.len();
        self.tokens.iter().enumerate().all(|(index, token)| token.is_definite(index + 1 == last))
    }

    pub fn is_function(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Function(_)))
    }

    /// The short way for paths of names and single indexes that lead to a value; `None` says to go the long way.
    pub fn walk_plain<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        let mut value = document;
        for token in &self.tokens {
            value = match token {
                Token::Properties(names, _) if names.len() == 1 => value.as_object()?.get(&names[0])?,
                Token::Indexes(indexes) if indexes.len() == 1 => element(value.as_array()?, indexes[0])?,
                _ => return None,
            };
        }
        Some(value)
    }
}

impl Token {
    fn is_definite(&self, is_leaf: bool) -> bool {
        match self {
            // The members of a list of names at the end are merged into one object, so that is one value.
            Self::Properties(names, _) => names.len() == 1 || is_leaf,
            Self::Indexes(indexes) => indexes.len() == 1,
            Self::Slice(..) | Self::Wildcard | Self::Scan | Self::Filter(_) => false,
            Self::Function(_) => true,
        }
    }
}

/// The element at `index`, counted from the end if negative.
pub(crate) fn element(array: &[Value], index: i32) -> Option<&Value> {
    let index = i64::from(index);
    let length = i64::try_from(array.len()).unwrap_or(i64::MAX);
    let effective = if index < 0 { length + index } else { index };
    array.get(usize::try_from(effective).ok()?)
}

impl Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(self.root)?;
        self.tokens.iter().try_for_each(|token| token.fmt(f))
    }
}

impl Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Properties(names, quote) => {
                f.write_char('[')?;
                join(f, names, |f, name| write!(f, "{quote}{name}{quote}"))?;
                f.write_char(']')
            }
            Self::Indexes(indexes) => {
                f.write_char('[')?;
                join(f, indexes, |f, index| index.fmt(f))?;
                f.write_char(']')
            }
            Self::Slice(from, to) => {
                f.write_char('[')?;
                from.iter().try_for_each(|from| from.fmt(f))?;
                f.write_char(':')?;
                to.iter().try_for_each(|to| to.fmt(f))?;
                f.write_char(']')
            }
            Self::Wildcard => f.write_str("[*]"),
            Self::Scan => f.write_str(".."),
            Self::Filter(_) => f.write_str("[?]"),
            Self::Function(function) => function.fmt(f),
        }
    }
}

fn join<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    mut each: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        each(f, item)?;
    }
    Ok(())
}
