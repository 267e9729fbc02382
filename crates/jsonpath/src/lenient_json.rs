//! JSON as json-smart's permissive mode reads it: single quotes, names without quotes, commas too many.

use serde_json::{Map, Number, Value};

const MAX_DEPTH: usize = 64;

/// Parses `text`, or says why not.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let mut parser = Parser { text: text.chars().collect(), position: 0 };
    let value = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(value),
        Some(character) => {
            Err(format!("Unexpected character ({character}) at position {}.", parser.position))
        }
    }
}

struct Parser {
    text: Vec<char>,
    position: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.position).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.position += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("Nested deeper than {MAX_DEPTH} levels at position {}.", self.position));
        }
        self.skip_blanks();
        match self.peek() {
            None => Err(format!("Unexpected End Of File position {}: EOF", self.position)),
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some(quote @ ('\'' | '"')) => self.string(quote).map(Value::String),
            Some(_) => Ok(bare_value(&self.bare(&[',', ']', '}']))),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.position += 1;
        let mut elements = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(']') => {
                    self.position += 1;
                    return Ok(Value::Array(elements));
                }
                Some(',') => self.position += 1,
                Some(character @ ('}' | ':')) => {
                    return Err(format!("Unexpected character ({character}) at position {}.", self.position));
                }
                _ => elements.push(self.value(depth + 1)?),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.position += 1;
        let mut members = Map::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                Some('}') => {
                    self.position += 1;
                    return Ok(Value::Object(members));
                }
                Some(',') => self.position += 1,
                Some(quote @ ('\'' | '"')) => {
                    let name = self.string(quote)?;
                    self.member(name, depth, &mut members)?;
                }
                Some(_) => {
                    let name = self.bare(&[':', '}', ',']);
                    self.member(name, depth, &mut members)?;
                }
                None => return Err(format!("Unexpected End Of File position {}: EOF", self.position)),
            }
        }
    }

    fn member(&mut self, name: String, depth: usize, members: &mut Map<String, Value>) -> Result<(), String> {
        self.skip_blanks();
        if self.peek() != Some(':') {
            return Err(format!("Expected ':' at position {}.", self.position));
        }
        self.position += 1;
        let value = self.value(depth + 1)?;
        members.insert(name, value);
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<String, String> {
        let start = self.position + 1;
        let mut end = start;
        while let Some(character) = self.text.get(end) {
            if *character == '\\' {
                end += 1;
            } else if *character == quote {
                self.position = end + 1;
                let raw: String = self.text[start..end].iter().collect();
                return crate::cursor::unescape(&raw).map_err(crate::cursor::CompileError::into_message);
            }
            end += 1;
        }
        Err(format!("Unexpected End Of File position {end}: EOF"))
    }

    fn bare(&mut self, stops: &[char]) -> String {
        let start = self.position;
        while self.peek().is_some_and(|character| !stops.contains(&character)) {
            self.position += 1;
        }
        if self.position == start {
            // A stop where a value should be is an empty text; go on behind it, or nothing would move.
            self.position += 1;
        }
        self.text[start..self.position.min(self.text.len())].iter().collect::<String>().trim().to_owned()
    }
}

fn bare_value(text: &str) -> Value {
    match text {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<Number>().map_or_else(|_| Value::String(text.to_owned()), Value::Number),
    }
}
