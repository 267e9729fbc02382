//! Evaluation: walking a document along the tokens of a path.

use std::{
    borrow::Cow,
    cell::Cell,
    fmt::{self, Write as _},
};

use serde_json::{Map, Value};

use crate::{
    error::PathError,
    token::{Path, Token, element},
};

/// Values looked at or copied in one evaluation, filters and arguments included. `$..*..*..*` over a large document
/// would run for days, and fill all memory, without a limit.
const MAX_STEPS: u64 = 5_000_000;
/// Tokens and levels of the document walked into: each costs stack.
const MAX_DEPTH: usize = 512;

/// A value found, and where, if that was asked for.
pub(crate) struct Found<'v> {
    pub value: Cow<'v, Value>,
    pub path: Option<String>,
}

/// All values of `path` in `document`, in Jayway's order.
pub(crate) fn matches<'v>(path: &Path, document: &'v Value) -> Result<Vec<Found<'v>>, PathError> {
    let steps = Cell::new(0);
    Evaluator { root: document, require_properties: false, paths: true, steps: &steps }.found(path, document)
}

/// The result of `path` over `document`.
pub(crate) fn result<'v>(path: &Path, document: &'v Value) -> Result<Cow<'v, Value>, PathError> {
    let steps = Cell::new(0);
    Evaluator { root: document, require_properties: false, paths: false, steps: &steps }
        .cow_of(path, document)
}

/// What a copy of `value` costs, in values and pieces of text.
fn weight(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len() as u64 / 64,
        Value::Array(elements) => 1 + elements.iter().map(weight).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(weight).sum::<u64>(),
    }
}

/// What stays the same throughout one evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'e> {
    /// The whole document.
    pub root: &'e Value,
    /// Whether a name that is missing is an error everywhere: so it is when a filter asks whether a path exists.
    require_properties: bool,
    paths: bool,
    steps: &'e Cell<u64>,
}

impl<'e> Evaluator<'e> {
    pub fn requiring_properties(&self) -> Self {
        Self { require_properties: true, paths: false, ..*self }
    }

    /// The result of a path over the whole document.
    pub fn value_at_root(&self, path: &Path) -> Result<Value, PathError> {
        self.value_of(path, self.root)
    }

    /// The result of a path over `document`.
    pub fn value_of(&self, path: &Path, document: &Value) -> Result<Value, PathError> {
        let evaluator = Evaluator { paths: false, ..*self };
        evaluator.cow_of(path, document).map(Cow::into_owned)
    }

    /// The same without a copy where none is needed.
    pub fn cow_of<'v>(&self, path: &Path, document: &'v Value) -> Result<Cow<'v, Value>, PathError> {
        let found = Evaluator { paths: false, ..*self }.found(path, document)?;
        if path.is_definite() {
            let last = found.into_iter().next_back().map(|found| found.value);
            return last.ok_or_else(|| PathError::NotFound(format!("No results for path: {path}")));
        }
        self.list(found).map(Cow::Owned)
    }

    fn found<'v>(&self, path: &Path, document: &'v Value) -> Result<Vec<Found<'v>>, PathError> {
        let mut walk = Walk { evaluator: *self, path, found: Vec::new(), scanned_index: None, depth: 0 };
        walk.token(0, document, &Trail { parent: None, step: Step::Root(path.root) })?;
        Ok(walk.found)
    }

    /// The list that an indefinite path gives.
    pub fn list(&self, found: Vec<Found<'_>>) -> Result<Value, PathError> {
        for found in &found {
            if let Cow::Borrowed(value) = &found.value {
                self.steps(weight(value))?;
            }
        }
        Ok(Value::Array(found.into_iter().map(|found| found.value.into_owned()).collect()))
    }

    fn step(&self) -> Result<(), PathError> {
        self.steps(1)
    }

    fn steps(&self, count: u64) -> Result<(), PathError> {
        let steps = self.steps.get().saturating_add(count);
        self.steps.set(steps);
        if steps > MAX_STEPS {
            return Err(PathError::Evaluation(format!("The path looks at more than {MAX_STEPS} values")));
        }
        Ok(())
    }
}

/// The way to a value, as a list on the stack: nothing is written out unless somebody asks.
struct Trail<'t> {
    parent: Option<&'t Trail<'t>>,
    step: Step<'t>,
}

enum Step<'t> {
    Root(char),
    Name(&'t str),
    Names(&'t [String]),
    Index(i64),
    Function(&'t str),
}

impl<'t> Trail<'t> {
    fn then(&'t self, step: Step<'t>) -> Trail<'t> {
        Trail { parent: Some(self), step }
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = vec![&self.step];
        let mut above = self.parent;
        while let Some(trail) = above {
            steps.push(&trail.step);
            above = trail.parent;
        }
        for step in steps.into_iter().rev() {
            match step {
                Step::Root(root) => f.write_char(*root)?,
                Step::Name(name) => write!(f, "['{name}']")?,
                Step::Names(names) => write!(f, "['{}']", names.join("', '"))?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Function(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// One evaluation of one path.
struct Walk<'p, 'v> {
    evaluator: Evaluator<'p>,
    path: &'p Path,
    found: Vec<Found<'v>>,
    /// Where in an array the last scan stood when it handed an element on. Jayway keeps that on the token behind and
    /// never takes it back: a name at the end of the path is then only found where the token before it is exactly
    /// that index. (`$..*.d` finds nothing once an array was scanned; `$..[2].author` finds element 2 alone.)
    scanned_index: Option<usize>,
    depth: usize,
}

impl<'p, 'v> Walk<'p, 'v> {
    fn is_leaf(&self, at: usize) -> bool {
        at + 1 >= self.path.tokens.len()
    }

    fn add(&mut self, trail: &Trail<'_>, value: Cow<'v, Value>) {
        let path = self.evaluator.paths.then(|| trail.to_string());
        self.found.push(Found { value, path });
    }

    /// Evaluates the token at `at`, or takes `value` as found behind the last one.
    fn token(&mut self, at: usize, value: &'v Value, trail: &Trail<'_>) -> Result<(), PathError> {
        let path = self.path;
        let Some(token) = path.tokens.get(at) else {
            self.add(trail, Cow::Borrowed(value));
            return Ok(());
        };
        self.evaluator.step()?;
        self.deeper(|walk| match token {
            Token::Properties(names, _) => walk.properties(at, names, value, trail),
            Token::Indexes(indexes) => walk.indexes(at, indexes, value, trail),
            Token::Slice(from, to) => walk.slice(at, *from, *to, value, trail),
            Token::Wildcard => walk.wildcard(at, value, trail),
            Token::Scan => match path.tokens.get(at + 1) {
                Some(_) => walk.scan(at + 1, value, trail),
                None => Ok(()),
            },
            Token::Filter(_) => walk.filter(at, value, trail),
            Token::Function(function) => {
                let result = function.invoke(value, &walk.evaluator)?;
                walk.function(at, &function.name, result, trail)
            }
        })
    }

    fn deeper(&mut self, go: impl FnOnce(&mut Self) -> Result<(), PathError>) -> Result<(), PathError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PathError::Evaluation(format!("The path leads deeper than {MAX_DEPTH} levels")));
        }
        let result = go(self);
        self.depth -= 1;
        result
    }

    fn properties(
        &mut self,
        at: usize,
        names: &'p [String],
        value: &'v Value,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        let Value::Object(members) = value else {
            if !self.path.upstream_definite[at] {
                return Ok(());
            }
            return Err(PathError::NotFound(format!(
                "Expected to find an object with property {} in path {trail} but found '{}'. This is not a json object \
                 according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JsonSmartJsonProvider'.",
                self.path.tokens[at],
                java_class(value)
            )));
        };
        if names.len() > 1 && self.is_leaf(at) {
            return self.merged(names, members, trail);
        }
        names.iter().try_for_each(|name| self.property(at, name, members.get(name), names.len() == 1, trail))
    }

    fn property(
        &mut self,
        at: usize,
        name: &str,
        value: Option<&'v Value>,
        is_definite: bool,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        let trail = &trail.then(Step::Name(name));
        let is_leaf = self.is_leaf(at);
        let Some(value) = value else {
            let required = self.evaluator.require_properties;
            return match (is_leaf, required || self.path.upstream_definite[at] && is_definite) {
                (true, _) if required => Err(PathError::NotFound(format!("No results for path: {trail}"))),
                (false, true) => Err(PathError::NotFound(format!("Missing property in path {trail}"))),
                _ => Ok(()),
            };
        };
        if is_leaf && !self.is_where_scanned() {
            return Ok(());
        }
        self.token(at + 1, value, trail)
    }

    fn is_where_scanned(&self) -> bool {
        let Some(scanned) = self.scanned_index else { return true };
        let before = self.path.tokens.len().checked_sub(2).map(|index| &self.path.tokens[index]);
        matches!(before, Some(Token::Indexes(indexes))
            if indexes.len() == 1 && usize::try_from(indexes[0]) == Ok(scanned))
    }

    fn merged(
        &mut self,
        names: &'p [String],
        members: &'v Map<String, Value>,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        let trail = &trail.then(Step::Names(names));
        let mut merged = Map::new();
        for name in names {
            match members.get(name) {
                Some(value) => {
                    merged.insert(name.clone(), value.clone());
                }
                None if self.evaluator.require_properties => {
                    return Err(PathError::NotFound(format!("Missing property in path {trail}")));
                }
                None => {}
            }
        }
        self.add(trail, Cow::Owned(Value::Object(merged)));
        Ok(())
    }

    /// The array that indexes and slices need; `None` where one that is missing is passed over.
    fn array(
        &self,
        at: usize,
        value: &'v Value,
        trail: &Trail<'_>,
    ) -> Result<Option<&'v [Value]>, PathError> {
        match value {
            Value::Array(elements) => Ok(Some(elements)),
            _ if !self.path.upstream_definite[at] => Ok(None),
            Value::Null => Err(PathError::NotFound(format!("The path {trail} is null"))),
            _ => {
                let rest = Path {
                    root: '$',
                    tokens: self.path.tokens[at..].to_vec(),
                    upstream_definite: Vec::new(),
                };
                let rest = rest.to_string().split_off(1);
                Err(PathError::NotFound(format!(
                    "Filter: {rest} can only be applied to arrays. Current context is: {}",
                    JavaText(value)
                )))
            }
        }
    }

    fn indexes(
        &mut self,
        at: usize,
        indexes: &[i32],
        value: &'v Value,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        let Some(elements) = self.array(at, value, trail)? else { return Ok(()) };
        indexes.iter().try_for_each(|index| self.element(at, elements, *index, trail))
    }

    fn element(
        &mut self,
        at: usize,
        elements: &'v [Value],
        index: i32,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        let Some(value) = element(elements, index) else { return Ok(()) };
        match self.token(at + 1, value, &trail.then(Step::Index(index.into()))) {
            // Java's exception for an index out of bounds means "nothing here", wherever below it comes from.
            Err(PathError::IndexOutOfBounds(_)) => Ok(()),
            other => other,
        }
    }

    fn range(
        &mut self,
        at: usize,
        elements: &'v [Value],
        range: std::ops::Range<i64>,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        for index in range {
            self.evaluator.step()?;
            match i32::try_from(index) {
                Ok(index) => self.element(at, elements, index, trail)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn slice(
        &mut self,
        at: usize,
        from: Option<i32>,
        to: Option<i32>,
        value: &'v Value,
        trail: &Trail<'_>,
    ) -> Result<(), PathError> {
        let Some(elements) = self.array(at, value, trail)? else { return Ok(()) };
        let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        let from_end = |bound: i32| if bound < 0 { length + i64::from(bound) } else { i64::from(bound) };
        let range = match (from, to) {
            (Some(from), None) => from_end(from).max(0)..length,
            (None, Some(to)) => 0..from_end(to).min(length),
            // Between two bounds neither counts from the end: `[1:-1]` is empty, `[-2:2]` begins two before the
            // first element and wraps.
            (Some(from), Some(to)) if length > 0 => i64::from(from).max(-length)..i64::from(to).min(length),
            _ => 0..0,
        };
        self.range(at, elements, range, trail)
    }

    fn wildcard(&mut self, at: usize, value: &'v Value, trail: &Trail<'_>) -> Result<(), PathError> {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.evaluator.step()?;
                    self.token(at + 1, value, &trail.then(Step::Name(name)))?;
                }
                Ok(())
            }
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    self.evaluator.step()?;
                    let index = i64::try_from(index).unwrap_or(i64::MAX);
                    match self.token(at + 1, value, &trail.then(Step::Index(index))) {
                        Err(PathError::NotFound(_)) if !self.evaluator.require_properties => {}
                        Err(PathError::IndexOutOfBounds(_)) => {}
                        other => other?,
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn filter(&mut self, at: usize, value: &'v Value, trail: &Trail<'_>) -> Result<(), PathError> {
        match value {
            Value::Object(_) => {
                if self.is_accepted(at, value)? {
                    return self.token(at + 1, value, trail);
                }
                Ok(())
            }
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    self.evaluator.step()?;
                    if self.is_accepted(at, value)? {
                        self.element(at, elements, i32::try_from(index).unwrap_or(i32::MAX), trail)?;
                    }
                }
                Ok(())
            }
            _ if self.path.upstream_definite[at] => {
                let rest = Path {
                    root: '$',
                    tokens: self.path.tokens[at..].to_vec(),
                    upstream_definite: Vec::new(),
                };
                let rest = rest.to_string().split_off(1);
                Err(PathError::InvalidPath(format!(
                    "Filter: {rest} can not be applied to primitives. Current context is: {}",
                    JavaText(value)
                )))
            }
            _ => Ok(()),
        }
    }

    fn is_accepted(&self, at: usize, value: &Value) -> Result<bool, PathError> {
        match &self.path.tokens[at] {
            Token::Filter(filter) => filter.accepts(value, &self.evaluator),
            _ => Ok(false),
        }
    }

    /// Walks everything below `value`, evaluating the token at `at` (the one behind `..`) where it could match.
    fn scan(&mut self, at: usize, value: &'v Value, trail: &Trail<'_>) -> Result<(), PathError> {
        self.evaluator.step()?;
        match value {
            Value::Object(members) => {
                if self.is_scan_target(at, value)? {
                    self.token(at, value, trail)?;
                }
                for (name, value) in members {
                    self.deeper(|walk| walk.scan(at, value, &trail.then(Step::Name(name))))?;
                }
            }
            Value::Array(elements) => {
                let indexed = || {
                    elements
                        .iter()
                        .enumerate()
                        .map(|(index, value)| (i64::try_from(index).unwrap_or(i64::MAX), value))
                };
                if self.is_scan_target(at, value)? {
                    if self.is_leaf(at) {
                        self.token(at, value, trail)?;
                    } else {
                        // Jayway hands the elements to the token behind, whatever index the token itself names.
                        for (index, value) in indexed() {
                            self.scanned_index = usize::try_from(index).ok();
                            self.token(at + 1, value, &trail.then(Step::Index(index)))?;
                        }
                    }
                }
                for (index, value) in indexed() {
                    self.deeper(|walk| walk.scan(at, value, &trail.then(Step::Index(index))))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_scan_target(&self, at: usize, value: &Value) -> Result<bool, PathError> {
        Ok(match &self.path.tokens[at] {
            Token::Properties(names, _) => {
                let is_definite = names.len() == 1 || self.is_leaf(at);
                value.as_object().is_some_and(|members| {
                    !is_definite || names.iter().all(|name| members.contains_key(name))
                })
            }
            Token::Indexes(_) | Token::Slice(..) => value.is_array(),
            Token::Wildcard => true,
            Token::Filter(filter) => filter.accepts(value, &self.evaluator)?,
            Token::Scan | Token::Function(_) => false,
        })
    }

    /// Adds a function's result, and goes on with it where more follows. What is found in it is copied: it does not
    /// live in the document.
    fn function(&mut self, at: usize, name: &str, result: Value, trail: &Trail<'_>) -> Result<(), PathError> {
        let path = self.evaluator.paths.then(|| trail.then(Step::Function(name)).to_string());
        let behind = if self.is_leaf(at) {
            Vec::new()
        } else {
            let mut walk = Walk {
                evaluator: self.evaluator,
                path: self.path,
                found: Vec::new(),
                scanned_index: self.scanned_index,
                depth: self.depth,
            };
            walk.token(at + 1, &result, trail)?;
            let owned = |found: Found<'_>| (found.value.into_owned(), found.path);
            walk.found.into_iter().map(owned).collect()
        };
        self.found.push(Found { value: Cow::Owned(result), path });
        self.found.extend(behind.into_iter().map(|(value, path)| Found { value: Cow::Owned(value), path }));
        Ok(())
    }
}

fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => {
            "java.lang.Integer"
        }
        Value::Number(_) => "java.lang.Long",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "net.minidev.json.JSONArray",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

/// Java's `toString` of a value, as messages quote it: maps as `{a=b}`, arrays as JSON.
struct JavaText<'a>(&'a Value);

impl fmt::Display for JavaText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => f.write_str(text),
            Value::Object(members) => {
                f.write_char('{')?;
                for (index, (name, value)) in members.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{name}={}", JavaText(value))?;
                }
                f.write_char('}')
            }
            other => write!(f, "{other}"),
        }
    }
}
