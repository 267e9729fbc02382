//! Conditions on events that are JSON: `{ $.level = "ERROR" && $.n > 3 }`.

use aws_wire::ServiceError;
use regex::Regex;
use serde_json::Value;

use super::lexer;
use crate::error;

/// How deep parentheses may stand.
const DEPTH: usize = 50;

#[derive(Debug)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Is(Selector, Test),
}

/// The path to a value: members and indexes.
#[derive(Debug)]
pub(crate) struct Selector(Vec<Step>);

#[derive(Debug)]
enum Step {
    Member(String),
    Index(usize),
}

#[derive(Debug)]
pub(crate) enum Test {
    Equal(Wanted),
    Unequal(Wanted),
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    True,
    False,
    Null,
    Missing,
}

#[derive(Debug)]
pub(crate) enum Wanted {
    Number(f64, String),
    /// A text with `*` for anything.
    Text(String),
    Regex(Regex),
}

impl Condition {
    pub(super) fn holds(&self, event: &Value) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(event)),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(event)),
            Self::Is(selector, test) => test.holds(selector.find(event)),
        }
    }
}

impl Selector {
    fn find<'a>(&self, event: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(event, |at, step| match step {
            Step::Member(name) => at.get(name),
            Step::Index(index) => at.get(index),
        })
    }
}

impl Test {
    fn holds(&self, found: Option<&Value>) -> bool {
        let number = || found.and_then(Value::as_f64);
        match self {
            Self::Missing => found.is_none(),
            Self::Null => found.is_some_and(Value::is_null),
            Self::True => found == Some(&Value::Bool(true)),
            Self::False => found == Some(&Value::Bool(false)),
            Self::Equal(wanted) => found.is_some_and(|found| wanted.is(found)),
            Self::Unequal(wanted) => found.is_some_and(|found| !wanted.is(found)),
            Self::Less(than) => number().is_some_and(|number| number < *than),
            Self::LessOrEqual(than) => number().is_some_and(|number| number <= *than),
            Self::Greater(than) => number().is_some_and(|number| number > *than),
            Self::GreaterOrEqual(than) => number().is_some_and(|number| number >= *than),
        }
    }
}

impl Wanted {
    fn is(&self, found: &Value) -> bool {
        match (self, found) {
            (Self::Number(wanted, _), Value::Number(number)) => number.as_f64() == Some(*wanted),
            (Self::Number(_, wanted), Value::String(text)) => text == wanted,
            (Self::Text(wanted), Value::String(text)) => wildcard(wanted, text),
            (Self::Text(wanted), Value::Number(number)) => wildcard(wanted, &number.to_string()),
            (Self::Regex(regex), Value::String(text)) => regex.is_match(text),
            _ => false,
        }
    }
}

/// Whether `text` is `pattern` with anything at its stars.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Reads a pattern in braces.
pub(super) fn parse(text: &str) -> Result<Condition, ServiceError> {
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(broken)?;
    let mut parser = Parser { rest: inside.trim() };
    let condition = parser.any(0)?;
    if parser.rest.is_empty() { Ok(condition) } else { Err(broken()) }
}

fn broken() -> ServiceError {
    error::invalid("Invalid filter pattern")
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn any(&mut self, depth: usize) -> Result<Condition, ServiceError> {
        let mut conditions = vec![self.all(depth)?];
        while self.take("||") {
            conditions.push(self.all(depth)?);
        }
        Ok(Condition::Any(conditions))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, ServiceError> {
        let mut conditions = vec![self.one(depth)?];
        while self.take("&&") {
            conditions.push(self.one(depth)?);
        }
        Ok(Condition::All(conditions))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, ServiceError> {
        if self.take("(") {
            if depth >= DEPTH {
                return Err(broken());
            }
            let condition = self.any(depth + 1)?;
            return if self.take(")") { Ok(condition) } else { Err(broken()) };
        }
        let selector = self.selector()?;
        let test = self.test()?;
        Ok(Condition::Is(selector, test))
    }

    fn selector(&mut self) -> Result<Selector, ServiceError> {
        if !self.take_raw("$") {
            return Err(broken());
        }
        let mut steps = Vec::new();
        loop {
            if self.take_raw(".") {
                let end = self
                    .rest
                    .find(|letter: char| !(letter.is_alphanumeric() || "_-@".contains(letter)))
                    .unwrap_or(self.rest.len());
                if end == 0 {
                    return Err(broken());
                }
                steps.push(Step::Member(self.rest[..end].to_owned()));
                self.rest = &self.rest[end..];
            } else if self.take_raw("[") {
                let end = self.rest.find(']').ok_or_else(broken)?;
                let inside = &self.rest[..end];
                let name =
                    ['\'', '"'].iter().find_map(|quote| inside.strip_prefix(*quote)?.strip_suffix(*quote));
                steps.push(match name {
                    Some(name) => Step::Member(name.to_owned()),
                    None => Step::Index(inside.trim().parse().map_err(|_| broken())?),
                });
                self.rest = &self.rest[end + 1..];
            } else {
                break;
            }
        }
        self.rest = self.rest.trim_start();
        Ok(Selector(steps))
    }

    fn test(&mut self) -> Result<Test, ServiceError> {
        if self.take("IS") {
            return match () {
                () if self.take("TRUE") => Ok(Test::True),
                () if self.take("FALSE") => Ok(Test::False),
                () if self.take("NULL") => Ok(Test::Null),
                () => Err(broken()),
            };
        }
        if self.take("NOT") {
            return if self.take("EXISTS") { Ok(Test::Missing) } else { Err(broken()) };
        }
        // The longer operators first: `<=` begins with `<`.
        if self.take("!=") {
            return self.wanted().map(Test::Unequal);
        }
        if self.take("<=") {
            return self.number().map(Test::LessOrEqual);
        }
        if self.take(">=") {
            return self.number().map(Test::GreaterOrEqual);
        }
        if self.take("=") {
            return self.wanted().map(Test::Equal);
        }
        if self.take("<") {
            return self.number().map(Test::Less);
        }
        if self.take(">") {
            return self.number().map(Test::Greater);
        }
        Err(broken())
    }

    fn number(&mut self) -> Result<f64, ServiceError> {
        match self.wanted()? {
            Wanted::Number(number, _) => Ok(number),
            Wanted::Text(_) | Wanted::Regex(_) => Err(broken()),
        }
    }

    fn wanted(&mut self) -> Result<Wanted, ServiceError> {
        if let Some((text, behind)) = lexer::quoted(self.rest)? {
            self.rest = behind.trim_start();
            return Ok(Wanted::Text(text));
        }
        if let Some((regex, behind)) = lexer::regex(self.rest)? {
            self.rest = behind.trim_start();
            return Ok(Wanted::Regex(regex));
        }
        let end = self
            .rest
            .find(|letter: char| letter.is_whitespace() || "()&|{}\"".contains(letter))
            .unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(broken());
        }
        let word = word.to_owned();
        self.rest = behind.trim_start();
        Ok(match word.parse() {
            Ok(number) => Wanted::Number(number, word),
            Err(_) => Wanted::Text(word),
        })
    }

    fn take(&mut self, token: &str) -> bool {
        let taken = self.take_raw(token);
        if taken {
            self.rest = self.rest.trim_start();
        }
        taken
    }

    fn take_raw(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}
