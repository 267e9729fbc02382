//! What one account may do with another's functions and layers: what their resource policies grant, and nothing else.
//!
//! Callers are known by their account alone: any credentials are good here, and roles' and users' policies are not
//! looked at. What Tule's own services do carries no access key; they may invoke what they are given by ARN.
//!
//! Sources: AWS, "Viewing resource-based IAM policies in Lambda", "Granting Lambda function access to other accounts"
//! (Lambda Developer Guide), "Cross-account policy evaluation logic" (IAM User Guide).

use aws_wire::{ServiceError, like};
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

/// Operations that one action lets call: `lambda:InvokeFunction`.
const INVOCATIONS: [&str; 3] = ["Invoke", "InvokeAsync", "InvokeWithResponseStream"];

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
    let invokes = INVOCATIONS.contains(&operation);
    let action = if invokes { "InvokeFunction" } else { operation };
    let may = match (invokes, &ctx.access_key) {
        (true, None) => true,
        _ if OF_THE_CALLER.contains(&operation) => false,
        _ => table
            .get(&named.scope, &named.name)
            .is_some_and(|entry| grants(&entry.function(), &named, action, &ctx.scope.account)),
    };
    if may { Ok(Some(named.scope)) } else { Err(denied(&ctx.scope, action, &named.arn())) }
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
    ["FunctionName", "Resource", "ResourceArn", "CodeSigningConfigArn", "CapacityProviderName"]
        .iter()
        .find_map(|name| text(members, name))
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
                && names_action(statement, action)
                && any(&statement["Resource"], |pattern| like(pattern, resource))
                && holds(&statement["Condition"], account)
        })
    };
    about("Allow") && !about("Deny")
}

/// Whether a statement is about an action. Small letters and capitals are the same there.
pub(crate) fn names_action(statement: &Value, action: &str) -> bool {
    any(&statement["Action"], |pattern| like(&pattern.to_lowercase(), &action.to_lowercase()))
}

/// Whether a statement is about an account: by its id, its root's ARN, or that of one of its users and roles.
fn names(principal: &Value, account: &str) -> bool {
    let is_account = |text: &str| text == "*" || text == account || text.split(':').nth(4) == Some(account);
    principal == "*" || any(&principal["AWS"], is_account)
}

/// Whether a statement's conditions hold for a caller of whom only the account is known: a key that a request does not
/// carry is none of the texts that a condition names, whatever they are. Operators on anything but texts hold for nobody.
fn holds(condition: &Value, account: &str) -> bool {
    let Some(operators) = condition.as_object() else { return true };
    operators.iter().all(|(operator, keys)| {
        let (fits, is_negated): (fn(&str, &str) -> bool, bool) = match operator.as_str() {
            "StringEquals" => (str::eq, false),
            "StringNotEquals" => (str::eq, true),
            "StringLike" => (like, false),
            "StringNotLike" => (like, true),
            _ => return false,
        };
        keys.as_object().into_iter().flatten().all(|(key, wanted)| {
            let is_account = key.eq_ignore_ascii_case("aws:PrincipalAccount");
            (is_account && any(wanted, |wanted| fits(wanted, account))) != is_negated
        })
    })
}

/// Whether a statement is about everybody.
pub(crate) fn names_everybody(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    principal == "*" || any(&principal["AWS"], |named| named == "*")
}

/// Whether `holds` is true of a text, or of one in a list.
fn any(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).any(holds),
        _ => false,
    }
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
        assert!(
            !with(json!({"StringEquals": {"aws:PrincipalAccount": "*"}})),
            "a star is a star where it equals"
        );
        assert!(with(json!({"StringLike": {"aws:PrincipalAccount": ["3*", "2*"]}})));
        assert!(with(json!({"StringNotEquals": {"aws:PrincipalAccount": "333333333333"}})));
        assert!(!with(json!({"StringNotLike": {"aws:PrincipalAccount": "2*"}})));
        assert!(with(json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}})), "it is in no organization");
    }

    #[test]
    fn all_but_some_accounts_are_denied() {
        let others = json!({"StringNotEquals": {"aws:PrincipalAccount": ["222222222222", "333333333333"]}});
        let denial = statement(&json!({"Effect": "Deny", "Principal": "*", "Condition": others}));
        let allow = statement(&json!({"Principal": "*"}));
        let policy = Policy { revision_id: String::new(), statements: vec![allow, denial], id: None };
        let may = |account: &str| {
            allows(&policy, "lambda:GetFunction", "arn:aws:lambda:us-east-1:1:function:f", account)
        };
        assert!(may("222222222222") && !may("444444444444"));
    }
}
