//! CreateRoutingRule, GetRoutingRule, ListRoutingRules, PutRoutingRule, DeleteRoutingRule.

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Output, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Members, answer, domain_name::find, required, text};
use crate::{
    State,
    domain::{
        Routes, check,
        record::{Condition, Rule},
    },
    error::{bad_request, conflict, not_found, storage},
    id,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    actions: Vec<Action>,
    conditions: Vec<GivenCondition>,
    priority: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Action {
    invoke_api: InvokeApi,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeApi {
    api_id: String,
    stage: String,
    #[serde(default)]
    strip_base_path: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenCondition {
    match_base_paths: Option<AnyOf<String>>,
    match_headers: Option<AnyOf<HeaderValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AnyOf<T> {
    any_of: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HeaderValue {
    header: String,
    value_glob: String,
}

fn render(scope: &Scope, of: &Routes, rule: &Rule) -> Members {
    let conditions: Vec<Value> = rule
        .conditions
        .iter()
        .map(|condition| match condition {
            Condition::BasePaths(paths) => json!({"MatchBasePaths": {"AnyOf": paths}}),
            Condition::Headers(all) => {
                let all = all.iter().map(|(name, glob)| json!({"Header": name, "ValueGlob": glob}));
                json!({"MatchHeaders": {"AnyOf": all.collect::<Vec<_>>()}})
            }
        })
        .collect();
    let action = json!({"InvokeApi": {
        "ApiId": rule.api_id,
        "Stage": rule.stage,
        "StripBasePath": rule.strip_base_path,
    }});
    let arn = scope.arn("apigateway", &format!("/domainnames/{}/routingrules/{}", of.domain.name, rule.id));
    Members::from_iter([
        (String::from("Actions"), json!([action])),
        (String::from("Conditions"), json!(conditions)),
        (String::from("Priority"), json!(rule.priority)),
        (String::from("RoutingRuleArn"), json!(arn)),
        (String::from("RoutingRuleId"), json!(rule.id)),
    ])
}

/// What a rule asks of a request.
fn condition(given: GivenCondition) -> Result<Condition, ServiceError> {
    match (given.match_base_paths, given.match_headers) {
        (Some(paths), None) => {
            if paths.any_of.is_empty() {
                return Err(bad_request("A base path condition must have at least one base path"));
            }
            let paths = paths.any_of.iter().map(|path| check::base_path(path.trim_start_matches('/')));
            Ok(Condition::BasePaths(paths.collect::<Result<_, _>>()?))
        }
        (None, Some(headers)) => {
            if headers.any_of.is_empty() {
                return Err(bad_request("A header condition must have at least one header"));
            }
            let all = headers.any_of.into_iter().map(|given| {
                http::HeaderName::try_from(&given.header)
                    .map_err(|_| bad_request(format!("Invalid header name specified: {}", given.header)))?;
                let inner = given.value_glob.strip_prefix('*').unwrap_or(&given.value_glob);
                if inner.strip_suffix('*').unwrap_or(inner).contains('*') {
                    return Err(bad_request(
                        "A wildcard is supported only at the beginning and at the end of a header value",
                    ));
                }
                Ok((given.header, given.value_glob))
            });
            Ok(Condition::Headers(all.collect::<Result<_, _>>()?))
        }
        _ => Err(bad_request("A condition must have either MatchBasePaths or MatchHeaders")),
    }
}

/// The rule in an operation's members.
fn rule(state: &State, of: &Routes, id: String, input: Members) -> Result<Rule, ServiceError> {
    let given: Given = serde_json::from_value(Value::Object(input))
        .map_err(|error| bad_request(format!("Invalid routing rule: {error}")))?;
    let action: [Action; 1] =
        given.actions.try_into().map_err(|_| bad_request("A routing rule must have exactly one action"))?;
    let [Action { invoke_api }] = action;
    let conditions: Vec<Condition> = given.conditions.into_iter().map(condition).collect::<Result<_, _>>()?;
    let headers = conditions.iter().filter(|it| matches!(it, Condition::Headers(_))).count();
    if headers > 2 || conditions.len() - headers > 1 {
        return Err(bad_request(
            "A routing rule can have up to two header conditions and one base path condition",
        ));
    }
    if !(1..=1_000_000).contains(&given.priority) {
        return Err(bad_request("Priority must be between 1 and 1000000"));
    }
    check::rest_stage(state, &of.scope, &invoke_api.api_id, Some(&invoke_api.stage))?;
    check::same_reach(state, &of.scope, &of.domain, &invoke_api.api_id)?;
    if of.rules.iter().any(|other| other.priority == given.priority && other.id != id) {
        return Err(conflict(format!("A routing rule with the priority {} already exists", given.priority)));
    }
    Ok(Rule {
        id,
        priority: given.priority,
        conditions,
        api_id: invoke_api.api_id,
        stage: invoke_api.stage,
        strip_base_path: invoke_api.strip_base_path,
    })
}

fn existing<'r>(of: &'r Routes, input: &Members) -> Result<&'r Rule, ServiceError> {
    let id = required(input, "RoutingRuleId");
    let found = of.rules.iter().find(|rule| rule.id == id);
    found.map(|rule| &**rule).ok_or_else(|| not_found("Invalid routing rule identifier specified"))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let of = find(state, &ctx.scope, &input)?;
    let rule = rule(state, &of, id::random(10), input)?;
    let rule = state.domains.put_rule(&of, rule).await.map_err(storage)?;
    Ok(answer(render(&ctx.scope, &of, &rule)))
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let of = find(state, &ctx.scope, &input)?;
    let id = existing(&of, &input)?.id.clone();
    let rule = rule(state, &of, id, input)?;
    let rule = state.domains.put_rule(&of, rule).await.map_err(storage)?;
    Ok(answer(render(&ctx.scope, &of, &rule)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let of = find(state, &ctx.scope, &input)?;
    Ok(answer(render(&ctx.scope, &of, existing(&of, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    const LISTING: &str = "ListRoutingRules";
    let of = find(state, &ctx.scope, &input)?;
    let limit = input.get("MaxResults").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    let start = match text(&input, "NextToken") {
        None => 0,
        Some(token) => {
            let token = PageToken::decode(LISTING, &token)
                .ok_or_else(|| bad_request("Invalid value for nextToken"))?;
            of.rules.iter().position(|rule| rule.id == token.after).map_or(0, |at| at + 1)
        }
    };
    let mut found = of.rules.iter().skip(start).take(limit.filter(|most| *most > 0).unwrap_or(100));
    let rules: Vec<Value> = found.clone().map(|rule| render(&ctx.scope, &of, rule).into()).collect();
    let last = found.next_back().filter(|_| start + rules.len() < of.rules.len());
    let next = last.map(|rule| PageToken::encode(LISTING, &rule.id));
    Ok(Output::of(json!({"RoutingRules": rules, "NextToken": next})))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let of = find(state, &ctx.scope, &input)?;
    state.domains.remove_rule(&of, existing(&of, &input)?).await.map_err(storage)?;
    Ok(Output::empty())
}
