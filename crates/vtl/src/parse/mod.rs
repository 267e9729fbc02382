//! From text to a tree.
//!
//! Velocity's lexer decides much that looks like grammar: where white space goes, what is text. It is followed here
//! token by token. `mod.rs` reads text and directives, `reference.rs` what begins with `$`, `expression.rs` what stands
//! in parentheses.

mod directive;
mod expression;
mod reference;

use crate::{
    ast::{Block, Node},
    error::ParseError,
};

/// The longest template: API Gateway's own limit.
const MAX_TEMPLATE: usize = 300 * 1024;
/// Directives, expressions and texts within each other: each level costs stack.
const MAX_NESTING: usize = 64;

/// Parses a whole template.
pub(crate) fn template(text: &str) -> Result<Block, ParseError> {
    if text.len() > MAX_TEMPLATE {
        return Err(ParseError {
            message: format!("The template is longer than {MAX_TEMPLATE} bytes"),
            line: 1,
            column: 1,
        });
    }
    nested_template(text, 0)
}

/// Parses the text of a string literal, itself a template.
fn nested_template(text: &str, nesting: usize) -> Result<Block, ParseError> {
    let mut parser = Parser { text: text.chars().collect(), position: 0, nesting };
    let (block, end) = parser.block()?;
    match end {
        Terminator::EndOfText => Ok(block),
        Terminator::End | Terminator::Else | Terminator::ElseIf => {
            Err(parser.error("Unexpected #end or #else"))
        }
    }
}

/// What ends a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Terminator {
    EndOfText,
    End,
    Else,
    ElseIf,
}

struct Parser {
    text: Vec<char>,
    position: usize,
    nesting: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.position).copied()
    }

    fn peek_at(&self, offset: usize) -> Option<char> {
        self.text.get(self.position + offset).copied()
    }

    fn starts_with(&self, wanted: &str) -> bool {
        wanted.chars().enumerate().all(|(offset, character)| self.peek_at(offset) == Some(character))
    }

    fn slice(&self, from: usize, to: usize) -> String {
        self.text[from..to].iter().collect()
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        let before = &self.text[..self.position.min(self.text.len())];
        let line = before.iter().filter(|character| **character == '\n').count() + 1;
        let column = before.iter().rev().take_while(|character| **character != '\n').count() + 1;
        ParseError { message: message.into(), line, column }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(format!("The template is nested deeper than {MAX_NESTING} levels")));
        }
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.position += 1;
        }
    }

    /// Directives swallow white space behind them up to a line's end, if nothing else stands there.
    fn skip_rest_of_line(&mut self) {
        let mut at = self.position;
        while matches!(self.text.get(at), Some(' ' | '\t')) {
            at += 1;
        }
        match self.text.get(at) {
            Some('\n') => self.position = at + 1,
            Some('\r') if self.text.get(at + 1) == Some(&'\n') => self.position = at + 2,
            Some('\r') => self.position = at + 1,
            _ => {}
        }
    }

    fn expect(&mut self, wanted: char) -> Parsed<()> {
        if self.peek() == Some(wanted) {
            self.position += 1;
            return Ok(());
        }
        Err(match self.peek() {
            Some(found) => self.error(format!("Expected '{wanted}' but found '{found}'")),
            None => self.error(format!("Expected '{wanted}' but the text ends")),
        })
    }

    fn block(&mut self) -> Parsed<(Block, Terminator)> {
        let mut nodes = Nodes::default();
        loop {
            if let Some(behind) = self.set_directive() {
                self.position = behind;
                let node = self.deeper(Self::set)?;
                nodes.push(node);
                continue;
            }
            match self.peek() {
                None => return Ok((nodes.finish(), Terminator::EndOfText)),
                Some('\\') => {
                    if let Some(end) = self.backslashes(&mut nodes)? {
                        return Ok((nodes.finish(), end));
                    }
                }
                Some('$') => self.dollar(0, &mut nodes)?,
                Some('#') => {
                    if let Some(end) = self.hash(&mut nodes)? {
                        return Ok((nodes.finish(), end));
                    }
                }
                Some(_) => {
                    let start = self.position;
                    while self.peek().is_some_and(|character| !matches!(character, '$' | '#' | '\\')) {
                        self.position += 1;
                    }
                    nodes.text(&self.slice(start, self.position));
                }
            }
        }
    }

    /// Where the parenthesis of a `#set(` is behind, if one stands here. Blanks before it are part of it, unless text
    /// came before them: the longest token wins.
    fn set_directive(&self) -> Option<usize> {
        let mut at = self.position;
        while matches!(self.text.get(at), Some(' ' | '\t')) {
            at += 1;
        }
        let here = Self { text: Vec::new(), position: at, nesting: 0 };
        let rest = self.text.get(here.position..)?;
        let length = ["#set", "#{set}"].iter().find_map(|word| {
            let matches =
                word.chars().enumerate().all(|(offset, character)| rest.get(offset) == Some(&character));
            matches.then_some(word.len())
        })?;
        at += length;
        while self.text.get(at) == Some(&' ') {
            at += 1;
        }
        (self.text.get(at) == Some(&'(')).then_some(at + 1)
    }

    /// A run of backslashes: it escapes a reference or a directive, or is text.
    fn backslashes(&mut self, nodes: &mut Nodes) -> Parsed<Option<Terminator>> {
        let start = self.position;
        while self.peek() == Some('\\') {
            self.position += 1;
        }
        let count = self.position - start;
        match self.peek() {
            Some('$') => self.dollar(count, nodes)?,
            Some('#') => match self.directive_word() {
                Some((word, length)) if count % 2 == 1 => {
                    // Half of the backslashes go away, the last one included, if what follows is a directive at all.
                    let kept = if directive::is_known(&word) { count / 2 } else { count };
                    nodes.text(&"\\".repeat(kept));
                    nodes.text(&self.slice(self.position, self.position + length));
                    self.position += length;
                }
                Some((word, _)) => {
                    let control = directive::is_known(&word) && word != "set";
                    nodes.text(&"\\".repeat(if control { count / 2 } else { count }));
                    return self.hash(nodes);
                }
                None => nodes.text(&"\\".repeat(count)),
            },
            _ => nodes.text(&"\\".repeat(count)),
        }
        Ok(None)
    }
}

/// Nodes in the making: neighbouring texts become one.
#[derive(Default)]
struct Nodes(Vec<Node>);

impl Nodes {
    fn push(&mut self, node: Node) {
        self.0.push(node);
    }

    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Node::Text(text.to_owned())),
        }
    }

    fn finish(self) -> Block {
        Block(self.0)
    }
}
