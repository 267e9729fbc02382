//! The policies that authorizers give: whether one allows a call.

use serde_json::{Map, Value};

use super::Decision;

/// Decides by an answer of `{principalId, policyDocument, context}`.
pub(super) fn decide(answer: &Value, arn: &str) -> Decision {
    let statements = match answer.pointer("/policyDocument/Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Decision::Failed(String::from("the authorizer's answer has no policy")),
    };
    let Some(principal) = answer.get("principalId").and_then(Value::as_str) else {
        return Decision::Failed(String::from("the authorizer's answer has no principalId"));
    };
    let takes = |statement: &&Value| {
        names(statement, "Action", "execute-api:Invoke") && names(statement, "Resource", arn)
    };
    let effects: Vec<&str> = statements
        .iter()
        .filter(takes)
        .filter_map(|statement| statement.get("Effect").and_then(Value::as_str))
        .collect();
    if effects.contains(&"Deny") || !effects.contains(&"Allow") {
        return Decision::Denied;
    }
    let mut context = Map::new();
    context.insert("principalId".into(), principal.into());
    for (name, value) in answer.get("context").and_then(Value::as_object).into_iter().flatten() {
        context.insert(name.clone(), value.clone());
    }
    Decision::Allowed(context)
}

fn names(statement: &Value, member: &str, what: &str) -> bool {
    match statement.get(member) {
        Some(Value::String(pattern)) => matches(pattern, what),
        Some(Value::Array(patterns)) => {
            patterns.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, what))
        }
        _ => false,
    }
}

/// `*` stands for any text and `?` for any character. Takes time in proportion to both lengths multiplied, at most.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&text[read]) => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    at = place + 1;
                    read = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/$connect";

    fn policy(statements: &Value) -> Decision {
        decide(
            &json!({"principalId": "me", "policyDocument": {"Statement": statements}, "context": {"n": 1}}),
            ARN,
        )
    }

    #[test]
    fn a_deny_wins_and_nothing_is_a_denial() {
        let allow = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:abc/*"});
        let deny = json!({"Effect": "Deny", "Action": ["execute-api:*"], "Resource": [ARN]});
        let other = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:xyz/*"});
        let expected = json!({"principalId": "me", "n": 1});
        assert_eq!(policy(&json!([allow])), Decision::Allowed(expected.as_object().unwrap().clone()));
        assert_eq!(policy(&allow), Decision::Allowed(expected.as_object().unwrap().clone()));
        assert_eq!(policy(&json!([allow, deny])), Decision::Denied);
        assert_eq!(policy(&json!([other])), Decision::Denied);
        assert_eq!(policy(&json!([])), Decision::Denied);
        assert!(matches!(decide(&json!({"principalId": "me"}), ARN), Decision::Failed(_)));
        assert!(matches!(decide(&json!({"policyDocument": {"Statement": []}}), ARN), Decision::Failed(_)));
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("a?c", "abc", true),
            ("*b*b*", "abab", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
