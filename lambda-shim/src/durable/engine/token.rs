//! Checkpoint tokens and callback ids: opaque to clients, a place to us. Ids are made of letters, digits, `-` and `_`
//! only, whose Base64 has neither `+` nor `/`, so that it can stand in a path.

use base64::{Engine, prelude::BASE64_STANDARD};

/// Which checkpoint of which invocation may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckpointToken {
    pub(crate) execution: String,
    pub(crate) invocation: String,
    pub(crate) sequence: u64,
}

impl CheckpointToken {
    pub(crate) fn encode(execution: &str, invocation: &str, sequence: u64) -> String {
        BASE64_STANDARD.encode(format!("{execution}/{invocation}/{sequence}"))
    }

    pub(crate) fn decode(token: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
        let mut parts = text.split('/');
        let mut next = || parts.next().map(str::to_owned);
        let (execution, invocation, sequence) = (next()?, next()?, next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { execution, invocation, sequence })
    }
}

/// The id of an operation's callback.
pub(crate) fn callback_id(execution: &str, operation: &str) -> String {
    BASE64_STANDARD.encode(format!("callback/{execution}/{operation}"))
}

/// The execution and the operation that a callback id names.
pub(crate) fn read_callback_id(id: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(id).ok()?).ok()?;
    let (execution, operation) = text.strip_prefix("callback/")?.split_once('/')?;
    Some((execution.to_owned(), operation.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_and_can_stand_in_a_path() {
        let token = CheckpointToken::encode("0f-e", "1a_b", 77);
        let read = CheckpointToken::decode(&token).unwrap();
        assert_eq!((&*read.execution, &*read.invocation, read.sequence), ("0f-e", "1a_b", 77));
        let all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        for shift in 0..3 {
            let id = callback_id(&all[shift..], all);
            assert!(!id.contains(['+', '/']), "{id}");
            assert_eq!(read_callback_id(&id), Some((all[shift..].to_owned(), all.to_owned())));
        }
        for rubbish in ["", "rubbish", "YWJj", "!!", "Y2FsbGJhY2sv"] {
            assert_eq!(CheckpointToken::decode(rubbish), None, "{rubbish}");
            assert_eq!(read_callback_id(rubbish), None, "{rubbish}");
        }
    }
}
