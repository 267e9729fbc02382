//! Patterns of policies: what `StringLike`, `Action` and `Resource` say with `*` and `?`.
//!
//! Source: AWS, "IAM JSON policy elements: Resource" and "String condition operators" (IAM User Guide).

use std::str::Chars;

/// Whether a text fits a pattern, in which `*` is any text and `?` any character. It goes back to the last star only, so
/// it takes at most the product of both lengths.
pub fn like(pattern: &str, text: &str) -> bool {
    let (mut wanted, mut given) = (pattern.chars(), text.chars());
    // What follows the last star, and the text that it leaves to that: one character less whenever that does not fit.
    let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
    while let Some(character) = given.clone().next() {
        let mut rest = wanted.clone();
        match rest.next() {
            Some('*') => {
                star = Some((rest.clone(), given.clone()));
                wanted = rest;
            }
            Some(one) if one == '?' || one == character => {
                given.next();
                wanted = rest;
            }
            _ => {
                let Some((behind, left)) = &mut star else { return false };
                left.next();
                (wanted, given) = (behind.clone(), left.clone());
            }
        }
    }
    wanted.all(|character| character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_are_any_text_and_question_marks_any_character() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("**a", "ba", true),
            ("a*c", "abbbc", true),
            ("a*c*", "ac", true),
            ("a*c", "abbb", false),
            ("a*b*c", "a-b-b-d", false),
            ("*b*b*", "abab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "a\u{e9}c", true),
            ("*?", "\u{e9}", true),
            ("??", "\u{e9}", false),
            ("?", "", false),
            ("", "", true),
            ("", "a", false),
            ("abc", "abcd", false),
            ("arn:*:abc/*/GET/*", "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/orders/1", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_full_of_stars_take_no_longer_than_both_lengths() {
        let (pattern, text) = ("*a".repeat(2_000), "a".repeat(4_000));
        assert!(!like(&format!("{pattern}b"), &text));
        assert!(like(&format!("{pattern}*"), &text));
    }
}
