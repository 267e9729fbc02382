//! `Filter.N`: what of a listing is shown.

use aws_wire::ServiceError;
use serde_json::Value;

use crate::{Members, error, record::Tags};

/// A request's filters. A resource is shown if each of them has a value that fits one of its own.
pub(crate) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads `Filters`; only names that are `known`, and those of tags where `tag-key` is known, are filters.
    pub(crate) fn read(members: &Members, known: &[&str]) -> Result<Self, ServiceError> {
        let given = members.get("Filters").and_then(Value::as_array).into_iter().flatten();
        let mut filters = Vec::new();
        for filter in given {
            let name = filter["Name"].as_str().unwrap_or("null");
            let is_tag = name.starts_with("tag:") && known.contains(&"tag-key");
            if !is_tag && !known.contains(&name) {
                return Err(error::invalid(format!("The filter '{name}' is invalid")));
            }
            let values = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str);
            filters.push((name.to_owned(), values.map(str::to_owned).collect()));
        }
        Ok(Self(filters))
    }

    /// Whether a resource is shown, which has these values under a filter's name.
    pub(crate) fn admit(&self, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, wanted)| {
            let found = values(name);
            wanted.iter().any(|pattern| found.iter().any(|value| fits(pattern, value)))
        })
    }
}

/// What tags say to the filters `tag:KEY` and `tag-key`.
pub(crate) fn of_tags(tags: &Tags, name: &str) -> Vec<String> {
    match name.strip_prefix("tag:") {
        Some(key) => tags.get(key).cloned().into_iter().collect(),
        None => tags.keys().cloned().collect(),
    }
}

/// Whether a text fits a pattern, in which `*` is any text, `?` any character, and `\` takes that away from them. It goes
/// back to the last `*` alone, so that no pattern takes longer than the product of the lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (tokens(pattern), text.chars().collect::<Vec<_>>());
    let (mut at, mut of) = (0, 0);
    let mut star = None;
    while of < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                star = Some((at, of));
                at += 1;
            }
            Some(Token::One) => (at, of) = (at + 1, of + 1),
            Some(Token::Character(one)) if *one == text[of] => (at, of) = (at + 1, of + 1),
            Some(Token::Character(_)) | None => {
                let Some((before, from)) = star else { return false };
                star = Some((before, from + 1));
                (at, of) = (before + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|token| matches!(token, Token::Any))
}

enum Token {
    Any,
    One,
    Character(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut characters = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Character(characters.next().unwrap_or('\\')),
            other => Token::Character(other),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_wildcards() {
        for (pattern, text) in
            [("a*c", "abbc"), ("*", ""), ("a?c", "abc"), ("\\*", "*"), ("*b*c", "abxbc"), ("vpc-1", "vpc-1")]
        {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*c", "abbd"), ("?", ""), ("\\*", "a"), ("vpc", "vpc-1"), ("", "a")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
