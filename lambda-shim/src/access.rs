//! What one account may do with another's functions and layers: what their resource policies grant, and nothing else.
//!
//! Callers are known by their account alone: any credentials are good here, and roles' and users' policies are not
//! looked at. What Tule's own services do carries no access key; they may invoke what they are given by ARN.
//!
//! Sources: AWS, "Viewing resource-based IAM policies in Lambda", "Granting Lambda function access to other accounts"
//! (Lambda Developer Guide), "Cross-account policy evaluation logic" (IAM User Guide).

use aws_wire::ServiceError;
use runtime::{CallContext, Scope};
use serde_json::{Map, Value};

use crate::{
    error,
    function::{
        configure::text,
        name::FunctionRef,
        record::{Function, Policy},
        table::FunctionTable,
    },
    layer::{name::LayerRef, record::LayerVersion},
};

/// Operations that no function's policy can grant, since they make something of the account that asks.
const OF_THE_CALLER: [&str; 4] =
    ["CreateFunction", "CreateEventSourceMapping", "UpdateEventSourceMapping", "ListEventSourceMappings"];

/// The account whose resource `operation` is about, where it is another than the caller's and grants what is asked.
pub(crate) fn owner(
    table: &FunctionTable,
    ctx: &CallContext,
    operation: &str,
    members: &Map<String, Value>,
) -> Result<Option<Scope>, ServiceError> {
    if let Some(layer) = text(members, "LayerName").filter(|layer| layer.contains(':')) {
        return of_layer(ctx, operation, layer, members).map(|()| None);
    }
    let Some(given) = subject(members).filter(|given| given.contains(':')) else { return Ok(None) };
    let is_function = members.contains_key("FunctionName") || given.split(':').nth(5) == Some("function");
    if !is_function {
        let account = given.split(':').nth(4).filter(|account| !account.is_empty());
        return match account {
            Some(account) if account != &*ctx.scope.account => Err(denied(&ctx.scope, operation, given)),
            _ => Ok(None),
        };
    }
    let qualifier = text(members, "Qualifier").filter(|_| members.contains_key("FunctionName"));
    // What is wrong with the name itself the operation says in its own words.
    let Ok(named) = FunctionRef::parse(&ctx.scope, given, qualifier) else { return Ok(None) };
    if named.scope == ctx.scope {
        return Ok(None);
    }
    let invokes = matches!(operation, "Invoke" | "InvokeAsync" | "InvokeWithResponseStream");
    let may = match (invokes, &ctx.access_key) {
        (true, None) => true,
        _ if OF_THE_CALLER.contains(&operation) => false,
        _ => table
            .get(&named.scope, &named.name)
            .is_some_and(|entry| grants(&entry.function(), &named, action(operation), &ctx.scope.account)),
    };
    if may { Ok(Some(named.scope)) } else { Err(denied(&ctx.scope, action(operation), &named.arn())) }
}

/// Refuses what is asked of another account's layer: a policy can grant nothing but `GetLayerVersion`, which is looked at
/// where the version is.
fn of_layer(
    ctx: &CallContext,
    operation: &str,
    given: &str,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let layer = LayerRef::of(ctx, members);
    if layer.scope.account == ctx.scope.account || operation == "GetLayerVersion" {
        return Ok(());
    }
    Err(match members.get("VersionNumber").and_then(Value::as_u64) {
        Some(number) => denied(&ctx.scope, operation, &layer.version_arn(number)),
        None => denied(&ctx.scope, operation, given),
    })
}

/// Whether `scope`'s account may see and use a layer's version.
pub(crate) fn may_use(scope: &Scope, version: &LayerVersion) -> bool {
    let granted = |policy: &Policy| allows(policy, "lambda:GetLayerVersion", &version.arn(), &scope.account);
    version.account == *scope.account || version.policy.as_ref().is_some_and(granted)
}

/// The refusal of a version of another account's layer, be it there or not.
pub(crate) fn no_layer(scope: &Scope, arn: &str) -> ServiceError {
    tracing::info!(
        arn,
        account = &*scope.account,
        "layers of other accounts are found where they have been published to this Tule under that account, and shared \
         by AddLayerVersionPermission"
    );
    denied(scope, "GetLayerVersion", arn)
}

/// How a request names what it is about.
fn subject(members: &Map<String, Value>) -> Option<&str> {
    ["FunctionName", "Resource", "ResourceArn", "CodeSigningConfigArn"]
        .iter()
        .find_map(|name| text(members, name))
}

/// The action that lets one call an operation.
fn action(operation: &str) -> &str {
    if matches!(operation, "Invoke" | "InvokeAsync" | "InvokeWithResponseStream") {
        "InvokeFunction"
    } else {
        operation
    }
}

fn grants(function: &Function, named: &FunctionRef, action: &str, account: &str) -> bool {
    let policy = function.policies.get(named.qualifier.as_deref().unwrap_or_default());
    policy.is_some_and(|policy| allows(policy, &format!("lambda:{action}"), &named.arn(), account))
}

/// AWS's refusal of what no policy grants.
pub(crate) fn denied(caller: &Scope, action: &str, resource: &str) -> ServiceError {
    error::access_denied(format!(
        "User: arn:aws:iam::{}:root is not authorized to perform: lambda:{action} on resource: {resource} because no \
         resource-based policy allows the lambda:{action} action",
        caller.account
    ))
}

/// Whether a resource's policy lets an account do `action`, e.g. `lambda:InvokeFunction`.
pub(crate) fn allows(policy: &Policy, action: &str, resource: &str, account: &str) -> bool {
    let about = |effect: &str| {
        policy.statements.iter().any(|statement| {
            statement["Effect"] == effect
                && names(&statement["Principal"], account)
                && any(&statement["Action"], |pattern| {
                    matches(&pattern.to_lowercase(), &action.to_lowercase())
                })
                && any(&statement["Resource"], |pattern| matches(pattern, resource))
                && holds(&statement["Condition"], account)
        })
    };
    about("Allow") && !about("Deny")
}

/// Whether a statement is about an account: by its id, its root's ARN, or that of one of its users and roles.
fn names(principal: &Value, account: &str) -> bool {
    let is_account = |text: &str| text == "*" || text == account || text.split(':').nth(4) == Some(account);
    principal == "*" || any(&principal["AWS"], is_account)
}

/// Whether a statement's conditions hold for a caller of whom only the account is known: a key that a request does not
/// carry meets no condition.
fn holds(condition: &Value, account: &str) -> bool {
    let Some(operators) = condition.as_object() else { return true };
    operators.iter().all(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        let mut is_account = keys.map(|(key, wanted)| {
            key.eq_ignore_ascii_case("aws:PrincipalAccount") && any(wanted, |wanted| matches(wanted, account))
        });
        matches!(operator.as_str(), "StringEquals" | "StringLike") && is_account.all(|holds| holds)
    })
}

/// Whether `holds` is true of a text, or of one in a list.
fn any(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).any(holds),
        _ => false,
    }
}

/// Whether `text` is what a pattern with `*` and `?` says.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where the last `*` stands, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, read) = (place + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowed(statements: Value, action: &str) -> bool {
        let Value::Array(statements) = statements else { panic!("a list") };
        let policy = Policy { revision_id: String::new(), statements, id: None };
        allows(&policy, action, "arn:aws:lambda:us-east-1:1:function:f", "222222222222")
    }

    fn statement(extra: &Value) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
            "Action": "lambda:GetFunction", "Resource": "arn:aws:lambda:us-east-1:1:function:f",
        });
        statement.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        statement
    }

    #[test]
    fn a_statement_grants_what_it_names_to_whom_it_names() {
        assert!(allowed(json!([statement(&json!({}))]), "lambda:GetFunction"));
        assert!(!allowed(json!([statement(&json!({}))]), "lambda:DeleteFunction"));
        for action in
            [json!("*"), json!("lambda:*"), json!("lambda:Get*"), json!(["lambda:X", "lambda:getfunction"])]
        {
            assert!(
                allowed(json!([statement(&json!({"Action": action}))]), "lambda:GetFunction"),
                "{action}"
            );
        }
        for (principal, may) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (json!({"AWS": ["333333333333", "222222222222"]}), true),
            (json!({"AWS": "arn:aws:iam::333333333333:root"}), false),
            (json!({"Service": "sns.amazonaws.com"}), false),
        ] {
            let asked = allowed(json!([statement(&json!({"Principal": principal}))]), "lambda:GetFunction");
            assert_eq!(asked, may, "{principal}");
        }
        let other = statement(&json!({"Resource": "arn:aws:lambda:us-east-1:1:function:g"}));
        assert!(!allowed(json!([other]), "lambda:GetFunction"));
    }

    #[test]
    fn a_denial_outweighs_and_a_condition_that_cannot_be_met_grants_nothing() {
        let denial = statement(&json!({"Effect": "Deny", "Action": "lambda:Get*"}));
        assert!(!allowed(json!([statement(&json!({})), denial]), "lambda:GetFunction"));
        let with = |condition: Value| {
            allowed(json!([statement(&json!({"Condition": condition}))]), "lambda:GetFunction")
        };
        assert!(!with(json!({"StringEquals": {"AWS:SourceAccount": "222222222222"}})));
        assert!(!with(json!({"Bool": {"lambda:InvokedViaFunctionUrl": "true"}})));
        assert!(with(json!({"StringEquals": {"aws:PrincipalAccount": "222222222222"}})));
        assert!(!with(json!({"StringEquals": {"aws:PrincipalAccount": "333333333333"}})));
    }

    #[test]
    fn patterns_have_stars_and_question_marks() {
        for (pattern, text, same) in [
            ("a*c", "abbc", true),
            ("a*c*", "ac", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-d", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), same, "{pattern} {text}");
        }
    }
}
