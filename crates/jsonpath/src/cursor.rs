//! Reading a path character by character, with Jayway's notion of where a path ends.
//!
//! The end is a position of its own: blanks behind it are still there to be read, but a path counts as finished when
//! the position has *reached* its last character. That is why Jayway takes `$.a[` for `$.a`.

/// Why compilation stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompileError {
    /// Jayway said so itself (`InvalidPathException`).
    Invalid(String),
    /// Java's run time said so (`StringIndexOutOfBoundsException`, `NumberFormatException`, …).
    Java(String),
}

impl CompileError {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub fn into_message(self) -> String {
        match self {
            Self::Invalid(message) | Self::Java(message) => message,
        }
    }
}

pub(crate) type Compiled<T> = Result<T, CompileError>;

/// A text, a position in it, and where it is taken to end.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    text: Vec<char>,
    position: usize,
    /// One behind the last character.
    end: usize,
}

impl Cursor {
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let end = text.len();
        Self { text, position: 0, end }
    }

    pub fn position(&self) -> usize {
        self.position
    }

    pub fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    pub fn advance(&mut self, count: usize) {
        self.position += count;
    }

    pub fn drop_last(&mut self) {
        self.end = self.end.saturating_sub(1);
    }

    pub fn length(&self) -> usize {
        self.end
    }

    pub fn at(&self, index: usize) -> Compiled<char> {
        self.text.get(index).copied().ok_or_else(|| {
            CompileError::Java(format!(
                "java.lang.StringIndexOutOfBoundsException: String index out of range: {index}"
            ))
        })
    }

    pub fn current(&self) -> Compiled<char> {
        self.at(self.position)
    }

    pub fn last(&self) -> Compiled<char> {
        self.at(self.end.wrapping_sub(1))
    }

    pub fn slice(&self, from: usize, to: usize) -> String {
        self.text.get(from..to.min(self.text.len())).map(|part| part.iter().collect()).unwrap_or_default()
    }

    pub fn in_bounds(&self) -> bool {
        self.is_inside(self.position)
    }

    pub fn is_inside(&self, index: usize) -> bool {
        index < self.end
    }

    /// Whether the position is at the last character, or beyond.
    pub fn is_at_tail(&self) -> bool {
        self.position + 1 >= self.end
    }

    pub fn next_is(&self, wanted: char) -> bool {
        self.is_inside(self.position + 1) && self.text.get(self.position + 1) == Some(&wanted)
    }

    pub fn skip_blanks(&mut self) {
        while self.position + 1 < self.end && self.text[self.position] == ' ' {
            self.position += 1;
        }
    }

    pub fn trim(&mut self) {
        self.skip_blanks();
        while self.position + 1 < self.end && self.text[self.end - 1] == ' ' {
            self.end -= 1;
        }
    }

    fn skip_blanks_behind(&self, start: usize) -> usize {
        let mut index = start + 1;
        while self.is_inside(index) && self.text.get(index) == Some(&' ') {
            index += 1;
        }
        index
    }

    /// The first character behind `start` that is no blank, or a blank at the end.
    pub fn significant_behind(&self, start: usize) -> char {
        let index = self.skip_blanks_behind(start);
        if self.is_inside(index) { self.text[index] } else { ' ' }
    }

    pub fn significant_behind_is(&self, start: usize, wanted: char) -> bool {
        let index = self.skip_blanks_behind(start);
        self.is_inside(index) && self.text[index] == wanted
    }

    /// Where the first character behind `start` that is no blank is, if it is `wanted`.
    pub fn index_of_significant(&self, start: usize, wanted: char) -> Compiled<Option<usize>> {
        let index = self.skip_blanks_behind(start);
        Ok((self.at(index)? == wanted).then_some(index))
    }

    /// Where the last character before the position that is no blank is.
    pub fn index_of_previous_significant(&self) -> Option<usize> {
        (0..self.position).rev().find(|index| self.is_inside(*index) && self.text[*index] != ' ')
    }

    pub fn index_of(&self, start: usize, wanted: char) -> Option<usize> {
        (start..self.end).find(|index| self.text[*index] == wanted)
    }

    /// Where `wanted` comes next behind `start`, not counting what a backslash escapes.
    pub fn index_of_unescaped(&self, start: usize, wanted: char) -> Option<usize> {
        let mut escaped = false;
        for index in start + 1..self.end {
            let character = self.text[index];
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == wanted {
                return Some(index);
            }
        }
        None
    }

    /// Where the bracket opened at `start` closes, not counting brackets inside strings (and regular expressions).
    pub fn index_of_matching(
        &self,
        start: usize,
        open: char,
        close: char,
        skip_regex: bool,
    ) -> Compiled<Option<usize>> {
        let mut opened = 1_usize;
        let mut index = start + 1;
        while self.is_inside(index) {
            let quote = self.at(index)?;
            if quote == '\'' || quote == '"' {
                index = self.skip_quoted(index, quote, "close quote for", "")?;
            }
            if skip_regex && self.at(index)? == '/' {
                index = self.skip_quoted(index, '/', "close for", "regex in ")?;
            }
            let character = self.at(index)?;
            if character == open {
                opened += 1;
            }
            if character == close {
                opened -= 1;
                if opened == 0 {
                    return Ok(Some(index));
                }
            }
            index += 1;
        }
        Ok(None)
    }

    fn skip_quoted(&self, index: usize, quote: char, what: &str, place: &str) -> Compiled<usize> {
        match self.index_of_unescaped(index, quote) {
            Some(closing) => Ok(closing + 1),
            None => Err(CompileError::Invalid(format!(
                "Could not find matching {what} {quote} when parsing {place}: {}",
                self.slice(0, self.text.len())
            ))),
        }
    }

    pub fn expect_significant(&mut self, wanted: char) -> Compiled<()> {
        self.skip_blanks();
        if self.current()? != wanted {
            return Err(CompileError::Invalid(format!("Expected character: {wanted}")));
        }
        self.advance(1);
        Ok(())
    }

    pub fn take_significant(&mut self, wanted: &str) -> bool {
        self.skip_blanks();
        let found = wanted.chars().enumerate().all(|(offset, character)| {
            let index = self.position + offset;
            self.is_inside(index) && self.text[index] == character
        });
        if found {
            self.advance(wanted.chars().count());
        }
        found
    }

    pub fn whole(&self) -> String {
        self.slice(0, self.text.len())
    }
}

/// Undoes Java's escapes, as Jayway does in names and strings. A backslash before any other character only goes away.
pub(crate) fn unescape(text: &str) -> Compiled<String> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            '\\' => match characters.next() {
                None => '\\',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('t') => '\t',
                Some('n') => '\n',
                Some('b') => '\u{8}',
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).collect();
                    if digits.chars().count() == 4 {
                        // Halves of a surrogate pair meet again in the UTF-16 text.
                        units.push(unicode(&digits)?);
                    }
                    continue;
                }
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}

fn unicode(digits: &str) -> Compiled<u16> {
    u16::from_str_radix(digits, 16).map_err(|_| {
        CompileError::Java(format!(
            "com.jayway.jsonpath.JsonPathException: Unable to parse unicode value: {digits}"
        ))
    })
}
