//! Words of patterns: plain, quoted, and regular expressions between percent signs.

use aws_wire::ServiceError;
use regex::{Regex, RegexBuilder};

use super::Text;
use crate::error;

/// One term at the start of `rest`, and what stands behind it.
pub(super) fn text(rest: &str) -> Result<(Text, &str), ServiceError> {
    if let Some((quoted, behind)) = quoted(rest)? {
        return Ok((Text::Plain(quoted), behind));
    }
    if let Some((regex, behind)) = regex(rest)? {
        return Ok((Text::Regex(regex), behind));
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    // AWS wants quotes around anything but letters, digits and underscores.
    if word.is_empty() || !word.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
        return Err(error::invalid(format!("Invalid character(s) in term '{word}'")));
    }
    Ok((Text::Plain(word.to_owned()), behind))
}

/// A text in double quotes.
pub(super) fn quoted(rest: &str) -> Result<Option<(String, &str)>, ServiceError> {
    let Some(inside) = rest.strip_prefix('"') else { return Ok(None) };
    let mut text = String::new();
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok(Some((text, &inside[at + 1..]))),
            '\\' => text.extend(letters.next().map(|(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    Err(error::invalid("Invalid filter pattern: a quote is not closed"))
}

/// A regular expression between percent signs.
pub(super) fn regex(rest: &str) -> Result<Option<(Regex, &str)>, ServiceError> {
    let Some(inside) = rest.strip_prefix('%') else { return Ok(None) };
    let end = inside
        .find('%')
        .ok_or_else(|| error::invalid("Invalid filter pattern: a regular expression is not closed"))?;
    let regex = RegexBuilder::new(&inside[..end])
        .size_limit(1 << 20)
        .build()
        .map_err(|_| error::invalid("Invalid regular expression in filter pattern"))?;
    Ok(Some((regex, &inside[end + 1..])))
}
