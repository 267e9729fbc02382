//! What begins with `#`: comments, directives, and words that only look like one.

use std::sync::Arc;

use super::{Nodes, Parsed, Parser, Terminator};
use crate::ast::{Block, Expression, Node};

/// Whether a word names a directive, so that a backslash before it escapes it.
pub(super) fn is_known(word: &str) -> bool {
    matches!(
        word,
        "if" | "else"
            | "elseif"
            | "end"
            | "set"
            | "foreach"
            | "define"
            | "macro"
            | "break"
            | "stop"
            | "parse"
            | "include"
            | "evaluate"
            | "literal"
    )
}

fn is_word_start(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, '_' | '@')
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '@')
}

impl Parser {
    /// The word of a directive at the position (`#if`, `#{if}`), and its length with `#` and braces.
    pub(super) fn directive_word(&self) -> Option<(String, usize)> {
        let braced = self.peek_at(1) == Some('{');
        let start = self.position + if braced { 2 } else { 1 };
        let first = *self.text.get(start)?;
        if !is_word_start(first) || braced && first == '@' {
            return None;
        }
        let length = self.text[start..].iter().take_while(|character| is_word(**character)).count();
        let end = start + length;
        if braced && self.text.get(end) != Some(&'}') {
            return None;
        }
        let behind = if braced { end + 1 } else { end };
        Some((self.slice(start, end), behind - self.position))
    }

    /// Reads what begins with `#`; the terminator if it ends the block.
    pub(super) fn hash(&mut self, nodes: &mut Nodes) -> Parsed<Option<Terminator>> {
        match self.peek_at(1) {
            Some('#') => self.line_comment(),
            Some('*') => {
                self.delimited("#*", "*#")?;
            }
            Some('[') if self.peek_at(2) == Some('[') => {
                let text = self.delimited("#[[", "]]#")?;
                nodes.text(&text);
            }
            _ => match self.directive_word() {
                Some((word, length)) => return self.directive(&word, length, nodes),
                None => {
                    self.position += 1;
                    nodes.text("#");
                }
            },
        }
        Ok(None)
    }

    fn line_comment(&mut self) {
        while let Some(character) = self.peek() {
            self.position += 1;
            match character {
                '\n' => return,
                '\r' => {
                    if self.peek() == Some('\n') {
                        self.position += 1;
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    fn delimited(&mut self, open: &str, close: &str) -> Parsed<String> {
        let start = self.position + open.len();
        self.position = start;
        while self.position < self.text.len() {
            if self.starts_with(close) {
                let inner = self.slice(start, self.position);
                self.position += close.len();
                return Ok(inner);
            }
            self.position += 1;
        }
        Err(self.error(format!("'{open}' is never closed by '{close}'")))
    }

    fn directive(&mut self, word: &str, length: usize, nodes: &mut Nodes) -> Parsed<Option<Terminator>> {
        let start = self.position;
        self.position += length;
        match word {
            "end" | "else" => {
                self.skip_rest_of_line();
                return Ok(Some(if word == "end" { Terminator::End } else { Terminator::Else }));
            }
            "elseif" => return Ok(Some(Terminator::ElseIf)),
            "if" => {
                let node = self.deeper(Self::if_directive)?;
                nodes.push(node);
            }
            "foreach" => {
                let node = self.deeper(Self::foreach)?;
                nodes.push(node);
            }
            "define" => {
                let node = self.deeper(Self::define)?;
                nodes.push(node);
            }
            "macro" => {
                // API Gateway takes the definition away and expands no call.
                self.skip_arguments()?;
                self.deeper(Self::body)?;
            }
            "stop" => nodes.push(Node::Stop),
            "break" => nodes.push(Node::Break),
            _ => self.unknown(word, start, nodes)?,
        }
        Ok(None)
    }

    /// A word that is no directive prints as it stands, its arguments (and, for `#@word`, its block) included.
    fn unknown(&mut self, word: &str, start: usize, nodes: &mut Nodes) -> Parsed<()> {
        let behind_word = self.position;
        self.skip_white_space();
        if self.peek() == Some('(') {
            self.position = behind_word;
            self.skip_arguments()?;
            if word.starts_with('@') {
                self.deeper(Self::body)?;
            }
        } else {
            self.position = behind_word;
        }
        nodes.text(&self.slice(start, self.position));
        Ok(())
    }

    fn open_parenthesis(&mut self) -> Parsed<()> {
        self.skip_white_space();
        self.expect('(')?;
        self.skip_white_space();
        Ok(())
    }

    fn close_parenthesis(&mut self) -> Parsed<()> {
        self.skip_white_space();
        self.expect(')')?;
        self.skip_rest_of_line();
        Ok(())
    }

    fn skip_arguments(&mut self) -> Parsed<()> {
        self.open_parenthesis()?;
        loop {
            self.skip_white_space();
            match self.peek() {
                Some(')') => return self.close_parenthesis(),
                Some(',') => self.position += 1,
                Some(character) if is_word_start(character) => {
                    while self.peek().is_some_and(is_word) {
                        self.position += 1;
                    }
                }
                _ => {
                    self.primary()?;
                }
            }
        }
    }

    fn body(&mut self) -> Parsed<Block> {
        match self.block()? {
            (block, Terminator::End) => Ok(block),
            (_, Terminator::EndOfText) => Err(self.error("A directive is never closed by #end")),
            (_, Terminator::Else | Terminator::ElseIf) => Err(self.error("#else without #if")),
        }
    }

    fn if_directive(&mut self) -> Parsed<Node> {
        let mut branches = Vec::new();
        loop {
            self.open_parenthesis()?;
            let condition = self.expression()?;
            self.close_parenthesis()?;
            let (block, end) = self.block()?;
            branches.push((condition, block));
            match end {
                Terminator::ElseIf => {}
                Terminator::End => return Ok(Node::If(branches, None)),
                Terminator::Else => return Ok(Node::If(branches, Some(self.body()?))),
                Terminator::EndOfText => return Err(self.error("#if is never closed by #end")),
            }
        }
    }

    pub(super) fn set(&mut self) -> Parsed<Node> {
        self.skip_white_space();
        let Some(reference) = self.reference(0)? else {
            return Err(self.error("#set needs a reference to set"));
        };
        self.skip_white_space();
        self.expect('=')?;
        let value = self.expression()?;
        self.close_parenthesis()?;
        Ok(Node::Set(reference, value))
    }

    fn foreach(&mut self) -> Parsed<Node> {
        self.open_parenthesis()?;
        let Some(reference) = self.reference(0)? else {
            return Err(self.error("#foreach needs a reference"));
        };
        self.skip_white_space();
        if !self.starts_with("in") || self.peek_at(2).is_some_and(is_word) {
            return Err(self.error("Expected 'in'"));
        }
        self.position += 2;
        let over: Expression = self.primary()?;
        self.close_parenthesis()?;
        let body = self.body()?;
        Ok(Node::Foreach { variable: reference.name, over, body })
    }

    fn define(&mut self) -> Parsed<Node> {
        self.open_parenthesis()?;
        let Some(reference) = self.reference(0)? else { return Err(self.error("#define needs a reference")) };
        self.close_parenthesis()?;
        let body = self.body()?;
        Ok(Node::Define(reference.name, Arc::new(body)))
    }
}
