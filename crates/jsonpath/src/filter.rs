//! The expression of a filter, `[?(…)]`: its grammar and its tree.
//!
//! ```text
//! or         = and { "||" and }
//! and        = operand { "&&" operand }
//! operand    = relation | "(" or ")" | "!" operand
//! relation   = value [ operator value ]
//! ```

use serde_json::Value;

use crate::{
    compile::compile_nested,
    cursor::{CompileError, Compiled, Cursor, unescape},
    decimal::Decimal,
    lenient_json,
    token::Path,
};

/// Parentheses and negations within each other: each level costs stack.
const MAX_NESTING: usize = 64;
/// How much work one regular expression may make on one text before it counts as not matching.
const MAX_BACKTRACKS: usize = 100_000;

/// A compiled filter.
#[derive(Debug, Clone)]
pub(crate) struct Filter(pub Expression);

/// What a filter asks.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    /// `@.a`, or `!@.a` with `false`.
    Exists(Path, bool),
    Relation(Operand, Operator, Operand),
}

/// One side of a relation.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Path(Path),
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(String),
    Pattern(Box<fancy_regex::Regex>),
    Json(JsonLiteral),
}

/// A JSON literal: its text, which is what Jayway compares, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct JsonLiteral {
    pub text: String,
    pub value: Result<Value, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    TypeSafeEqual,
    TypeSafeNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Regex,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
    /// `all`, `type`, `matches`: known, and never true of what can be written in a path's text.
    Unanswerable,
    /// `exists` written out.
    Exists,
}

impl Operator {
    fn parse(text: &str) -> Compiled<Self> {
        Ok(match text.to_uppercase().as_str() {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "===" => Self::TypeSafeEqual,
            "!==" => Self::TypeSafeNotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "=~" => Self::Regex,
            "IN" => Self::In,
            "NIN" => Self::NotIn,
            "CONTAINS" => Self::Contains,
            "SIZE" => Self::Size,
            "EMPTY" => Self::Empty,
            "SUBSETOF" => Self::SubsetOf,
            "ANYOF" => Self::AnyOf,
            "NONEOF" => Self::NoneOf,
            "ALL" | "TYPE" | "MATCHES" => Self::Unanswerable,
            "EXISTS" => Self::Exists,
            _ => return Err(CompileError::Invalid(format!("Filter operator {text} is not supported!"))),
        })
    }
}

/// A value as read: a path also knows whether `!` stood before it.
enum Read {
    Path(Path, bool),
    Other(Operand),
}

impl Read {
    fn operand(self) -> Operand {
        match self {
            Self::Path(path, _) => Operand::Path(path),
            Self::Other(operand) => operand,
        }
    }
}

impl Filter {
    /// Compiles `[?(…)]`, brackets included; `depth` is how deep in other filters it stands.
    pub fn compile(criteria: &str, depth: usize) -> Compiled<Self> {
        let mut cursor = Cursor::new(criteria);
        cursor.trim();
        let malformed =
            |shape: &str| CompileError::Invalid(format!("Filter must start with {shape}. {criteria}"));
        if cursor.current()? != '[' || cursor.last()? != ']' {
            return Err(malformed("'[' and end with ']'"));
        }
        cursor.advance(1);
        cursor.drop_last();
        cursor.trim();
        if cursor.current()? != '?' {
            return Err(malformed("'[?' and end with ']'"));
        }
        cursor.advance(1);
        cursor.trim();
        if cursor.current()? != '(' || cursor.last()? != ')' {
            return Err(malformed("'[?(' and end with ')]'"));
        }
        let mut compiler = FilterCompiler { cursor, depth, nesting: 0 };
        compiler.compile().map(Self)
    }
}

struct FilterCompiler {
    cursor: Cursor,
    depth: usize,
    nesting: usize,
}

impl FilterCompiler {
    fn compile(&mut self) -> Compiled<Expression> {
        let result = self.read_or().and_then(|expression| {
            self.cursor.skip_blanks();
            if self.cursor.in_bounds() {
                let rest = self.cursor.slice(self.cursor.position(), self.cursor.length());
                return Err(CompileError::Invalid(format!(
                    "Expected end of filter expression instead of: {rest}"
                )));
            }
            Ok(expression)
        });
        match result {
            Err(CompileError::Java(_)) => {
                let (position, current) = (self.cursor.position(), self.cursor.current()?);
                Err(CompileError::Invalid(format!(
                    "Failed to parse filter: {}, error on position: {position}, char: {current}",
                    self.cursor.whole()
                )))
            }
            other => other,
        }
    }

    fn read_or(&mut self) -> Compiled<Expression> {
        self.read_chain("||", Self::read_and, Expression::Or)
    }

    fn read_and(&mut self) -> Compiled<Expression> {
        self.read_chain("&&", Self::read_operand, Expression::And)
    }

    fn read_chain(
        &mut self,
        operator: &str,
        read: fn(&mut Self) -> Compiled<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Compiled<Expression> {
        let first = read(self)?;
        let mut chain = Vec::new();
        loop {
            let saved = self.cursor.position();
            if !self.cursor.take_significant(operator) {
                self.cursor.set_position(saved);
                break;
            }
            chain.push(read(self)?);
        }
        if chain.is_empty() {
            return Ok(first);
        }
        chain.insert(0, first);
        Ok(join(chain))
    }

    fn nested(&mut self, read: fn(&mut Self) -> Compiled<Expression>) -> Compiled<Expression> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(CompileError::Invalid(format!("Filter is nested deeper than {MAX_NESTING} levels")));
        }
        let result = read(self);
        self.nesting -= 1;
        result
    }

    fn read_operand(&mut self) -> Compiled<Expression> {
        self.cursor.skip_blanks();
        let saved = self.cursor.position();
        if self.cursor.current()? == '!' {
            self.cursor.expect_significant('!')?;
            self.cursor.skip_blanks();
            if matches!(self.cursor.current()?, '$' | '@') {
                // `!@.a` is a question about the path, not the negation of one.
                self.cursor.set_position(saved);
            } else {
                return Ok(Expression::Not(Box::new(self.nested(Self::read_operand)?)));
            }
        }
        self.cursor.skip_blanks();
        if self.cursor.current()? == '(' {
            self.cursor.expect_significant('(')?;
            let inner = self.nested(Self::read_or)?;
            self.cursor.expect_significant(')')?;
            return Ok(inner);
        }
        self.read_relation()
    }

    fn read_relation(&mut self) -> Compiled<Expression> {
        let left = self.read_value()?;
        let saved = self.cursor.position();
        match self.read_operator_and_value() {
            Ok((operator, right)) => Ok(Expression::Relation(left.operand(), operator, right)),
            Err(CompileError::Invalid(_)) => {
                self.cursor.set_position(saved);
                match left {
                    Read::Path(path, should_exist) => Ok(Expression::Exists(path, should_exist)),
                    Read::Other(_) => Err(CompileError::invalid("Expected path node")),
                }
            }
            Err(java) => Err(java),
        }
    }

    fn read_operator_and_value(&mut self) -> Compiled<(Operator, Operand)> {
        self.cursor.skip_blanks();
        let start = self.cursor.position();
        if is_operator_character(self.cursor.current()?) {
            while self.cursor.in_bounds() && is_operator_character(self.cursor.current()?) {
                self.cursor.advance(1);
            }
        } else {
            while self.cursor.in_bounds() && self.cursor.current()? != ' ' {
                self.cursor.advance(1);
            }
        }
        let operator = Operator::parse(&self.cursor.slice(start, self.cursor.position()))?;
        let value = match self.read_word() {
            Some(word) => Operand::Text(word),
            None => self.read_value()?.operand(),
        };
        Ok((operator, value))
    }

    /// A text without quotes, as AWS takes it behind an operator and Jayway does not any more: published workflows have
    /// `$[?(@.TargetLanguageCode==es)]`.
    fn read_word(&mut self) -> Option<String> {
        self.cursor.skip_blanks();
        let start = self.cursor.position();
        let belongs = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        let mut end = start;
        while self.cursor.is_inside(end) && self.cursor.at(end).is_ok_and(belongs) {
            end += 1;
        }
        let word = self.cursor.slice(start, end);
        let ends = self.cursor.at(end).is_ok_and(|next| matches!(next, ' ' | ')' | '&' | '|'));
        let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !ends || !is_word || matches!(word.as_str(), "true" | "false" | "null") {
            return None;
        }
        self.cursor.set_position(end);
        Some(word)
    }

    fn read_value(&mut self) -> Compiled<Read> {
        self.cursor.skip_blanks();
        match self.cursor.current()? {
            '$' | '@' => self.read_path(),
            '!' => {
                self.cursor.advance(1);
                self.cursor.skip_blanks();
                match self.cursor.current()? {
                    '$' | '@' => self.read_path(),
                    _ => Err(CompileError::invalid("Unexpected character: !")),
                }
            }
            quote @ ('\'' | '"') => self.read_text(quote),
            't' | 'f' => self.read_boolean(),
            'n' => self.read_null(),
            open @ ('{' | '[') => self.read_json(open),
            '/' => self.read_pattern(),
            _ => self.read_number(),
        }
    }

    fn read_path(&mut self) -> Compiled<Read> {
        let negated = self
            .cursor
            .index_of_previous_significant()
            .is_some_and(|index| self.cursor.at(index).is_ok_and(|character| character == '!'));
        let start = self.cursor.position();
        self.cursor.advance(1);
        while self.cursor.in_bounds() {
            if self.cursor.current()? == '[' {
                match self.cursor.index_of_matching(self.cursor.position(), '[', ']', false)? {
                    Some(close) => self.cursor.set_position(close + 1),
                    None => {
                        return Err(CompileError::Invalid(format!(
                            "Square brackets does not match in filter {}",
                            self.cursor.whole()
                        )));
                    }
                }
            }
            let current = self.cursor.current()?;
            let closes_expression = current == ')' && !self.closes_empty_arguments(start);
            if !self.cursor.in_bounds()
                || is_operator_character(current)
                || current == ' '
                || closes_expression
            {
                break;
            }
            self.cursor.advance(1);
        }
        let text = self.cursor.slice(start, self.cursor.position());
        let path = compile_nested(&text, self.depth + 1)
            .map_err(|error| CompileError::Invalid(error.into_message()))?;
        Ok(Read::Path(path, !negated))
    }

    /// Whether the parenthesis at the position closes a call without arguments, as in `@.length()`.
    fn closes_empty_arguments(&self, lower: usize) -> bool {
        let Some(open) = self.cursor.index_of_previous_significant() else { return false };
        if self.cursor.at(open) != Ok('(') {
            return false;
        }
        (lower + 1..open).any(|index| self.cursor.at(index) == Ok('.'))
    }

    fn read_text(&mut self, quote: char) -> Compiled<Read> {
        let start = self.cursor.position();
        let Some(end) = self.cursor.index_of_unescaped(start, quote) else {
            return Err(CompileError::Invalid(format!(
                "String literal does not have matching quotes. Expected {quote} in {}",
                self.cursor.whole()
            )));
        };
        self.cursor.set_position(end + 1);
        Ok(Read::Other(Operand::Text(unescape(&self.cursor.slice(start + 1, end))?)))
    }

    fn read_boolean(&mut self) -> Compiled<Read> {
        let start = self.cursor.position();
        for (word, value) in [("true", true), ("false", false)] {
            if self.cursor.is_inside(start + word.len() - 1)
                && self.cursor.slice(start, start + word.len()) == word
            {
                self.cursor.advance(word.len());
                return Ok(Read::Other(Operand::Boolean(value)));
            }
        }
        Err(CompileError::invalid("Expected boolean literal"))
    }

    fn read_null(&mut self) -> Compiled<Read> {
        let start = self.cursor.position();
        if self.cursor.is_inside(start + 3) && self.cursor.slice(start, start + 4) == "null" {
            self.cursor.advance(4);
            return Ok(Read::Other(Operand::Null));
        }
        Err(CompileError::invalid("Expected <null> value"))
    }

    fn read_json(&mut self, open: char) -> Compiled<Read> {
        let start = self.cursor.position();
        let close = if open == '[' { ']' } else { '}' };
        let Some(end) = self.cursor.index_of_matching(start, open, close, false)? else {
            return Err(CompileError::Invalid(format!(
                "String not closed. Expected ' in {}",
                self.cursor.whole()
            )));
        };
        self.cursor.set_position(end + 1);
        let text = self.cursor.slice(start, end + 1);
        let value = lenient_json::parse(&text);
        Ok(Read::Other(Operand::Json(JsonLiteral { text, value })))
    }

    fn read_pattern(&mut self) -> Compiled<Read> {
        let start = self.cursor.position();
        let Some(close) = self.cursor.index_of_unescaped(start, '/') else {
            let whole = self.cursor.whole();
            return Err(CompileError::Invalid(format!("Pattern not closed. Expected / in {whole}")));
        };
        let mut end = close + 1;
        if self.cursor.is_inside(end) {
            // Flags reach to the operator if the pattern stands before one, else to the closing parenthesis.
            end = match self.cursor.index_of(start + 1, '=').filter(|equal| *equal > close) {
                Some(equal) => equal,
                None => self.cursor.index_of_unescaped(start, ')').unwrap_or(end).max(end),
            };
        }
        self.cursor.set_position(end);
        let pattern = self.cursor.slice(start + 1, close);
        let flags = self.cursor.slice(close + 1, end);
        compile_pattern(&pattern, flags.trim())
            .map(|pattern| Read::Other(Operand::Pattern(Box::new(pattern))))
    }

    fn read_number(&mut self) -> Compiled<Read> {
        let start = self.cursor.position();
        let is_number =
            |character: char| character.is_ascii_digit() || matches!(character, '-' | '.' | 'E' | 'e');
        while self.cursor.in_bounds() && is_number(self.cursor.current()?) {
            self.cursor.advance(1);
        }
        let text = self.cursor.slice(start, self.cursor.position());
        match Decimal::parse(&text) {
            Some(number) => Ok(Read::Other(Operand::Number(number))),
            None => Err(CompileError::Java(format!("java.lang.NumberFormatException: {text}"))),
        }
    }
}

fn is_operator_character(character: char) -> bool {
    matches!(character, '<' | '>' | '=' | '~' | '!')
}

/// A Java pattern that must match the whole text.
fn compile_pattern(pattern: &str, flags: &str) -> Compiled<fancy_regex::Regex> {
    let mut inline = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'm' | 's' | 'x' => inline.push(flag),
            // Unix lines, Unicode case and Unicode classes are what this engine does anyway.
            'd' | 'u' | 'U' => {}
            _ => return Err(CompileError::Java(format!("java.lang.IllegalArgumentException: flag {flag}"))),
        }
    }
    let prefix = if inline.is_empty() { String::new() } else { format!("(?{inline})") };
    fancy_regex::RegexBuilder::new(&format!(r"{prefix}\A(?:{pattern})\z"))
        .backtrack_limit(MAX_BACKTRACKS)
        .build()
        .map_err(|error| CompileError::Java(format!("java.util.regex.PatternSyntaxException: {error}")))
}
