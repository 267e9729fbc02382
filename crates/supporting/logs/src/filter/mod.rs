//! The filter pattern language: terms, regular expressions, and conditions on JSON events. The space-delimited form
//! (`[a, b, …]`) is refused.

mod json;
mod lexer;

use aws_wire::ServiceError;
use regex::Regex;

use crate::error;

/// A parsed pattern.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Matches everything.
    All,
    Terms(Vec<Term>),
    Json(json::Condition),
}

#[derive(Debug)]
pub(crate) struct Term {
    mode: Mode,
    text: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Required,
    /// At least one of these must be there, if nothing is required.
    Optional,
    Excluded,
}

#[derive(Debug)]
enum Text {
    Plain(String),
    Regex(Regex),
}

impl Text {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Plain(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, ServiceError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::All);
        }
        if text.starts_with('[') {
            return Err(error::invalid(
                "Invalid filter pattern: space-delimited patterns ([…]) are not supported by Tule yet.",
            ));
        }
        if text.starts_with('{') {
            return json::parse(text).map(Self::Json);
        }
        terms(text).map(Self::Terms)
    }

    /// Whether a message is one of those looked for.
    pub(crate) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Json(condition) => serde_json::from_str(message).is_ok_and(|event| condition.holds(&event)),
            Self::Terms(terms) => {
                let of = |mode| terms.iter().filter(move |term| term.mode == mode);
                let found = |term: &Term| term.text.is_in(message);
                let optional = of(Mode::Optional).next().is_none()
                    || of(Mode::Optional).any(found)
                    || of(Mode::Required).next().is_some();
                optional && of(Mode::Required).all(found) && !of(Mode::Excluded).any(found)
            }
        }
    }
}

fn terms(text: &str) -> Result<Vec<Term>, ServiceError> {
    let mut terms = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mode = match rest.as_bytes()[0] {
            b'-' => Mode::Excluded,
            b'?' => Mode::Optional,
            _ => Mode::Required,
        };
        let bare = if mode == Mode::Required { rest } else { &rest[1..] };
        let (text, behind) = lexer::text(bare)?;
        terms.push(Term { mode, text });
        rest = behind.trim_start();
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, message: &str, expected: bool) {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(message), expected, "{pattern} on {message}");
    }

    #[test]
    fn terms() {
        check("", "anything", true);
        check("ERROR", "an ERROR here", true);
        check("ERROR", "an error here", false);
        check("ERROR Exception", "ERROR: some Exception", true);
        check("ERROR Exception", "ERROR", false);
        check("\"INTERNAL SERVER\"", "[INTERNAL SERVER ERROR]", true);
        check("?ERROR ?WARN", "WARN: hm", true);
        check("?ERROR ?WARN", "INFO", false);
        check("ERROR -EXITING", "ERROR EXITING", false);
        check("ERROR -EXITING", "ERROR", true);
        check("-\"a b\"", "a c", true);
        check("%AUTH[a-z]*%", "AUTHx", true);
        check("%^x%", "ax", false);
    }

    #[test]
    fn json() {
        let event = r#"{"level": "ERROR", "n": 42.5, "on": true, "none": null, "user": {"ids": [1, 2]}, "ip": "123.45.6.7"}"#;
        for (pattern, expected) in [
            ("{ $.level = \"ERROR\" }", true),
            ("{ $.level = ERROR }", true),
            ("{ $.level = \"INFO\" }", false),
            ("{ $.level != \"INFO\" }", true),
            ("{ $.level = \"ERR*\" }", true),
            ("{ $.ip = 123.45.* }", true),
            ("{ $.ip = %123[.]45[.].*% }", true),
            ("{ $.n > 42 }", true),
            ("{ $.n <= 42 }", false),
            ("{ $.n = 42.5 }", true),
            ("{ $.on IS TRUE }", true),
            ("{ $.none IS NULL }", true),
            ("{ $.missing NOT EXISTS }", true),
            ("{ $.n NOT EXISTS }", false),
            ("{ $.user.ids[1] = 2 }", true),
            ("{ $.user.ids[7] = 2 }", false),
            ("{ ($.level = \"INFO\") || ($.n > 1 && $.on IS TRUE) }", true),
            ("{ $.level = \"INFO\" && $.n > 1 || $.on IS FALSE }", false),
            ("{ $['level'] = \"ERROR\" }", true),
        ] {
            check(pattern, event, expected);
        }
        check("{ $.a = 1 }", "no JSON", false);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for pattern in [
            "[a, b]",
            "\"open",
            "a.b",
            "{ $.a }",
            "{ $.a = }",
            "{ $.a = 1",
            "%(%",
            "{ a = 1 }",
            "{ $.a ~ 1 }",
            "-",
            "{}",
        ] {
            let refused = Pattern::parse(pattern).unwrap_err();
            assert_eq!(refused.code, "InvalidParameterException", "{pattern}");
        }
        let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Pattern::parse(&deep).is_err(), "nesting is bounded");
    }
}
