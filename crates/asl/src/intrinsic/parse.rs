//! The grammar: `States.Name(argument, …)`, where an argument is a call, a path, a quoted text, a number, `true`,
//! `false` or `null`.

use serde_json::Value;

use super::{Expression, Function, MAX_NESTING};
use crate::path::Path;

/// Compiles a text that must be one call and nothing else.
pub(super) fn call(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { text, at: 0 };
    parser.blanks();
    let call = parser.call(1)?;
    parser.blanks();
    if parser.at == text.len() { Ok(call) } else { Err(parser.unexpected()) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn unexpected(&self) -> String {
        format!("The intrinsic function is not well-formed at position {}", self.at)
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: char) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len_utf8();
        }
        found
    }

    fn call(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > MAX_NESTING {
            return Err(format!("Intrinsic functions cannot be nested deeper than {MAX_NESTING} levels"));
        }
        let start = self.at;
        let open = self.rest().find('(').ok_or_else(|| self.unexpected())?;
        let name = self.rest()[..open].trim_end();
        let function =
            Function::named(name).ok_or_else(|| format!("The intrinsic function '{name}' does not exist"))?;
        self.at += open + 1;
        let mut arguments = Vec::new();
        self.blanks();
        if !self.take(')') {
            loop {
                arguments.push(self.argument(depth)?);
                self.blanks();
                if self.take(')') {
                    break;
                }
                if !self.take(',') {
                    return Err(self.unexpected());
                }
                self.blanks();
            }
        }
        function.check_count(arguments.len())?;
        Ok(Expression::Call { function, arguments, text: self.text[start..self.at].to_owned() })
    }

    fn argument(&mut self, depth: usize) -> Result<Expression, String> {
        let rest = self.rest();
        match rest.chars().next() {
            Some('\'') => self.quoted(),
            Some('$') => {
                let length = path_length(rest);
                let path = Path::parse(rest[..length].trim_end())?;
                self.at += length;
                Ok(Expression::Path(path))
            }
            Some('S') => self.call(depth + 1),
            _ => self.literal(),
        }
    }

    fn quoted(&mut self) -> Result<Expression, String> {
        let mut escaped = false;
        for (offset, character) in self.rest().char_indices().skip(1) {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => {
                    let raw = self.rest()[1..offset].to_owned();
                    self.at += offset + 1;
                    return Ok(Expression::Text(raw));
                }
                _ => {}
            }
        }
        Err(self.unexpected())
    }

    fn literal(&mut self) -> Result<Expression, String> {
        let length = self.rest().find([',', ')']).ok_or_else(|| self.unexpected())?;
        let value = match self.rest()[..length].trim() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            number => {
                let value: Value = serde_json::from_str(number).map_err(|_| self.unexpected())?;
                if !value.is_number() {
                    return Err(self.unexpected());
                }
                value
            }
        };
        self.at += length;
        Ok(Expression::Literal(value))
    }
}

/// How far a path reaches: to the comma or the closing parenthesis that is not within its own brackets.
fn path_length(text: &str) -> usize {
    let (mut brackets, mut parentheses, mut quote, mut escaped) = (0_usize, 0_usize, None, false);
    for (offset, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if let Some(open) = quote {
            match character {
                '\\' => escaped = true,
                _ if character == open => quote = None,
                _ => {}
            }
        } else {
            match character {
                '\'' | '"' if brackets > 0 => quote = Some(character),
                '[' => brackets += 1,
                ']' => brackets = brackets.saturating_sub(1),
                '(' => parentheses += 1,
                ')' if parentheses > 0 => parentheses -= 1,
                ')' | ',' if brackets == 0 && parentheses == 0 => return offset,
                _ => {}
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_call() {
        for good in [
            "States.UUID()",
            "States.Array( 1, 'a', true ,null, $.a[?(@.x == 'y,)')].z, States.Array() )",
            r"States.Format('\'{}\' \{\}', $.a)",
            "States.ArrayLength($.a.length())",
        ] {
            assert!(call(good).is_ok(), "{good}: {:?}", call(good).err());
        }
        let deep = |levels: usize| "States.Array(".repeat(levels) + &")".repeat(levels);
        assert!(call(&deep(10)).is_ok());
        assert!(call(&deep(11)).is_err());
        assert!(call(&"States.Array(".repeat(100_000)).is_err());
        for bad in [
            "",
            "States",
            "States.Nope()",
            "States.UUID() x",
            "States.Format('a",
            "States.UUID(1)",
            "States.Hash('a')",
        ] {
            assert!(call(bad).is_err(), "{bad}");
        }
    }
}
