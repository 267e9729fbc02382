//! Labels of Map states, which become part of ARNs.

use std::fmt::Write as _;

use super::fields::Fields;

/// Characters that a label may not have, beside white space and control characters.
const FORBIDDEN: &str = "?*<>{}[]:;,\\|^~$#%&`\"";
const LONGEST: usize = 40;

/// Checks the field Label.
pub(super) fn check(fields: &mut Fields<'_, '_>) {
    let Some(label) = fields.string("Label") else { return };
    if label.is_empty() {
        fields.wrong("Label", "Label cannot be empty");
    }
    if label.chars().count() > LONGEST {
        fields.wrong("Label", format!("Label cannot exceed {LONGEST} characters"));
    }
    let forbidden = |c: &char| c.is_control() || c.is_whitespace() || FORBIDDEN.contains(*c);
    if let Some(character) = label.chars().find(forbidden) {
        let shown = quoted(&character.to_string());
        fields.wrong("Label", format!("Label contains invalid character: {shown}"));
    }
}

/// A text as Python writes it: in single quotes, or in double quotes if it has only single ones in it.
///
/// AWS's service that checks definitions answers a wrong label with the exception it ran into, written so; this is the
/// form that was recorded.
pub fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for c in text.chars() {
        // Writing to a text cannot fail.
        let _ = match c {
            '\\' => write!(quoted, "\\\\"),
            c if c == quote => write!(quoted, "\\{c}"),
            '\t' => write!(quoted, "\\t"),
            '\n' => write!(quoted, "\\n"),
            '\r' => write!(quoted, "\\r"),
            ' ' => write!(quoted, " "),
            c if c.is_control() || c.is_whitespace() => match u32::from(c) {
                code @ 0..=0xFF => write!(quoted, "\\x{code:02x}"),
                code @ 0x100..=0xFFFF => write!(quoted, "\\u{code:04x}"),
                code => write!(quoted, "\\U{code:08x}"),
            },
            c => write!(quoted, "{c}"),
        };
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_chosen_and_escaped_as_python_does() {
        assert_eq!(quoted("~"), "'~'");
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("'\"'"), "'\\'\"\\''");
        assert_eq!(quoted("'\\x00'"), "\"'\\\\x00'\"");
        assert_eq!(quoted("\u{0}\t\u{85}\u{2028}"), "'\\x00\\t\\x85\\u2028'");
    }
}
