//! What stands in parentheses: literals, references and operators.

use super::{Parsed, Parser, nested_template};
use crate::ast::{Comparison, Expression, Operator};

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.deeper(Self::or)
    }

    /// Takes one of `words` if it stands here; words of letters must end there.
    fn operator(&mut self, words: &[&str]) -> bool {
        self.skip_white_space();
        for word in words {
            let is_letters = word.starts_with(|character: char| character.is_ascii_alphabetic());
            let length = word.len();
            let continues =
                is_letters && self.peek_at(length).is_some_and(|next| next.is_ascii_alphanumeric());
            if self.starts_with(word) && !continues {
                self.position += length;
                return true;
            }
        }
        false
    }

    fn or(&mut self) -> Parsed<Expression> {
        let mut left = self.and()?;
        while self.operator(&["||", "or"]) {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expression> {
        let mut left = self.equality()?;
        while self.operator(&["&&", "and"]) {
            left = Expression::And(Box::new(left), Box::new(self.equality()?));
        }
        Ok(left)
    }

    fn equality(&mut self) -> Parsed<Expression> {
        let mut left = self.relation()?;
        loop {
            let comparison = if self.operator(&["==", "eq"]) {
                Comparison::Equal
            } else if self.operator(&["!=", "ne"]) {
                Comparison::NotEqual
            } else {
                return Ok(left);
            };
            left = Expression::Compare(comparison, Box::new(left), Box::new(self.relation()?));
        }
    }

    fn relation(&mut self) -> Parsed<Expression> {
        let mut left = self.sum()?;
        loop {
            let comparison = if self.operator(&["<=", "le"]) {
                Comparison::LessOrEqual
            } else if self.operator(&[">=", "ge"]) {
                Comparison::GreaterOrEqual
            } else if self.operator(&["<", "lt"]) {
                Comparison::Less
            } else if self.operator(&[">", "gt"]) {
                Comparison::Greater
            } else {
                return Ok(left);
            };
            left = Expression::Compare(comparison, Box::new(left), Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let mut left = self.product()?;
        loop {
            let operator = if self.operator(&["+"]) {
                Operator::Add
            } else if self.operator(&["-"]) {
                Operator::Subtract
            } else {
                return Ok(left);
            };
            left = Expression::Arithmetic(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed<Expression> {
        let mut left = self.unary()?;
        loop {
            let operator = if self.operator(&["*"]) {
                Operator::Multiply
            } else if self.operator(&["/"]) {
                Operator::Divide
            } else if self.operator(&["%"]) {
                Operator::Modulo
            } else {
                return Ok(left);
            };
            left = Expression::Arithmetic(operator, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Parsed<Expression> {
        self.skip_white_space();
        if self.peek() == Some('!') && self.peek_at(1) != Some('=') || self.starts_with("not") {
            if !self.operator(&["!", "not"]) {
                return self.primary();
            }
            return self.deeper(|parser| Ok(Expression::Not(Box::new(parser.unary()?))));
        }
        self.primary()
    }

    /// One operand: also what a method takes for an argument, and `#foreach` for its list.
    pub(super) fn primary(&mut self) -> Parsed<Expression> {
        self.skip_white_space();
        let expression = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.string(quote)?,
            Some('$') => match self.reference(0)? {
                Some(reference) => Expression::Reference(reference),
                None => return Err(self.error("Expected a reference behind '$'")),
            },
            Some('[') => self.deeper(Self::list)?,
            Some('{') => self.deeper(Self::map)?,
            Some('(') => {
                self.position += 1;
                let inner = self.expression()?;
                self.skip_white_space();
                self.expect(')')?;
                inner
            }
            Some(character) if character.is_ascii_digit() || matches!(character, '-' | '.') => {
                self.number()?
            }
            _ if self.operator(&["true"]) => Expression::Boolean(true),
            _ if self.operator(&["false"]) => Expression::Boolean(false),
            Some(character) => return Err(self.error(format!("Unexpected '{character}' in an expression"))),
            None => return Err(self.error("An expression is not finished")),
        };
        self.skip_white_space();
        Ok(expression)
    }

    /// A text. Its quote doubled stands for itself; a backslash is a backslash, but for `\u0041` in double quotes.
    fn string(&mut self, quote: char) -> Parsed<Expression> {
        let opening = self.position;
        self.position += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => {
                    self.position = opening;
                    return Err(self.error("A text is never closed"));
                }
                Some(character) if character == quote => {
                    self.position += 1;
                    if self.peek() != Some(quote) {
                        break;
                    }
                    text.push(quote);
                    self.position += 1;
                }
                Some('\\') if quote == '"' && self.peek_at(1) == Some('u') => match self.unicode() {
                    Some(character) => text.push(character),
                    None => {
                        self.position += 1;
                        text.push('\\');
                    }
                },
                Some(character) => {
                    self.position += 1;
                    text.push(character);
                }
            }
        }
        if quote == '"' && text.contains(['$', '#']) {
            if self.nesting >= super::MAX_NESTING {
                return Err(self.error("Texts are nested too deeply"));
            }
            return nested_template(&text, self.nesting + 1).map(Expression::Interpolated);
        }
        Ok(Expression::Text(text.into()))
    }

    fn unicode(&mut self) -> Option<char> {
        let digits = self.text.get(self.position + 2..self.position + 6)?;
        let code = digits.iter().try_fold(0, |code, digit| Some(code * 16 + digit.to_digit(16)?))?;
        let character = char::from_u32(code)?;
        self.position += 6;
        Some(character)
    }

    fn list(&mut self) -> Parsed<Expression> {
        self.expect('[')?;
        self.skip_white_space();
        if self.peek() == Some(']') {
            self.position += 1;
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.primary()?;
        if self.starts_with("..") {
            self.position += 2;
            let last = self.primary()?;
            self.expect(']')?;
            return Ok(Expression::Range(Box::new(first), Box::new(last)));
        }
        let mut items = vec![first];
        while self.peek() == Some(',') {
            self.position += 1;
            items.push(self.primary()?);
        }
        self.expect(']')?;
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Parsed<Expression> {
        self.expect('{')?;
        self.skip_white_space();
        let mut entries = Vec::new();
        while self.peek() != Some('}') {
            let key = self.primary()?;
            self.expect(':')?;
            let value = self.primary()?;
            entries.push((key, value));
            if self.peek() != Some(',') {
                break;
            }
            self.position += 1;
        }
        self.expect('}')?;
        Ok(Expression::Map(entries))
    }

    fn number(&mut self) -> Parsed<Expression> {
        let start = self.position;
        if self.peek() == Some('-') {
            self.position += 1;
        }
        self.digits();
        let mut is_double = false;
        // Two dots are a range: `[1..3]`.
        if self.peek() == Some('.') && self.peek_at(1) != Some('.') {
            is_double = true;
            self.position += 1;
            self.digits();
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.peek_at(1), Some('+' | '-')));
            if self.peek_at(1 + sign).is_some_and(|next| next.is_ascii_digit()) {
                is_double = true;
                self.position += 1 + sign;
                self.digits();
            }
        }
        let text = self.slice(start, self.position);
        let number = if is_double {
            text.parse().ok().map(Expression::Double)
        } else {
            text.parse().ok().map(Expression::Integer)
        };
        number.ok_or_else(|| self.error(format!("'{text}' is no number")))
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|character| character.is_ascii_digit()) {
            self.position += 1;
        }
    }
}
