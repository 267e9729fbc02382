//! Rules: which events of a bus go to their targets, or when something happens by itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use aws_wire::ServiceError;
use event_pattern::Pattern;
use runtime::{CallContext, Output, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;

use crate::{
    Answer, Members, State,
    bus::{self, DEFAULT, Place},
    listed, page,
    schedule::Schedule,
    storage, tags,
    target::Target,
    text,
};

/// A rule, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) bus: String,
    pub(crate) pattern: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) description: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) targets: Vec<Target>,
    /// When its schedule began: rates count from here.
    pub(crate) since: Timestamp,
    /// The pattern, compiled when it is first needed.
    #[serde(skip)]
    compiled: OnceLock<Option<Pattern>>,
}

impl Rule {
    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    pub(crate) fn place(&self) -> Place {
        Place { scope: self.scope(), name: self.bus.clone() }
    }

    pub(crate) fn key(&self) -> Key {
        self.place().key().text(&self.name)
    }

    pub(crate) fn arn(&self) -> String {
        let resource = if self.bus == DEFAULT {
            format!("rule/{}", self.name)
        } else {
            format!("rule/{}/{}", self.bus, self.name)
        };
        self.scope().arn("events", &resource)
    }

    /// Whether the rule means an event.
    pub(crate) fn takes(&self, event: &Value) -> bool {
        let compiled = self
            .compiled
            .get_or_init(|| self.pattern.as_deref().and_then(|pattern| Pattern::parse(pattern).ok()));
        self.enabled && compiled.as_ref().is_some_and(|pattern| pattern.matches(event))
    }

    fn shown(&self) -> Value {
        json!({
            "Name": self.name,
            "Arn": self.arn(),
            "EventPattern": self.pattern,
            "ScheduleExpression": self.schedule,
            "State": if self.enabled { "ENABLED" } else { "DISABLED" },
            "Description": self.description,
            "RoleArn": self.role,
            "EventBusName": self.bus,
        })
    }
}

/// The rule that a request names.
pub(crate) fn find(
    state: &State,
    ctx: &CallContext,
    members: &Members,
    member: &str,
) -> Result<Arc<Rule>, ServiceError> {
    let place = bus::find(state, ctx, text(members, "EventBusName"))?;
    let name = text(members, member);
    let found = state.rules.get(&place.key().text(name));
    found.ok_or_else(|| {
        let text = format!("Rule {name} does not exist on EventBus {}.", place.name);
        ServiceError::bad_request("ResourceNotFoundException", text)
    })
}

fn pattern_error(error: event_pattern::PatternError) -> ServiceError {
    ServiceError::bad_request("InvalidEventPatternException", error.0)
}

pub(crate) async fn put(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let given =
        |name: &str| members.get(name).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned);
    let (pattern, schedule) = (given("EventPattern"), given("ScheduleExpression"));
    if pattern.is_none() && schedule.is_none() {
        let text = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        return Err(ServiceError::validation(text));
    }
    if let Some(pattern) = &pattern {
        Pattern::parse(pattern).map_err(pattern_error)?;
    }
    let place = bus::find(state, ctx, text(members, "EventBusName"))?;
    if let Some(schedule) = &schedule {
        if place.name != DEFAULT {
            return Err(ServiceError::validation(
                "ScheduleExpression is supported only on the default event bus.",
            ));
        }
        Schedule::parse(schedule)?;
    }
    let enabled = match text(members, "State") {
        "" | "ENABLED" => true,
        "DISABLED" => false,
        other => {
            return Err(ServiceError::not_implemented(format!(
                "Tule does not implement the rule state {other} yet"
            )));
        }
    };
    let name = text(members, "Name");
    let key = place.key().text(name);
    let _turn = state.changing.turn(&key).await;
    let existing = state.rules.get(&key);
    let same_schedule = existing.as_ref().filter(|rule| rule.schedule == schedule);
    let rule = Rule {
        name: name.to_owned(),
        account: place.scope.account.to_string(),
        region: place.scope.region.to_string(),
        bus: place.name.clone(),
        pattern,
        since: same_schedule.map_or_else(|| state.clock.now(), |rule| rule.since),
        schedule,
        enabled,
        description: given("Description"),
        role: given("RoleArn"),
        tags: existing.as_ref().map_or_else(|| tags::of(members), |rule| rule.tags.clone()),
        targets: existing.map(|rule| rule.targets.clone()).unwrap_or_default(),
        compiled: OnceLock::new(),
    };
    let rule = state.rules.put(key, rule).await.map_err(storage)?;
    state.rescheduled.notify_one();
    Ok(Output::of(json!({ "RuleArn": rule.arn() })))
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let place = bus::find(state, ctx, text(members, "EventBusName"))?;
    let key = place.key().text(text(members, "Name"));
    let _turn = state.changing.turn(&key).await;
    if state.rules.get(&key).is_some_and(|rule| !rule.targets.is_empty()) {
        return Err(ServiceError::validation("Rule can't be deleted since it has targets."));
    }
    // One that is not there is no error.
    state.rules.remove(&key).await.map_err(storage)?;
    state.rescheduled.notify_one();
    Ok(Output::empty())
}

pub(crate) fn describe(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let rule = find(state, ctx, members, "Name")?;
    let mut shown = rule.shown();
    shown["CreatedBy"] = json!(rule.account);
    Ok(Output::of(shown))
}

pub(crate) async fn enable(state: &State, ctx: &CallContext, members: &Members, enabled: bool) -> Answer {
    change(state, ctx, members, "Name", |rule| {
        rule.enabled = enabled;
        Ok(())
    })
    .await?;
    Ok(Output::empty())
}

/// Changes a rule, in its turn.
pub(crate) async fn change<T>(
    state: &State,
    ctx: &CallContext,
    members: &Members,
    member: &str,
    change: impl FnOnce(&mut Rule) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    let found = find(state, ctx, members, member)?;
    let _turn = state.changing.turn(&found.key()).await;
    let mut rule = (*find(state, ctx, members, member)?).clone();
    let done = change(&mut rule)?;
    state.rules.put(rule.key(), rule).await.map_err(storage)?;
    state.rescheduled.notify_one();
    Ok(done)
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let place = bus::find(state, ctx, text(members, "EventBusName"))?;
    let prefix = text(members, "NamePrefix");
    let found = page(&state.rules, members, &place.key(), "ListRules", prefix, |rule| {
        (rule.name.clone(), rule.shown())
    })?;
    Ok(listed("Rules", found))
}

pub(crate) fn names_by_target(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let place = bus::find(state, ctx, text(members, "EventBusName"))?;
    let wanted = text(members, "TargetArn");
    let rules = state.rules.page(&place.key(), None, usize::MAX);
    let named = rules.iter().filter(|rule| rule.targets.iter().any(|target| target.arn() == wanted));
    let names: Vec<&str> = named.map(|rule| rule.name.as_str()).collect();
    Ok(Output::of(json!({ "RuleNames": names })))
}

pub(crate) fn test_pattern(members: &Members) -> Answer {
    let pattern = Pattern::parse(text(members, "EventPattern")).map_err(pattern_error)?;
    let event: Value = serde_json::from_str(text(members, "Event")).map_err(|error| {
        ServiceError::validation(format!("Parameter Event is not valid. Reason: {error}"))
    })?;
    let required = ["id", "account", "source", "time", "region", "resources", "detail-type"];
    if let Some(missing) = required.iter().find(|name| event.get(**name).is_none()) {
        return Err(ServiceError::validation(format!(
            "Parameter Event is not valid. Reason: Event must contain the field {missing}."
        )));
    }
    Ok(Output::of(json!({ "Result": pattern.matches(&event) })))
}
