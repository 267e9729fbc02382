//! AWS's reference paths: names and indexes only, so that they mean one place, which can be written to.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    compile,
    error::ParseError,
    token::{Path, Token, element},
};

/// A path that means exactly one place: `$`, `$.a`, `$['a b'][0].c`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReferencePath(Arc<Place>);

#[derive(Debug)]
struct Place {
    path: Path,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Name(String),
    Index(i32),
}

/// Why a value cannot be put where a reference path points.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferencePathError {
    /// Something on the way is neither an object nor absent.
    #[error("{path} is not an object, so nothing can be put below it")]
    NotAnObject {
        /// The normalised path of what is there.
        path: String,
    },
    /// An index points into what is not an array.
    #[error("{path} is not an array")]
    NotAnArray {
        /// The normalised path of what is there.
        path: String,
    },
    /// An index points beyond the array's end: arrays do not grow.
    #[error("index {index} is out of bounds in {path}, which has {length} elements")]
    OutOfBounds {
        /// The normalised path of the array.
        path: String,
        /// The index.
        index: i32,
        /// The array's length.
        length: usize,
    },
}

impl ReferencePath {
    /// Compiles `path`; what is a path but means more than one place is refused.
    pub fn parse(path: &str) -> Result<Self, ParseError> {
        let invalid = || ParseError::InvalidPath(format!("'{path}' is not a Reference Path"));
        if !path.starts_with('$') || has_operator(path) {
            return Err(invalid());
        }
        let compiled = compile::compile(path)?;
        let mut parts = Vec::with_capacity(compiled.tokens.len());
        for token in &compiled.tokens {
            parts.push(match token {
                Token::Properties(names, _) if names.len() == 1 => Part::Name(names[0].clone()),
                Token::Indexes(indexes) if indexes.len() == 1 && indexes[0] >= 0 => Part::Index(indexes[0]),
                _ => return Err(invalid()),
            });
        }
        Ok(Self(Arc::new(Place { path: compiled, parts })))
    }

    /// Whether this is `$`, the whole document.
    pub fn is_root(&self) -> bool {
        self.0.parts.is_empty()
    }

    /// The path's normalised spelling, e.g. `$['a'][0]`.
    pub fn normalized(&self) -> String {
        self.0.path.to_string()
    }

    /// The value there, if there is one.
    pub fn get<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.0.parts.iter().try_fold(document, |value, part| match part {
            Part::Name(name) => value.as_object()?.get(name),
            Part::Index(index) => element(value.as_array()?, *index),
        })
    }

    /// Puts `value` there, as `ResultPath` does: objects that are missing on the way are made, elements of arrays are
    /// replaced. Where that is impossible the document stays as it is.
    pub fn set(&self, document: &mut Value, value: Value) -> Result<(), ReferencePathError> {
        self.check(document)?;
        let mut place = document;
        for part in &self.0.parts {
            place = match part {
                Part::Name(name) => {
                    if place.is_null() {
                        *place = Value::Object(Map::new());
                    }
                    let Value::Object(members) = place else { return Ok(()) };
                    members.entry(name.as_str()).or_insert(Value::Null)
                }
                Part::Index(index) => {
                    let slot =
                        usize::try_from(*index).ok().and_then(|index| place.as_array_mut()?.get_mut(index));
                    let Some(slot) = slot else { return Ok(()) };
                    slot
                }
            };
        }
        *place = value;
        Ok(())
    }

    /// Whether a value can be put there: everything that exists on the way must be of the right kind.
    fn check(&self, document: &Value) -> Result<(), ReferencePathError> {
        let mut place = Some(document);
        for (at, part) in self.0.parts.iter().enumerate() {
            let path = || Path::new('$', self.0.path.tokens[..at].to_vec()).to_string();
            place = match (part, place) {
                (Part::Name(_), None | Some(Value::Null)) => None,
                (Part::Name(name), Some(Value::Object(members))) => members.get(name),
                (Part::Name(_), Some(_)) => return Err(ReferencePathError::NotAnObject { path: path() }),
                (Part::Index(index), Some(Value::Array(elements))) => match element(elements, *index) {
                    Some(element) => Some(element),
                    None => {
                        let (index, length) = (*index, elements.len());
                        return Err(ReferencePathError::OutOfBounds { path: path(), index, length });
                    }
                },
                (Part::Index(_), _) => return Err(ReferencePathError::NotAnArray { path: path() }),
            };
        }
        Ok(())
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.path.fmt(f)
    }
}

/// Whether one of the operators of other paths stands outside quotes, even where Jayway would read it as part of a name.
fn has_operator(path: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for character in path.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if matches!(character, '@' | ',' | ':' | '?' | '*') => return true,
            None => {}
        }
    }
    false
}
