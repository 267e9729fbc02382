//! The arguments of a function: JSON texts, or paths that are evaluated over the whole document.

use crate::{
    compile::compile_argument,
    cursor::{CompileError, Compiled, Cursor},
    function::Argument,
};

/// Reads the arguments of function `name`, whose opening parenthesis is at `open`, and leaves the cursor behind them.
///
/// The cursor stays on the closing parenthesis of an empty list, and behind that of any other.
pub(crate) fn read(cursor: &mut Cursor, name: &str, open: usize, depth: usize) -> Compiled<Vec<Argument>> {
    if !is_closed(cursor, open)? {
        return Err(not_closed(name));
    }
    if !cursor.is_inside(open + 1) {
        cursor.set_position(open);
        return Ok(Vec::new());
    }
    if cursor.at(open + 1)? == ')' {
        cursor.set_position(open + 1);
        return Ok(Vec::new());
    }
    cursor.set_position(open + 1);
    Reader { depth, kind: None, text: String::new(), arguments: Vec::new() }.read(cursor, name)
}

fn not_closed(name: &str) -> CompileError {
    CompileError::Invalid(format!("Arguments to function: '{name}' are not closed properly."))
}

fn is_closed(cursor: &Cursor, open: usize) -> Compiled<bool> {
    let mut opened = 1_usize;
    for index in open + 1..cursor.length() {
        match cursor.at(index)? {
            ')' => opened -= 1,
            '(' => opened += 1,
            _ => {}
        }
        if opened == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Json,
    Path,
}

struct Reader {
    depth: usize,
    kind: Option<Kind>,
    text: String,
    arguments: Vec<Argument>,
}

/// How deep the reader is in brackets of each sort.
#[derive(Default)]
struct Groups {
    parentheses: i64,
    brackets: i64,
    braces: i64,
    quotes: i64,
}

impl Groups {
    fn is_at_boundary(&self, character: char) -> bool {
        self.quotes == 0
            && self.braces == 0
            && self.brackets == 0
            && ((self.parentheses == 0 && character == ')') || self.parentheses == 1)
    }

    fn close(count: &mut i64, what: &str, position: usize) -> Compiled<()> {
        if *count == 0 {
            return Err(CompileError::Invalid(format!(
                "Unexpected close {what} at character position: {position}"
            )));
        }
        *count -= 1;
        Ok(())
    }
}

impl Reader {
    fn read(mut self, cursor: &mut Cursor, name: &str) -> Compiled<Vec<Argument>> {
        let mut groups = Groups { parentheses: 1, ..Groups::default() };
        let mut prior = '\0';
        let mut ended = false;
        while cursor.in_bounds() && !ended {
            let character = cursor.current()?;
            cursor.advance(1);
            if self.kind.is_none() {
                if matches!(character, ' ' | '\t' | '\n' | '\r') {
                    continue;
                }
                self.kind = match character {
                    '{' | '"' | '-' | '0'..='9' => Some(Kind::Json),
                    '$' | '@' => Some(Kind::Path),
                    _ => None,
                };
            }
            match character {
                '"' if prior != '\\' && groups.quotes > 0 => groups.quotes -= 1,
                '"' => groups.quotes += 1,
                '(' => groups.parentheses += 1,
                '{' => groups.braces += 1,
                '[' => groups.brackets += 1,
                '}' => Groups::close(&mut groups.braces, "brace '}'", cursor.position())?,
                ']' => Groups::close(&mut groups.brackets, "bracket ']'", cursor.position())?,
                ')' | ',' => {
                    if character == ')' {
                        groups.parentheses -= 1;
                        // The empty argument list of an inner function closes with this one.
                        if groups.parentheses < 0 || prior == '(' {
                            self.text.push(character);
                        }
                    }
                    if groups.is_at_boundary(character) {
                        ended = groups.parentheses == 0;
                        self.finish()?;
                    }
                }
                '\\' => {
                    let next = cursor.current()?;
                    if groups.quotes == 1 && matches!(next, ',' | '"') {
                        self.text.push(next);
                        cursor.advance(1);
                        prior = '\0';
                        continue;
                    }
                }
                _ => {}
            }
            let separates =
                character == ',' && groups.braces == 0 && groups.brackets == 0 && groups.parentheses == 1;
            if self.kind.is_some() && !separates {
                self.text.push(character);
            }
            prior = character;
        }
        if groups.braces != 0 || groups.parentheses != 0 || groups.brackets != 0 {
            return Err(not_closed(name));
        }
        Ok(self.arguments)
    }

    fn finish(&mut self) -> Compiled<()> {
        let text = std::mem::take(&mut self.text);
        match self.kind.take() {
            Some(Kind::Json) => self.arguments.push(Argument::json(&text)),
            Some(Kind::Path) => self.arguments.push(Argument::Path(compile_argument(&text, self.depth + 1)?)),
            None => {}
        }
        Ok(())
    }
}
