//! Positions within streams, and paging tokens made of them.

/// Where an event stands: by its time, and among those of one time by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) millis: i64,
    pub(crate) number: u64,
}

impl Position {
    /// 56 digits, as AWS's tokens and event ids have them.
    pub(crate) fn digits(self) -> String {
        let millis = self.millis.wrapping_sub(i64::MIN).cast_unsigned();
        format!("{millis:028}{:028}", self.number)
    }

    /// The position of its digits.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        if digits.len() != 56 || !digits.is_ascii() {
            return None;
        }
        let (millis, number) = digits.split_at(28);
        let millis: u64 = millis.parse().ok()?;
        Some(Self { millis: millis.cast_signed().wrapping_add(i64::MIN), number: number.parse().ok()? })
    }
}

/// GetLogEvents' two kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// What comes behind a position.
    Forward(Position),
    /// What comes before it.
    Backward(Position),
}

impl Token {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Forward(position) => format!("f/{}/s", position.digits()),
            Self::Backward(position) => format!("b/{}/s", position.digits()),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, digits) = text.strip_suffix("/s")?.split_once('/')?;
        let position = Position::parse(digits)?;
        match kind {
            "f" => Some(Self::Forward(position)),
            "b" => Some(Self::Backward(position)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for (millis, number) in [(1_700_000_000_000, 7), (i64::MAX, u64::MAX), (i64::MIN, 0)] {
            let position = Position { millis, number };
            assert_eq!(Token::parse(&Token::Forward(position).text()), Some(Token::Forward(position)));
            assert_eq!(Token::parse(&Token::Backward(position).text()), Some(Token::Backward(position)));
        }
        assert_eq!(Token::parse("f/1/s"), None);
        assert_eq!(Token::parse("nonsense"), None);
    }
}
