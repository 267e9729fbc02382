//! The targets of a rule: kept as they were given, checked so that each can act.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Answer, Members, State, rule, text, transform};

/// The most targets that a rule may have.
const MOST: usize = 5;

/// A target, by the members of its shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Target(pub(crate) Map<String, Value>);

impl Target {
    pub(crate) fn id(&self) -> &str {
        text(&self.0, "Id")
    }

    pub(crate) fn arn(&self) -> &str {
        text(&self.0, "Arn")
    }

    /// A member of a member, as text.
    pub(crate) fn inner(&self, group: &str, name: &str) -> Option<&str> {
        self.0.get(group)?.get(name)?.as_str()
    }
}

/// What a target is, by its ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ApiDestination,
    EventBus,
    Function,
    LogGroup,
    Queue,
    StateMachine,
    Topic,
}

impl Kind {
    /// `None` for ARNs of what Tule cannot reach.
    pub(crate) fn of(arn: &aws_wire::Arn) -> Option<Self> {
        let begins = |prefix: &str| arn.resource.starts_with(prefix);
        match arn.service.as_str() {
            "events" if begins("api-destination/") => Some(Self::ApiDestination),
            "events" if begins("event-bus/") => Some(Self::EventBus),
            "lambda" if begins("function:") => Some(Self::Function),
            "logs" if begins("log-group:") => Some(Self::LogGroup),
            "sns" => Some(Self::Topic),
            "sqs" => Some(Self::Queue),
            "states" if begins("stateMachine:") => Some(Self::StateMachine),
            _ => None,
        }
    }
}

/// Members that need services which Tule does not have.
const NOT_YET: &[&str] = &[
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "KinesisParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
    "SqsParameters",
];

fn check(target: &Members) -> Result<(), ServiceError> {
    crate::refuse(target, NOT_YET)?;
    let arn = text(target, "Arn");
    let invalid =
        |reason: &str| ServiceError::validation(format!("Parameter {arn} is not valid. Reason: {reason}."));
    let parsed: aws_wire::Arn = arn.parse().map_err(|_| invalid("Provided Arn is not in correct format"))?;
    if Kind::of(&parsed).is_none() {
        return Err(ServiceError::not_implemented(format!("Tule does not implement targets like {arn} yet")));
    }
    let ways = ["Input", "InputPath", "InputTransformer"];
    if ways.iter().filter(|name| target.get(**name).is_some_and(|value| !value.is_null())).count() > 1 {
        return Err(ServiceError::validation(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {}.",
            text(target, "Id")
        )));
    }
    transform::check(target)
}

pub(crate) async fn put(state: &Arc<State>, ctx: &CallContext, members: &Members) -> Answer {
    let given = members.get("Targets").and_then(Value::as_array).cloned().unwrap_or_default();
    let given: Vec<Members> = given.iter().filter_map(Value::as_object).cloned().collect();
    for target in &given {
        check(target)?;
    }
    rule::change(state, ctx, members, "Rule", |rule| {
        for target in given {
            let id = text(&target, "Id").to_owned();
            match rule.targets.iter_mut().find(|known| known.id() == id) {
                Some(known) => *known = Target(target),
                None => rule.targets.push(Target(target)),
            }
        }
        if rule.targets.len() > MOST {
            let text = "The requested resource exceeds the maximum number allowed.";
            return Err(ServiceError::bad_request("LimitExceededException", text));
        }
        Ok(())
    })
    .await?;
    Ok(Output::of(json!({ "FailedEntryCount": 0, "FailedEntries": [] })))
}

pub(crate) async fn remove(state: &Arc<State>, ctx: &CallContext, members: &Members) -> Answer {
    let ids = members.get("Ids").and_then(Value::as_array).cloned().unwrap_or_default();
    let failed = rule::change(state, ctx, members, "Rule", |rule| {
        let is_there = |id: &Value| rule.targets.iter().any(|target| Some(target.id()) == id.as_str());
        let failed: Vec<Value> = ids.iter().filter(|id| !is_there(id)).cloned().collect();
        rule.targets.retain(|target| !ids.iter().any(|id| Some(target.id()) == id.as_str()));
        Ok(failed)
    })
    .await?;
    let entries: Vec<Value> = failed
        .iter()
        .map(|id| json!({
            "TargetId": id, "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": format!("Rule does not have a target with the Id {}.", id.as_str().unwrap_or_default()),
        }))
        .collect();
    Ok(Output::of(json!({ "FailedEntryCount": entries.len(), "FailedEntries": entries })))
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let rule = rule::find(state, ctx, members, "Rule")?;
    // A rule's targets are few: they fit any page.
    let targets: Vec<Value> = rule.targets.iter().map(|target| Value::Object(target.0.clone())).collect();
    Ok(Output::of(json!({ "Targets": targets })))
}
