//! What an expression can see: the input, the context object, the variables, and a source of random numbers.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{payload::Payload, seed::Seed, time::Timestamp};

/// Variables by name.
pub type Variables = BTreeMap<String, Payload>;

/// What is known of an execution before it begins; the part of the context object that never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContextObject {
    /// The execution's ARN.
    pub execution_arn: Arc<str>,
    /// Its name.
    pub execution_name: Arc<str>,
    /// The role it runs under.
    pub role_arn: Arc<str>,
    /// The state machine's ARN, without a version or alias.
    pub state_machine_arn: Arc<str>,
    /// Its name.
    pub state_machine_name: Arc<str>,
    /// The alias it was started by.
    pub alias_arn: Option<Arc<str>>,
    /// The version it was started by.
    pub version_arn: Option<Arc<str>>,
    /// The region, for the events that name it.
    pub region: Arc<str>,
    /// Whether the state machine is of the type Express.
    pub express: bool,
    /// Whether tasks say which attempt of which state they are, for mocked integrations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts_attempts: bool,
}

/// The part of the context object that a state adds.
#[derive(Debug, Clone, Copy)]
pub struct StateContext<'a> {
    /// The state's name.
    pub name: &'a str,
    /// When it was entered.
    pub entered: Timestamp,
    /// How often it was retried; `None` for states that cannot be.
    pub retry_count: Option<u32>,
    /// The token of a task that waits for a callback.
    pub task_token: Option<&'a str>,
}

/// The item an iteration of a Map works on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MapItem {
    /// Its place in the array.
    pub index: usize,
    /// The item.
    pub value: Payload,
    /// The name it has in an object, if it is a member of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where it comes from; only distributed Maps say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl MapItem {
    /// As the context object shows it.
    fn shown(&self) -> Value {
        let mut shown = json!({ "Index": self.index, "Value": self.value.value() });
        if let Some(key) = &self.key {
            shown["Key"] = json!(key);
        }
        if let Some(source) = &self.source {
            shown["Source"] = json!(source);
        }
        json!({ "Item": shown })
    }
}

/// Everything an expression may look at. Cheap to make; the context object is built when first asked for.
pub struct Environment<'a> {
    input: &'a Value,
    execution: &'a ContextObject,
    started: Timestamp,
    execution_input: &'a Payload,
    state: StateContext<'a>,
    map_item: Option<&'a MapItem>,
    variables: &'a [&'a Variables],
    seed: &'a Seed,
    now: Timestamp,
    redriven: (u64, Option<Timestamp>),
    /// `$states.result` of JSONata states.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput` of JSONata states.
    pub error_output: Option<&'a Value>,
    /// The context object, where it is not the execution's own.
    given: Option<&'a Value>,
    context: OnceCell<Value>,
}

impl<'a> Environment<'a> {
    /// An environment of an execution, a state and its input; `variables` from the innermost scope outwards.
    #[expect(clippy::too_many_arguments, reason = "each is one thing an expression can see")]
    pub fn new(
        execution: &'a ContextObject,
        started: Timestamp,
        execution_input: &'a Payload,
        state: StateContext<'a>,
        map_item: Option<&'a MapItem>,
        variables: &'a [&'a Variables],
        seed: &'a Seed,
        input: &'a Value,
    ) -> Self {
        Self {
            input,
            execution,
            started,
            execution_input,
            state,
            map_item,
            variables,
            seed,
            now: started,
            redriven: (0, None),
            result: None,
            error_output: None,
            given: None,
            context: OnceCell::new(),
        }
    }

    /// The same at the moment of a step.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// The same with another context object than the execution's own.
    #[must_use]
    pub fn with_context(mut self, context: &'a Value) -> Self {
        self.given = Some(context);
        self
    }

    /// The same of an execution that was redriven so often, the last time then.
    #[must_use]
    pub fn redriven(mut self, redriven: (u64, Option<Timestamp>)) -> Self {
        self.redriven = redriven;
        self
    }

    /// The same with another item of a Map.
    #[must_use]
    pub fn with_map_item<'b>(&'b self, item: &'b MapItem) -> Environment<'b> {
        Environment { map_item: Some(item), context: OnceCell::new(), ..*self }
    }

    /// The input, as far as it has been processed.
    pub fn input(&self) -> &Value {
        self.input
    }

    /// A variable's value: the innermost scope that has it.
    pub fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.iter().find_map(|scope| scope.get(name)).map(Payload::value)
    }

    /// All variables that can be seen, inner ones over outer ones.
    pub fn all_variables(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.variables
            .iter()
            .rev()
            .flat_map(|scope| scope.iter())
            .map(|(name, value)| (name.as_str(), value.value()))
    }

    /// Random numbers.
    pub fn seed(&self) -> &Seed {
        self.seed
    }

    /// The moment of the step, for JSONata's clock.
    pub fn now(&self) -> i64 {
        self.now.0
    }

    /// `$states`, as far as an expression reads it.
    pub fn states(&self, part: jsonata::Part<'_>) -> Value {
        let member = |name: &str| match name {
            "input" => Some(self.input),
            "context" => Some(self.context()),
            "result" => self.result,
            "errorOutput" => self.error_output,
            _ => None,
        };
        let mut states = Map::new();
        match part.members() {
            Some(members) => {
                for (name, part) in members {
                    states.extend(member(name).map(|value| (name.to_owned(), part.of(value))));
                }
            }
            None => {
                for name in ["input", "context", "result", "errorOutput"] {
                    states.extend(member(name).map(|value| (name.to_owned(), value.clone())));
                }
            }
        }
        Value::Object(states)
    }

    /// The context object, `$$`.
    pub fn context(&self) -> &Value {
        self.context.get_or_init(|| self.build_context())
    }

    fn build_context(&self) -> Value {
        if let Some(Value::Object(given)) = self.given {
            let mut context = given.clone();
            context.extend(self.map_item.map(|item| (String::from("Map"), item.shown())));
            return Value::Object(context);
        }
        let mut execution = Map::new();
        execution.insert("Id".into(), json!(&*self.execution.execution_arn));
        execution.insert("Input".into(), self.execution_input.value().clone());
        execution.insert("StartTime".into(), json!(self.started.rfc3339()));
        execution.insert("Name".into(), json!(&*self.execution.execution_name));
        // A state that is only tested may have no role.
        let role_arn = Some(&*self.execution.role_arn).filter(|role_arn| !role_arn.is_empty());
        execution.insert("RoleArn".into(), json!(role_arn));
        if !self.execution.express {
            let (count, at) = self.redriven;
            execution.insert("RedriveCount".into(), json!(count));
            if let Some(at) = at {
                execution.insert("RedriveTime".into(), json!(at.rfc3339()));
            }
        }
        let mut state = Map::new();
        state.insert("Name".into(), json!(self.state.name));
        state.insert("EnteredTime".into(), json!(self.state.entered.rfc3339()));
        if let Some(count) = self.state.retry_count {
            state.insert("RetryCount".into(), json!(count));
        }
        let mut context = Map::new();
        context.insert("Execution".into(), Value::Object(execution));
        if let Some(item) = self.map_item {
            context.insert("Map".into(), item.shown());
        }
        let machine =
            json!({ "Id": &*self.execution.state_machine_arn, "Name": &*self.execution.state_machine_name });
        context.insert("StateMachine".into(), machine);
        context.insert("State".into(), Value::Object(state));
        if let Some(token) = self.state.task_token {
            context.insert("Task".into(), json!({ "Token": token }));
        }
        Value::Object(context)
    }
}
