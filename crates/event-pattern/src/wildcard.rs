//! `*` in texts: any characters. A backslash before it, or before a backslash, takes its meaning away.

use crate::{PatternError, reason};

enum Piece {
    Any,
    One(char),
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut characters = pattern.chars();
    let mut pieces = Vec::new();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '*' => Piece::Any,
            '\\' => Piece::One(characters.next().unwrap_or('\\')),
            other => Piece::One(other),
        });
    }
    pieces
}

/// Refuses what EventBridge refuses: stars side by side, and backslashes before anything else.
pub(crate) fn check(pattern: &str) -> Result<(), PatternError> {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && !matches!(characters.next(), Some('*' | '\\')) {
            return Err(reason("Invalid escape character"));
        }
    }
    let consecutive = pieces(pattern).windows(2).any(|pair| matches!(pair, [Piece::Any, Piece::Any]));
    if consecutive { Err(reason("Consecutive wildcard characters")) } else { Ok(()) }
}

/// Whether a text is one of those a pattern means. Goes back to the last star only, so it takes at most the product of
/// both lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pieces = pieces(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pieces.get(at) {
            Some(Piece::One(character)) if *character == text[position] => {
                at += 1;
                position += 1;
            }
            Some(Piece::Any) => {
                star = Some((at, position));
                at += 1;
            }
            Some(Piece::One(_)) | None => {
                let Some((starred, from)) = star else { return false };
                star = Some((starred, from + 1));
                at = starred + 1;
                position = from + 1;
            }
        }
    }
    pieces[at..].iter().all(|piece| matches!(piece, Piece::Any))
}
