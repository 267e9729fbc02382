//! Policies: those that authorizers return, and resource policies of APIs. Parsed once, then asked.
//!
//! What a policy cannot be asked here (operators that are not known) is refused when it is given, never passed over.
//! Source: AWS, "Policy evaluation logic" (IAM User Guide) and "How API Gateway resource policies affect authorization
//! workflow" (API Gateway Developer Guide).

use std::net::IpAddr;

use proxy_events::Incoming;
use serde_json::Value;

/// A policy.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    document: Value,
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    allows: bool,
    /// Who is meant; everybody where the policy names nobody, as authorizers' policies do.
    principals: Option<Vec<String>>,
    excludes_principals: bool,
    actions: Vec<String>,
    excludes_actions: bool,
    resources: Vec<String>,
    excludes_resources: bool,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone)]
struct Condition {
    operator: Operator,
    is_negated: bool,
    /// A key that is not there is no obstacle.
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    Like,
    Address,
    Null,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// `execute-api:Invoke`, as a rule.
    pub action: &'a str,
    /// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`.
    pub resource: &'a str,
    pub source_ip: IpAddr,
    pub user_agent: Option<&'a str>,
    pub referer: Option<&'a str>,
    /// The account of whoever signed.
    pub account: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// What a request that nobody signed asks for.
    pub fn of(request: &'a Incoming, resource: &'a str) -> Self {
        Self {
            action: INVOKE,
            resource,
            source_ip: request.peer,
            user_agent: request.header("user-agent"),
            referer: request.header("referer"),
            account: None,
        }
    }
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    /// No statement applies.
    Neither,
    Deny,
}

/// The action that a request is.
pub(crate) const INVOKE: &str = "execute-api:Invoke";

impl Policy {
    /// Reads a policy's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Self::of(&document)
    }

    /// Reads a policy.
    pub fn of(document: &Value) -> Result<Self, String> {
        let statements = match document.get("Statement") {
            Some(Value::Array(all)) => all.iter().map(statement).collect::<Result<_, _>>()?,
            Some(one @ Value::Object(_)) => vec![statement(one)?],
            _ => return Err(String::from("a policy needs a Statement")),
        };
        Ok(Self { document: document.clone(), statements })
    }

    /// The policy as it was given.
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Whether it lets the request in. One statement that denies outweighs all that allow.
    pub fn verdict(&self, ask: &Ask<'_>) -> Verdict {
        let mut verdict = Verdict::Neither;
        for statement in self.statements.iter().filter(|statement| statement.applies(ask)) {
            if !statement.allows {
                return Verdict::Deny;
            }
            verdict = Verdict::Allow;
        }
        verdict
    }
}

impl Statement {
    fn applies(&self, ask: &Ask<'_>) -> bool {
        let named = self.principals.as_ref().is_none_or(|all| all.iter().any(|one| is_principal(one, ask)));
        let action = self
            .actions
            .iter()
            .any(|pattern| like(&pattern.to_ascii_lowercase(), &ask.action.to_ascii_lowercase()));
        let resource = self.resources.iter().any(|pattern| resource_like(pattern, ask.resource));
        named != self.excludes_principals
            && action != self.excludes_actions
            && resource != self.excludes_resources
            && self.conditions.iter().all(|condition| condition.holds(ask))
    }
}

fn is_principal(principal: &str, ask: &Ask<'_>) -> bool {
    if principal == "*" {
        return true;
    }
    let account = principal.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split(':').next());
    ask.account.is_some_and(|own| account.unwrap_or(principal) == own)
}

/// `execute-api:/stage/GET/path` is short for the ARN in the API itself.
fn resource_like(pattern: &str, resource: &str) -> bool {
    match pattern.strip_prefix("execute-api:/") {
        Some(rest) => resource
            .splitn(6, ':')
            .nth(5)
            .and_then(|own| own.split_once('/'))
            .is_some_and(|(_, own)| like(rest, own)),
        None => like(pattern, resource),
    }
}

impl Condition {
    fn holds(&self, ask: &Ask<'_>) -> bool {
        let ip = ask.source_ip.to_string();
        let account_arn = ask.account.map(|account| format!("arn:aws:iam::{account}:root"));
        let value = match self.key.to_ascii_lowercase().as_str() {
            "aws:sourceip" => Some(ip.as_str()),
            "aws:useragent" => ask.user_agent,
            "aws:referer" => ask.referer,
            "aws:securetransport" => Some("false"),
            "aws:principalaccount" => ask.account,
            "aws:principalarn" => account_arn.as_deref(),
            _ => None,
        };
        if self.operator == Operator::Null {
            return self.values.iter().any(|wanted| (wanted == "true") == value.is_none());
        }
        let Some(value) = value else { return self.is_negated || self.if_exists };
        let matches = self.values.iter().any(|wanted| match self.operator {
            Operator::Equals => wanted == value,
            Operator::EqualsIgnoreCase => wanted.eq_ignore_ascii_case(value),
            Operator::Like => like(wanted, value),
            Operator::Address => in_block(wanted, ask.source_ip),
            Operator::Null => false,
        });
        matches != self.is_negated
    }
}

fn statement(document: &Value) -> Result<Statement, String> {
    let texts = |name: &str| list(document.get(name));
    let allows = match document.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(String::from("Effect must be Allow or Deny")),
    };
    let excludes_principals = document.get("NotPrincipal").is_some();
    let principals = document.get("Principal").or_else(|| document.get("NotPrincipal")).map(principals);
    let excludes_actions = document.get("NotAction").is_some();
    let excludes_resources = document.get("NotResource").is_some();
    let actions = texts(if excludes_actions { "NotAction" } else { "Action" });
    let resources = texts(if excludes_resources { "NotResource" } else { "Resource" });
    if actions.is_empty() || resources.is_empty() {
        return Err(String::from("a statement needs an Action and a Resource"));
    }
    let conditions = document.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let mut all = Vec::new();
    for (operator, keys) in conditions {
        for (key, values) in keys.as_object().into_iter().flatten() {
            all.push(condition(operator, key, list(Some(values)))?);
        }
    }
    Ok(Statement {
        allows,
        principals,
        excludes_principals,
        actions,
        excludes_actions,
        resources,
        excludes_resources,
        conditions: all,
    })
}

fn condition(name: &str, key: &str, values: Vec<String>) -> Result<Condition, String> {
    let name =
        name.strip_prefix("ForAnyValue:").or_else(|| name.strip_prefix("ForAllValues:")).unwrap_or(name);
    let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
    let (operator, is_negated) = match name {
        "StringEquals" | "Bool" => (Operator::Equals, false),
        "StringNotEquals" => (Operator::Equals, true),
        "StringEqualsIgnoreCase" => (Operator::EqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Operator::EqualsIgnoreCase, true),
        "StringLike" | "ArnLike" | "ArnEquals" => (Operator::Like, false),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Operator::Like, true),
        "IpAddress" => (Operator::Address, false),
        "NotIpAddress" => (Operator::Address, true),
        "Null" => (Operator::Null, false),
        other => return Err(format!("Tule does not evaluate the condition {other} yet")),
    };
    Ok(Condition { operator, is_negated, if_exists, key: key.to_owned(), values })
}

fn principals(document: &Value) -> Vec<String> {
    match document {
        Value::Object(kinds) => kinds.get("AWS").map(|all| list(Some(all))).unwrap_or_default(),
        other => list(Some(other)),
    }
}

/// One text, or many.
fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.iter().map(crate::mapping::text).collect(),
        Some(one) => vec![crate::mapping::text(one)],
    }
}

/// Whether a text fits a pattern, in which `*` is any text and `?` any character.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut in_text) = (0, 0);
    // Where to go on if what follows the last star does not fit: the star then takes one more.
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                in_text += 1;
            }
            Some(byte) if *byte == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    in_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether an address is in a block: `203.0.113.0/24`, or is the address.
fn in_block(block: &str, address: IpAddr) -> bool {
    let (base, bits) = block.split_once('/').unwrap_or((block, ""));
    let Ok(base) = base.parse::<IpAddr>() else { return false };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (u128::from(base.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let bits: u32 = if bits.is_empty() { width } else { bits.parse().unwrap_or(u32::MAX) };
    match width.checked_sub(bits) {
        None => false,
        Some(128) => true,
        Some(rest) => base >> rest == address >> rest,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/orders/1";

    fn verdict(policy: &Value, ip: &str) -> Verdict {
        let ask = Ask {
            action: INVOKE,
            resource: ARN,
            source_ip: ip.parse().unwrap(),
            user_agent: None,
            referer: None,
            account: None,
        };
        Policy::of(policy).unwrap().verdict(&ask)
    }

    #[test]
    fn stars_and_question_marks() {
        assert!(like("arn:*:abc/*/GET/*", ARN));
        assert!(like("a?c*", "abcd") && like("*", "") && like("**a", "ba"));
        assert!(!like("abc", "abcd") && !like("a*c", "abd") && !like("?", ""));
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
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_outweighs() {
        let allow =
            json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*"});
        let deny = json!({
            "Effect": "Deny", "Principal": "*", "Action": "execute-api:*", "Resource": "execute-api:/dev/*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "10.0.0.1"]}},
        });
        let policy = json!({"Statement": [allow, deny]});
        assert_eq!(verdict(&policy, "203.0.113.9"), Verdict::Allow);
        assert_eq!(verdict(&policy, "10.0.0.1"), Verdict::Allow);
        assert_eq!(verdict(&policy, "10.0.0.2"), Verdict::Deny);
        let other = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::x"}});
        assert_eq!(verdict(&other, "10.0.0.2"), Verdict::Neither);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let odd = json!({"Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
        }});
        assert!(Policy::of(&odd).is_err());
    }
}
