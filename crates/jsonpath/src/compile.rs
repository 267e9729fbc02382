//! From text to a [`Path`].

use crate::{
    cursor::{CompileError, Compiled, Cursor, unescape},
    error::ParseError,
    filter::Filter,
    function::Function,
    parameters,
    token::{Path, Token},
};

/// Paths within filters within paths: each level costs stack.
const MAX_DEPTH: usize = 24;
/// Parts of one path. Evaluation recurses once for each.
const MAX_TOKENS: usize = 256;
/// Characters of one path, so that no path can make the compiler's look-ahead slow.
const MAX_LENGTH: usize = 64 * 1024;

/// Compiles a path that a user wrote.
pub(crate) fn compile(path: &str) -> Result<Path, ParseError> {
    if path.is_empty() {
        return Err(ParseError::IllegalArgument(String::from("json can not be null or empty")));
    }
    if path.len() > MAX_LENGTH {
        return Err(ParseError::InvalidPath(format!("Path is longer than {MAX_LENGTH} characters")));
    }
    compile_nested(path, 0).map_err(|error| ParseError::InvalidPath(error.into_message()))
}

/// Compiles a path that stands alone, or inside a filter at `depth`.
pub(crate) fn compile_nested(path: &str, depth: usize) -> Compiled<Path> {
    let mut cursor = Cursor::new(path);
    cursor.trim();
    if !matches!(cursor.at(0)?, '$' | '@') {
        cursor = Cursor::new(&format!("$.{path}"));
        cursor.trim();
    }
    if cursor.last()? == '.' {
        return Err(CompileError::invalid("Path must not end with a '.' or '..'"));
    }
    PathCompiler { cursor, depth, tokens: Vec::new() }.compile()
}

/// Compiles the path that is an argument of a function; unlike others it must begin with `$` or `@`.
pub(crate) fn compile_argument(path: &str, depth: usize) -> Compiled<Path> {
    PathCompiler { cursor: Cursor::new(path), depth, tokens: Vec::new() }.compile()
}

struct PathCompiler {
    cursor: Cursor,
    depth: usize,
    tokens: Vec<Token>,
}

impl PathCompiler {
    fn compile(mut self) -> Compiled<Path> {
        if self.depth > MAX_DEPTH {
            return Err(CompileError::invalid(format!("Paths are nested deeper than {MAX_DEPTH} levels")));
        }
        while self.cursor.in_bounds() && matches!(self.cursor.current()?, ' ' | '\t' | '\n' | '\r') {
            self.cursor.advance(1);
        }
        let root = self.cursor.current()?;
        if !matches!(root, '$' | '@') {
            return Err(CompileError::invalid("Path must start with '$' or '@'"));
        }
        if self.cursor.is_at_tail() {
            return Ok(Path::new(root, self.tokens));
        }
        self.cursor.advance(1);
        if !matches!(self.cursor.current()?, '.' | '[') {
            let position = self.cursor.position();
            return Err(CompileError::Invalid(format!(
                "Illegal character at position {position} expected '.' or '['"
            )));
        }
        self.read_tokens()?;
        Ok(Path::new(root, invert_scan_under_function(self.tokens)))
    }

    fn read_tokens(&mut self) -> Compiled<()> {
        loop {
            if self.tokens.len() >= MAX_TOKENS {
                return Err(CompileError::invalid(format!("Path has more than {MAX_TOKENS} parts")));
            }
            match self.cursor.current()? {
                '.' => {
                    // What follows a dot must be there, whether or not the end is reached.
                    self.read_dot()?;
                    continue;
                }
                '[' => {
                    let read = self.read_bracket_properties()?
                        || self.read_array()?
                        || self.read_bracket_wildcard()?
                        || self.read_filter()?
                        || self.read_placeholder()?;
                    if !read {
                        return Err(self.unreadable(". Expected ?, ', 0-9, * "));
                    }
                }
                '*' => {
                    self.cursor.advance(1);
                    self.tokens.push(Token::Wildcard);
                }
                ' ' => return Err(self.unreadable("")),
                _ => self.read_property_or_function()?,
            }
            if self.cursor.is_at_tail() {
                return Ok(());
            }
        }
    }

    fn unreadable(&self, rest: &str) -> CompileError {
        CompileError::Invalid(format!(
            "Could not parse token starting at position {}{rest}",
            self.cursor.position()
        ))
    }

    fn read_dot(&mut self) -> Compiled<()> {
        if self.cursor.next_is('.') {
            self.tokens.push(Token::Scan);
            self.cursor.advance(2);
        } else if !self.cursor.is_inside(self.cursor.position() + 1) {
            return Err(CompileError::invalid("Path must not end with a '."));
        } else {
            self.cursor.advance(1);
        }
        if self.cursor.current()? == '.' {
            let position = self.cursor.position();
            return Err(CompileError::Invalid(format!("Character '.' on position {position} is not valid.")));
        }
        Ok(())
    }

    fn read_property_or_function(&mut self) -> Compiled<()> {
        let start = self.cursor.position();
        let mut end = self.cursor.length();
        let mut is_function = false;
        for index in start..self.cursor.length() {
            match self.cursor.at(index)? {
                ' ' => {
                    return Err(CompileError::Invalid(format!(
                        "Use bracket notion ['my prop'] if your property contains blank characters. position: {start}"
                    )));
                }
                '.' | '[' => {
                    end = index;
                    break;
                }
                '(' => {
                    is_function = true;
                    end = index;
                    break;
                }
                _ => {}
            }
        }
        let name = self.cursor.slice(start, end);
        if !is_function {
            self.cursor.set_position(end);
            self.tokens.push(Token::Properties(vec![name], '\''));
            return Ok(());
        }
        let arguments = parameters::read(&mut self.cursor, &name, end, self.depth)?;
        self.tokens.push(Token::Function(Box::new(Function::new(name, arguments))));
        Ok(())
    }

    fn read_bracket_properties(&mut self) -> Compiled<bool> {
        let quote = self.cursor.significant_behind(self.cursor.position());
        if !matches!(quote, '\'' | '"') {
            return Ok(false);
        }
        let mut names = Vec::new();
        let mut start = self.cursor.position() + 1;
        let mut end = 0;
        let (mut in_name, mut escaped, mut after_comma) = (false, false, false);
        let mut index = start;
        while self.cursor.is_inside(index) {
            let character = self.cursor.at(index)?;
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == ']' && !in_name {
                if after_comma {
                    return Err(CompileError::Invalid(format!("Found empty property at index {index}")));
                }
                break;
            } else if character == quote {
                if in_name {
                    if !matches!(self.cursor.significant_behind(index), ']' | ',') {
                        return Err(CompileError::Invalid(format!(
                            "Property must be separated by comma or Property must be terminated close square bracket at index {index}"
                        )));
                    }
                    end = index;
                    let written = self.cursor.slice(start, end);
                    // AWS looks for the backslash of `\"` where single quotes make it needless (recorded in
                    // test_escape_sequence_parsing); Jayway alone would take it away.
                    let written = if quote == '\'' { written.replace("\\\"", "\\\\\"") } else { written };
                    names.push(unescape(&written)?);
                } else {
                    start = index + 1;
                    after_comma = false;
                }
                in_name = !in_name;
            } else if character == ',' && !in_name {
                if after_comma {
                    return Err(CompileError::Invalid(format!("Found empty property at index {index}")));
                }
                after_comma = true;
            }
            index += 1;
        }
        if in_name {
            return Err(CompileError::Invalid(format!(
                "Property has not been closed - missing closing {quote}"
            )));
        }
        let Some(bracket) = self.cursor.index_of_significant(end, ']')? else {
            return Err(CompileError::invalid("Property has not been closed - missing closing ]"));
        };
        if names.is_empty() {
            return Err(CompileError::invalid("Empty properties"));
        }
        self.cursor.set_position(bracket + 1);
        self.tokens.push(Token::Properties(names, quote));
        Ok(true)
    }

    fn read_array(&mut self) -> Compiled<bool> {
        let position = self.cursor.position();
        let first = self.cursor.significant_behind(position);
        if !first.is_ascii_digit() && first != '-' && first != ':' {
            return Ok(false);
        }
        let Some(end) = self.cursor.index_of(position + 1, ']') else { return Ok(false) };
        let text = self.cursor.slice(position + 1, end);
        let expression = text.trim();
        let is_array =
            |character: char| character.is_ascii_digit() || matches!(character, ',' | '-' | ':' | ' ');
        if !expression.chars().all(is_array) {
            return Ok(false);
        }
        self.tokens.push(if expression.contains(':') { slice(expression)? } else { indexes(expression)? });
        self.cursor.set_position(end + 1);
        Ok(true)
    }

    fn read_bracket_wildcard(&mut self) -> Compiled<bool> {
        let position = self.cursor.position();
        if !self.cursor.significant_behind_is(position, '*') {
            return Ok(false);
        }
        let Some(star) = self.cursor.index_of_significant(position, '*')? else { return Ok(false) };
        if !self.cursor.significant_behind_is(star, ']') {
            let offset = star + 1;
            return Err(CompileError::Invalid(format!(
                "Expected wildcard token to end with ']' on position {offset}"
            )));
        }
        let Some(bracket) = self.cursor.index_of_significant(star, ']')? else { return Ok(false) };
        self.cursor.set_position(bracket + 1);
        self.tokens.push(Token::Wildcard);
        Ok(true)
    }

    fn read_filter(&mut self) -> Compiled<bool> {
        let start = self.cursor.position();
        let Some(question) = self.cursor.index_of_significant(start, '?')? else { return Ok(false) };
        let Some(open) = self.cursor.index_of_significant(question, '(')? else { return Ok(false) };
        let Some(close) = self.cursor.index_of_matching(open, '(', ')', true)? else { return Ok(false) };
        if !self.cursor.significant_behind_is(close, ']') {
            return Ok(false);
        }
        let Some(end) = self.cursor.index_of_significant(close, ']')? else { return Ok(false) };
        let criteria = self.cursor.slice(start, end + 1);
        self.tokens.push(Token::Filter(Box::new(Filter::compile(&criteria, self.depth + 1)?)));
        self.cursor.set_position(end + 1);
        Ok(true)
    }

    /// `[?]` stands for a predicate given in code, which nobody can give here.
    fn read_placeholder(&mut self) -> Compiled<bool> {
        let position = self.cursor.position();
        let Some(question) = self.cursor.index_of_significant(position, '?')? else { return Ok(false) };
        if !matches!(self.cursor.significant_behind(question), ']' | ',') {
            return Ok(false);
        }
        let Some(end) = self.cursor.index_of(position + 1, ']') else { return Ok(false) };
        let expression = self.cursor.slice(position + 1, end);
        Err(CompileError::Invalid(format!(
            "Not enough predicates supplied for filter [{expression}] at position {position}"
        )))
    }
}

fn slice(expression: &str) -> Compiled<Token> {
    let failed = || CompileError::Invalid(format!("Failed to parse SliceOperation: {expression}"));
    if expression.contains([' ', ',']) {
        return Err(failed());
    }
    let mut parts = expression.split(':');
    let mut bound = || match parts.next() {
        None | Some("") => Ok(None),
        Some(part) => integer(part).map(Some),
    };
    // A third part, the step, is read over.
    let (from, to) = (bound()?, bound()?);
    if from.is_none() && to.is_none() {
        return Err(failed());
    }
    Ok(Token::Slice(from, to))
}

fn indexes(expression: &str) -> Compiled<Token> {
    let index = |token: &str| {
        integer(token.trim()).map_err(|_| {
            CompileError::Invalid(format!("Failed to parse token in ArrayIndexOperation: {}", token.trim()))
        })
    };
    Ok(Token::Indexes(expression.split(',').map(index).collect::<Compiled<_>>()?))
}

fn integer(text: &str) -> Compiled<i32> {
    text.parse().map_err(|_| {
        CompileError::Java(format!("java.lang.NumberFormatException: For input string: \"{text}\""))
    })
}

/// `$..a.length()` becomes `$.length($..a)`: a function at the end of a scan works on all that the scan finds.
fn invert_scan_under_function(mut tokens: Vec<Token>) -> Vec<Token> {
    let scans =
        matches!(tokens.first(), Some(Token::Scan)) && matches!(tokens.last(), Some(Token::Function(_)));
    let function = tokens.iter().position(|token| matches!(token, Token::Function(_)));
    let Some(at) = function.filter(|_| scans) else { return tokens };
    let mut outer = tokens.split_off(at);
    if let Some(Token::Function(function)) = outer.first_mut() {
        function.take_path(Path::new('$', tokens));
    }
    outer
}
