//! What begins with `$`.

use super::{Nodes, Parsed, Parser};
use crate::ast::{Node, Part, Reference};

fn is_identifier_start(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_'
}

fn is_identifier(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

impl Parser {
    /// A reference with `backslashes` before it, or a `$` that is text.
    pub(super) fn dollar(&mut self, backslashes: usize, nodes: &mut Nodes) -> Parsed<()> {
        match self.reference(backslashes)? {
            Some(reference) => nodes.push(Node::Reference(reference)),
            None => {
                self.position += 1;
                nodes.text(&"\\".repeat(backslashes));
                nodes.text("$");
            }
        }
        Ok(())
    }

    /// The reference at the position; `None`, and nothing read, if there is none.
    pub(super) fn reference(&mut self, backslashes: usize) -> Parsed<Option<Reference>> {
        let start = self.position;
        if self.peek() != Some('$') {
            return Ok(None);
        }
        self.position += 1;
        if self.peek() == Some('!') {
            self.position += 1;
        }
        let braced = self.peek() == Some('{');
        if braced {
            self.position += 1;
        }
        let Some(name) = self.identifier() else {
            self.position = start;
            return Ok(None);
        };
        let mut parts = Vec::new();
        self.indexes(&mut parts)?;
        while self.peek() == Some('.')
            && self.peek_at(1).is_some_and(|character| character.is_ascii_alphabetic())
        {
            self.position += 1;
            let Some(property) = self.identifier() else { break };
            let part = match self.peek() {
                Some('(') => self.method(&property)?,
                _ => None,
            };
            parts.push(part.unwrap_or(Part::Property(property)));
            self.indexes(&mut parts)?;
        }
        if braced {
            if self.peek() != Some('}') {
                self.position = start;
                return Ok(None);
            }
            self.position += 1;
        }
        let source = self.slice(start, self.position);
        Ok(Some(Reference { name, parts, source, backslashes }))
    }

    fn identifier(&mut self) -> Option<String> {
        let start = self.position;
        self.peek().filter(|character| is_identifier_start(*character))?;
        while self.peek().is_some_and(is_identifier) {
            self.position += 1;
        }
        Some(self.slice(start, self.position))
    }

    fn indexes(&mut self, parts: &mut Vec<Part>) -> Parsed<()> {
        while self.peek() == Some('[') {
            self.position += 1;
            let index = self.deeper(Self::primary)?;
            self.skip_white_space();
            self.expect(']')?;
            parts.push(Part::Index(index));
        }
        Ok(())
    }

    /// The call at the position. A parenthesis behind a name that begins no arguments is text: `$a.b(#set(…)`.
    fn method(&mut self, name: &str) -> Parsed<Option<Part>> {
        let start = self.position;
        self.position += 1;
        self.skip_white_space();
        let begins_arguments = |character: char| {
            matches!(character, ')' | '\'' | '"' | '$' | '[' | '{' | '-' | '.') || character.is_ascii_digit()
        };
        let is_call = self.peek().is_some_and(begins_arguments)
            || self.starts_with("true")
            || self.starts_with("false");
        if !is_call {
            self.position = start;
            return Ok(None);
        }
        let arguments = self.deeper(|parser| {
            let mut arguments = Vec::new();
            if parser.peek() != Some(')') {
                loop {
                    arguments.push(parser.primary()?);
                    parser.skip_white_space();
                    if parser.peek() != Some(',') {
                        break;
                    }
                    parser.position += 1;
                }
            }
            parser.expect(')')?;
            Ok(arguments)
        })?;
        Ok(Some(Part::Method(name.to_owned(), arguments)))
    }
}
