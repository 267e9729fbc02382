//! Patterns of text shapes: Java's dialect, matched against the whole text.

use std::{fmt, sync::OnceLock};

use fancy_regex::{Regex, RegexBuilder};

/// A pattern, compiled when it is first needed. Some use look-ahead, hence the engine; its backtracking is bounded.
pub struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

/// Some patterns of long texts compile to megabytes; they are compiled only when used.
const LARGEST: usize = 256 << 20;
/// More steps than this and a text counts as not matching.
const STEPS: usize = 200_000;

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }

    /// The pattern as the model has it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled().is_none_or(|regex| regex.is_match(text).unwrap_or(false))
    }

    /// Whether the engine can read it; one that it cannot read matches everything.
    pub fn compiles(&self) -> bool {
        self.compiled().is_some()
    }

    fn compiled(&self) -> Option<&Regex> {
        let compiled = self.compiled.get_or_init(|| {
            let text = format!(r"\A(?:{})\z", translate(&self.text));
            RegexBuilder::new(&text).backtrack_limit(STEPS).delegate_size_limit(LARGEST).build().ok()
        });
        compiled.as_ref()
    }
}

/// What Java writes otherwise: surrogate pairs, and brackets inside of brackets that mean themselves.
fn translate(pattern: &str) -> String {
    let pattern = pattern
        .replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\u{10000}-\u{10FFFF}")
        .replace(r"\ud800\udc00-\udbff\udfff", r"\u{10000}-\u{10FFFF}")
        .replace("\u{fffd}", r"\u{fffd}");
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = characters.next();
                match escaped.and_then(ascii_class) {
                    Some(class) if in_class => {
                        out.push_str(class);
                        // A class cannot begin a range; the sign behind it means itself.
                        if characters.peek() == Some(&'-') {
                            out.push('\\');
                        }
                    }
                    Some(class) => out.push_str(&format!("[{class}]")),
                    None => {
                        out.push('\\');
                        out.extend(escaped);
                    }
                }
            }
            '[' if in_class && characters.peek() != Some(&':') => out.push_str(r"\["),
            '[' => {
                in_class = true;
                out.push('[');
                if characters.peek() == Some(&'^') {
                    out.extend(characters.next());
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            // Doubled signs are set operations here, and only signs there.
            '&' | '~' | '-' if in_class && characters.peek() == Some(&character) => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

/// Java's classes are ASCII's.
fn ascii_class(escaped: char) -> Option<&'static str> {
    match escaped {
        'w' => Some("a-zA-Z0-9_"),
        'd' => Some("0-9"),
        's' => Some(r" \t\n\x0B\x0C\r"),
        _ => None,
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match() {
        let pattern = Pattern::new("[1-5]\\d\\d");
        assert!(pattern.matches("200") && !pattern.matches("2000") && !pattern.matches("x200"));
        let name = Pattern::new("(?!^[0-9]+$)([a-zA-Z0-9-_]+)");
        assert!(name.matches("a1") && !name.matches("2024"));
    }
}
