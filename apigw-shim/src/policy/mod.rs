//! Policies: those that authorizers return, and resource policies of APIs. Parsed once, then asked.
//!
//! A policy that asks what nobody here knows of a request (its caller's organization, say) is refused when it is given.
//! Source: AWS, "Policy evaluation logic" (IAM User Guide) and "How API Gateway resource policies affect authorization
//! workflow" (API Gateway Developer Guide).

mod condition;

use std::net::IpAddr;

use aws_wire::{ServiceError, like};
use proxy_events::Incoming;
use runtime::Timestamp;
use serde_json::Value;

use self::condition::Condition;
use crate::error::{bad_request, not_yet};

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

/// Why a text is no policy that could be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// It is no policy on AWS, either.
    #[error("{0}")]
    Invalid(String),
    /// It is one, of what Tule does not have.
    #[error("Tule does not implement {0} of policies yet")]
    Missing(String),
}

impl PolicyError {
    /// The refusal: a mistake in the words of whoever was given the policy, or what is missing by its name.
    pub fn refusal(&self, mistake: impl Fn(&str) -> String) -> ServiceError {
        match self {
            Self::Invalid(reason) => bad_request(mistake(reason)),
            Self::Missing(what) => not_yet(&format!("{what} in policies")),
        }
    }
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
    /// When it is asked.
    pub at: Timestamp,
    /// Whether over TLS.
    pub is_secure: bool,
}

impl<'a> Ask<'a> {
    /// What somebody asks of whom only the address is known.
    pub fn nobody(source_ip: IpAddr) -> Self {
        Self {
            action: INVOKE,
            resource: "",
            source_ip,
            user_agent: None,
            referer: None,
            account: None,
            at: Timestamp(0),
            is_secure: false,
        }
    }

    /// What a request that nobody signed asks for.
    pub fn of(request: &'a Incoming, resource: &'a str) -> Self {
        Self {
            resource,
            user_agent: request.header("user-agent"),
            referer: request.header("referer"),
            at: request.at,
            is_secure: request.secured.is_some(),
            ..Self::nobody(request.peer)
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
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| PolicyError::Invalid(error.to_string()))?;
        Self::of(&document)
    }

    /// Reads the text of a policy that is to be kept: whether a request has what it asks must be known here.
    pub fn kept(text: &str) -> Result<Self, PolicyError> {
        let policy = Self::parse(text)?;
        let mut conditions = policy.statements.iter().flat_map(|statement| &statement.conditions);
        match conditions.find_map(Condition::unknown) {
            Some(what) => Err(PolicyError::Missing(what)),
            None => Ok(policy),
        }
    }

    /// Reads a policy. What it asks and nobody here knows of a request counts as not there.
    pub fn of(document: &Value) -> Result<Self, PolicyError> {
        let statements = match document.get("Statement") {
            Some(Value::Array(all)) => all.iter().map(statement).collect::<Result<_, _>>()?,
            Some(one @ Value::Object(_)) => vec![statement(one)?],
            _ => return Err(PolicyError::Invalid(String::from("a policy needs a Statement"))),
        };
        Ok(Self { document: document.clone(), statements })
    }

    /// What stands for a policy that was kept once and cannot be read any more: it lets nobody in.
    pub fn closed() -> Self {
        let everything = || vec![String::from("*")];
        let denial = Statement {
            allows: false,
            principals: None,
            excludes_principals: false,
            actions: everything(),
            excludes_actions: false,
            resources: everything(),
            excludes_resources: false,
            conditions: Vec::new(),
        };
        Self { document: Value::Null, statements: vec![denial] }
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

fn statement(document: &Value) -> Result<Statement, PolicyError> {
    let invalid = |reason: &str| Err(PolicyError::Invalid(reason.to_owned()));
    let texts = |name: &str| list(document.get(name));
    let allows = match document.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return invalid("Effect must be Allow or Deny"),
    };
    let excludes_principals = document.get("NotPrincipal").is_some();
    let principals = document.get("Principal").or_else(|| document.get("NotPrincipal")).map(principals);
    let excludes_actions = document.get("NotAction").is_some();
    let excludes_resources = document.get("NotResource").is_some();
    let actions = texts(if excludes_actions { "NotAction" } else { "Action" });
    let resources = texts(if excludes_resources { "NotResource" } else { "Resource" });
    if actions.is_empty() || resources.is_empty() {
        return invalid("a statement needs an Action and a Resource");
    }
    Ok(Statement {
        allows,
        principals,
        excludes_principals,
        actions,
        excludes_actions,
        resources,
        excludes_resources,
        conditions: conditions(document.get("Condition"))?,
    })
}

/// Reads `{"operator": {"key": values}}`. One that is passed over would let in whom it is to keep out.
fn conditions(document: Option<&Value>) -> Result<Vec<Condition>, PolicyError> {
    let wrong = || PolicyError::Invalid(String::from("a Condition has operators, and these have keys"));
    let mut all = Vec::new();
    let Some(document) = document.filter(|document| !document.is_null()) else { return Ok(all) };
    for (operator, keys) in document.as_object().ok_or_else(wrong)? {
        for (key, values) in keys.as_object().ok_or_else(wrong)? {
            all.push(Condition::new(operator, key, list(Some(values)))?);
        }
    }
    Ok(all)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/orders/1";

    fn verdict(policy: &Value, ip: &str) -> Verdict {
        let ask = Ask { resource: ARN, ..Ask::nobody(ip.parse().unwrap()) };
        Policy::of(policy).unwrap().verdict(&ask)
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
    fn what_cannot_be_asked_is_refused_when_it_is_given() {
        let with = |condition: Value| {
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}})
                .to_string()
        };
        let dated = with(json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}));
        assert!(Policy::kept(&dated).is_ok());
        let odd = with(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}));
        assert!(matches!(Policy::kept(&odd), Err(PolicyError::Missing(_))));
        assert_eq!(Policy::closed().verdict(&Ask::nobody([10, 0, 0, 1].into())), Verdict::Deny);
        // What an authorizer answers is asked as it is.
        assert_eq!(
            Policy::parse(&odd).unwrap().verdict(&Ask::nobody([10, 0, 0, 1].into())),
            Verdict::Neither
        );
        for wrong in [json!({"Foo": {"a": "b"}}), json!("aws:SourceIp"), json!({"IpAddress": "10.0.0.0/8"})] {
            assert!(matches!(Policy::kept(&with(wrong.clone())), Err(PolicyError::Invalid(_))), "{wrong}");
        }
    }
}
