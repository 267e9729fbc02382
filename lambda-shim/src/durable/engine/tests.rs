//! The engine on moments of its own: what functions say goes in, what is kept and done comes out.
#![expect(clippy::needless_pass_by_value, reason = "cases are written where they are used")]

use std::sync::Arc;

use runtime::Timestamp;
use serde_json::{Value, json};

use super::{
    checkpoint::{self, Answer, Checkpoint, Target},
    control::{self, Request},
    draft::{Change, Draft, Effect},
    execution::{Execution, Identity, Origin, Status},
    invocation::{self, Ended},
    operation::{ErrorObject, OperationStatus},
    rules::Invalid,
    update::Update,
};

/// An execution and the moment it is at.
struct World {
    execution: Execution,
    now: i64,
    history: Vec<Value>,
    effects: Vec<Effect>,
    outcome: Option<super::execution::Outcome>,
    /// The token of the last event or answer.
    token: String,
    invocations: u32,
}

impl World {
    fn new(timeout: u32) -> Self {
        let identity = Identity {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            function: "f".to_owned(),
            version: "1".to_owned(),
            name: "n".to_owned(),
            id: "e".to_owned(),
            started: Timestamp(0),
            timeout,
            retention: 1,
            kms_key: None,
            input_hash: String::new(),
            origin: Origin::Synchronous,
            trace: String::new(),
            tenant: None,
        };
        let execution = Execution::new(Arc::new(identity));
        let (history, effects, token) = (Vec::new(), Vec::new(), String::new());
        let mut world = Self { execution, now: 0, history, effects, outcome: None, token, invocations: 0 };
        let id = world.next_id();
        world.change(|draft| invocation::begin(draft, Some("5".to_owned()), &id));
        world
    }

    fn next_id(&mut self) -> String {
        self.invocations += 1;
        format!("r{}", self.invocations)
    }

    fn change<T>(&mut self, decide: impl FnOnce(&mut Draft<'_>) -> T) -> T {
        let mut draft = Draft::new(&self.execution, Timestamp(self.now));
        let answer = decide(&mut draft);
        let Change { events, effects, outcome, .. } = &mut draft.change;
        self.history.extend(events.drain(..).map(|event| Value::Object(event.0)));
        for effect in effects.drain(..) {
            if let Effect::Invoke { event, .. } = &effect {
                let event: Value = serde_json::from_str(event).unwrap();
                self.token = event["CheckpointToken"].as_str().unwrap().to_owned();
            }
            self.effects.push(effect);
        }
        self.outcome = outcome.take().or(self.outcome.take());
        let change = draft.change;
        self.execution.apply(change);
        answer
    }

    fn checkpoint_as(&mut self, client_token: Option<&str>, updates: Value) -> Result<Answer, Invalid> {
        let token = self.token.clone();
        let updates: Vec<Update> =
            updates.as_array().unwrap().iter().map(|it| Update::read(it).unwrap()).collect();
        let asked = Checkpoint { token: &token, client_token, updates: &updates };
        let answer = self.change(|draft| match checkpoint::repeated(draft, &asked) {
            Some(answer) => Ok(answer),
            None => checkpoint::apply(draft, &asked, |invoke| match invoke.function.as_str() {
                "plain" => Target::Plain { version: "$LATEST".to_owned(), request_id: "p".to_owned() },
                "durable:1" => {
                    Target::Durable { version: "1".to_owned(), id: "c".to_owned(), arn: "arn:c".to_owned() }
                }
                _ => Target::Refused(ErrorObject::new(Some("ResourceNotFoundException"), "no")),
            }),
        })?;
        if let Some(token) = &answer.token {
            self.token.clone_from(token);
        }
        Ok(answer)
    }

    fn checkpoint(&mut self, updates: Value) -> Answer {
        self.checkpoint_as(None, updates).unwrap()
    }

    /// What a checkpoint is refused with, which changes nothing.
    fn refused(&mut self, updates: Value) -> String {
        let before = (self.execution.progress.clone(), self.execution.operations.clone());
        let token = self.token.clone();
        let updates: Vec<Update> =
            updates.as_array().unwrap().iter().map(|it| Update::read(it).unwrap()).collect();
        let asked = Checkpoint { token: &token, client_token: None, updates: &updates };
        let mut draft = Draft::new(&self.execution, Timestamp(self.now));
        let refusal = checkpoint::apply(&mut draft, &asked, |_| Target::Refused(ErrorObject::default()));
        assert_eq!(before, (self.execution.progress.clone(), self.execution.operations.clone()));
        refusal.unwrap_err().0
    }

    fn returns(&mut self, said: Value) {
        self.ended(Ended::Returned(Some(said.to_string())));
    }

    fn ended(&mut self, ended: Ended) {
        let id = self.execution.progress.invocation.clone().unwrap().id;
        let next = self.next_id();
        self.change(|draft| invocation::ended(draft, &id, ended, &next));
    }

    fn pending(&mut self) {
        self.returns(json!({"Status": "PENDING"}));
    }

    fn at(&mut self, seconds: i64) {
        self.now = seconds * 1000;
        let next = self.next_id();
        self.change(|draft| control::elapse(draft, &next));
    }

    fn status(&self) -> Status {
        self.execution.progress.status
    }

    fn is_invoked(&self) -> bool {
        self.execution.progress.invocation.is_some()
    }

    fn operation(&self, id: &str) -> &super::operation::Operation {
        &self.execution.operations[self.execution.find(id).unwrap()]
    }

    /// The kinds of events, and their ids in order.
    fn kinds(&self) -> Vec<&str> {
        let ids: Vec<_> = self.history.iter().map(|event| event["EventId"].as_u64().unwrap()).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
        self.history.iter().map(|event| event["EventType"].as_str().unwrap()).collect()
    }
}

fn wait(id: &str, seconds: u32) -> Value {
    json!({"Id": id, "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": seconds}})
}

fn step(id: &str, action: &str) -> Value {
    json!({"Id": id, "Type": "STEP", "Action": action})
}

fn request(client_token: &str, reason: Option<&str>) -> Request {
    Request {
        client_token: Some(client_token.to_owned()),
        reason: reason.map(str::to_owned),
        holds_timeout: true,
    }
}

#[test]
fn a_wait_is_over_when_its_moment_comes() {
    let mut world = World::new(60);
    let answer = world.checkpoint(json!([wait("w", 5)]));
    assert_eq!(answer.operations[0]["WaitDetails"]["ScheduledEndTimestamp"], 5.0);
    world.pending();
    assert!(!world.is_invoked());
    assert_eq!(world.execution.next_due(), Some(Timestamp(5000)));
    world.at(4);
    assert!(!world.is_invoked());
    world.at(5);
    assert!(world.is_invoked());
    world.returns(json!({"Status": "SUCCEEDED", "Result": "1"}));
    let expected = [
        "ExecutionStarted",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ];
    assert_eq!(world.kinds(), expected);
    assert_eq!(world.outcome.unwrap().result.as_deref(), Some("1"));
    // It is kept for a day.
    assert_eq!(world.execution.next_due(), Some(Timestamp(5000 + 86_400_000)));
}

#[test]
fn a_wait_that_ends_during_the_invocation_is_told_in_the_next_answer() {
    let mut world = World::new(60);
    world.checkpoint(json!([wait("w", 5)]));
    world.at(6);
    let answer = world.checkpoint(json!([]));
    assert_eq!(answer.operations[0]["Status"], "SUCCEEDED");
    // The function may have been about to wait for it: it is invoked once more.
    world.pending();
    assert!(world.is_invoked());
}

#[test]
fn pending_for_nothing_is_forgiven_twice() {
    let mut world = World::new(60);
    world.pending();
    world.pending();
    assert_eq!(world.status(), Status::Running);
    world.pending();
    assert_eq!(world.status(), Status::Failed);
    let error = world.outcome.unwrap().error.unwrap();
    assert_eq!(error.message.unwrap(), "Cannot return PENDING status with no pending operations.");
}

#[test]
fn steps_are_tried_again_and_count() {
    let mut world = World::new(600);
    world.checkpoint(json!([step("s", "START")]));
    let retry = json!([{"Id": "s", "Type": "STEP", "Action": "RETRY", "Error": {"ErrorType": "E"},
        "StepOptions": {"NextAttemptDelaySeconds": 3}}]);
    let answer = world.checkpoint(retry);
    let details = &answer.operations[0]["StepDetails"];
    assert_eq!((&details["Attempt"], &details["NextAttemptTimestamp"]), (&json!(1), &json!(3.0)));
    assert_eq!(world.refused(json!([step("s", "SUCCEED")])), "Invalid current STEP state to close.");
    world.pending();
    world.at(3);
    assert_eq!(world.operation("s").status, OperationStatus::Ready);
    let done = json!([step("s", "START"), {"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "7"}]);
    let answer = world.checkpoint(done);
    assert_eq!(answer.operations.len(), 1);
    assert_eq!(answer.operations[0]["StepDetails"], json!({"Attempt": 2, "Result": "7"}));
    let last = world.history.last().unwrap();
    assert_eq!(last["StepSucceededDetails"]["RetryDetails"], json!({"CurrentAttempt": 2}));
    let failed = &world.history[2]["StepFailedDetails"];
    assert_eq!(failed["RetryDetails"], json!({"CurrentAttempt": 1, "NextAttemptDelaySeconds": 3}));
}

#[test]
fn tokens_are_used_once_and_by_their_invocation() {
    let mut world = World::new(600);
    let first = world.token.clone();
    world.checkpoint(json!([step("s", "START")]));
    let second = world.token.clone();
    for stale in [first.as_str(), "rubbish", ""] {
        stale.clone_into(&mut world.token);
        assert_eq!(world.refused(json!([])), "Invalid checkpoint token", "{stale}");
    }
    world.token = second;
    world.checkpoint(json!([wait("w", 1)]));
    let of_the_first_invocation = world.token.clone();
    world.pending();
    world.token.clone_from(&of_the_first_invocation);
    assert_eq!(world.refused(json!([])), "Invalid checkpoint token");
    world.at(1);
    world.token = of_the_first_invocation;
    assert_eq!(world.refused(json!([])), "Invalid checkpoint token");
}

#[test]
fn a_checkpoint_asked_for_again_is_answered_again_and_done_once() {
    let mut world = World::new(6000);
    let token = world.token.clone();
    let first = world.checkpoint_as(Some("c"), json!([step("s", "START")])).unwrap();
    world.token.clone_from(&token);
    let again = world.checkpoint_as(Some("c"), json!([step("s", "START")])).unwrap();
    assert_eq!(first, again);
    assert_eq!(world.kinds(), ["ExecutionStarted", "StepStarted"]);
    world.token.clone_from(&token);
    assert!(world.checkpoint_as(Some("d"), json!([])).is_err());
    // A quarter of an hour later it is forgotten.
    world.now = 15 * 60 * 1000;
    world.token = token;
    assert!(world.checkpoint_as(Some("c"), json!([])).is_err());
}

#[test]
fn what_a_checkpoint_may_not_say() {
    let mut world = World::new(600);
    world.checkpoint(
        json!([step("s", "START"), {"Id": "c", "Type": "CONTEXT", "Action": "START"}, wait("w", 9)]),
    );
    let cases = [
        (json!([step("s", "START")]), "Invalid current STEP state to start."),
        (
            json!([step("x", "START"), step("x", "START")]),
            "Cannot checkpoint multiple operations with the same ID.",
        ),
        (json!([wait("w", 1)]), "Cannot start a WAIT that already exist."),
        (
            json!([{"Id": "y", "Type": "WAIT", "Action": "START"}]),
            "Update for WAIT operation requires WaitOptions.",
        ),
        (
            json!([{"Id": "y", "Type": "WAIT", "Action": "CANCEL"}]),
            "Cannot cancel a WAIT that does not exist or has already completed.",
        ),
        (
            json!([{"Id": "c", "Type": "CONTEXT", "Action": "START"}]),
            "Cannot start a CONTEXT that already exist.",
        ),
        (json!([{"Id": "c", "Type": "STEP", "Action": "START"}]), "Inconsistent operation type."),
        (
            json!([{"Id": "s", "Name": "other", "Type": "STEP", "Action": "FAIL"}]),
            "Inconsistent operation name.",
        ),
        (
            json!([{"Id": "y", "ParentId": "s", "Type": "STEP", "Action": "START"}]),
            "Invalid parent operation id.",
        ),
        (
            json!([{"Id": "s", "Type": "STEP", "Action": "FAIL", "Payload": "1"}]),
            "Cannot provide a Payload for FAIL action.",
        ),
        (
            json!([{"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Error": {}}]),
            "Cannot provide an Error for SUCCEED action.",
        ),
        (json!([step("s", "RETRY")]), "Invalid StepOptions for the given action."),
        (json!([step("s", "CANCEL")]), "Invalid action for the given operation type."),
        (
            json!([{"Id": "k", "Type": "CALLBACK", "Action": "SUCCEED"}]),
            "Invalid action for the given operation type.",
        ),
        (
            json!([{"Id": "e", "Type": "EXECUTION", "Action": "SUCCEED"}, step("x", "START")]),
            "EXECUTION checkpoint must be the last update.",
        ),
        (
            json!([{"Id": "i", "Type": "CHAINED_INVOKE", "Action": "START",
                "ChainedInvokeOptions": {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f:1"}}]),
            "Cannot start a CHAINED_INVOKE on a function in another region.",
        ),
        (
            json!([{"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "x".repeat((1 << 20) + 1)}]),
            "STEP payload size must be less than or equal to 1048576 bytes.",
        ),
    ];
    for (updates, text) in cases {
        assert_eq!(world.refused(updates), text);
    }
}

#[test]
fn there_are_no_more_operations_than_the_quota() {
    let mut world = World::new(600);
    let steps: Vec<Value> = (1..3000).map(|number| step(&format!("s{number}"), "START")).collect();
    world.checkpoint(json!(steps));
    assert!(world.refused(json!([step("one-more", "START")])).contains("3000 operations"));
}

#[test]
fn callbacks_are_answered_or_time_out() {
    let mut world = World::new(600);
    let callback = |id: &str, options: Value| json!({"Id": id, "Type": "CALLBACK", "Action": "START", "CallbackOptions": options});
    let options = json!({"TimeoutSeconds": 20, "HeartbeatTimeoutSeconds": 5});
    world.checkpoint(json!([
        callback("a", json!({})),
        callback("b", options),
        callback("c", json!({"TimeoutSeconds": 9})),
    ]));
    world.pending();
    world.now = 4000;
    assert!(world.change(|draft| control::callback(draft, "b", control::Answer::Heartbeat, "h")));
    world.at(5);
    assert!(!world.is_invoked());
    world.at(9);
    assert!(world.is_invoked());
    let error = |world: &World, id: &str| world.operation(id).error.clone().unwrap().kind.unwrap();
    assert_eq!(error(&world, "b"), "Callback.Heartbeat");
    assert_eq!(error(&world, "c"), "Callback.Timeout");
    let late = control::Answer::Succeeded(None);
    assert!(!world.change(|draft| control::callback(draft, "b", late.clone(), "h")));
    assert!(!world.change(|draft| control::callback(draft, "nope", late, "h")));
    world.pending();
    let answer = control::Answer::Succeeded(Some("\"yes\"".to_owned()));
    assert!(world.change(|draft| control::callback(draft, "a", answer, "r")));
    assert!(world.is_invoked());
    assert_eq!(world.operation("a").result.as_deref(), Some("\"yes\""));
}

#[test]
fn chained_invocations_begin_with_the_checkpoint() {
    let mut world = World::new(600);
    let invoke = |id: &str, function: &str| {
        json!({"Id": id, "Type": "CHAINED_INVOKE", "Action": "START", "Payload": "1",
            "ChainedInvokeOptions": {"FunctionName": function}})
    };
    world.effects.clear();
    let answer =
        world.checkpoint(json!([invoke("a", "plain"), invoke("b", "durable:1"), invoke("c", "missing")]));
    assert_eq!(world.effects, [Effect::RunFunction { operation: "a".to_owned() }]);
    assert_eq!(
        answer.operations[2]["ChainedInvokeDetails"]["Error"]["ErrorType"],
        "ResourceNotFoundException"
    );
    let started = &world.history[2]["ChainedInvokeStartedDetails"];
    assert_eq!(
        (&started["DurableExecutionArn"], &started["ExecutedVersion"]),
        (&json!("arn:c"), &json!("1"))
    );
    assert_eq!(world.history[3]["ChainedInvokeStartedDetails"], json!({"FunctionName": "missing"}));
    assert_eq!(world.kinds().last(), Some(&"ChainedInvokeFailed"));
}

#[test]
fn invocations_that_break_off_are_made_again_with_growing_waits() {
    let mut world = World::new(600);
    let broken = || Ended::Failed(ErrorObject::new(Some("Runtime.ExitError"), "it exited"));
    world.ended(broken());
    assert_eq!(world.execution.next_due(), Some(Timestamp(1000)));
    world.at(1);
    assert!(world.is_invoked());
    world.ended(broken());
    assert_eq!(world.execution.next_due(), Some(Timestamp(3000)));
    let details = &world.history.last().unwrap()["InvocationCompletedDetails"];
    assert_eq!(details["Error"]["Payload"]["ErrorType"], "Runtime.ExitError");
    // It goes on until the execution times out.
    world.at(600);
    assert_eq!(world.status(), Status::TimedOut);
    let gone = World::new(60);
    let mut gone = gone;
    gone.ended(Ended::Gone(ErrorObject::new(Some("ResourceNotFoundException"), "no")));
    assert_eq!(gone.status(), Status::Failed);
}

#[test]
fn answers_that_are_none_fail_the_execution() {
    for (said, text) in [
        (json!({"hello": 1}), "Invalid Status in invocation output."),
        (json!("SUCCEEDED"), "Invalid Status in invocation output."),
        (json!({"Status": "SUCCEEDED", "Error": {}}), "Cannot provide an Error for SUCCEEDED status."),
        (json!({"Status": "FAILED", "Result": "1"}), "Cannot provide a Result for FAILED status."),
    ] {
        let mut world = World::new(60);
        world.returns(said);
        let error = world.outcome.unwrap().error.unwrap();
        assert_eq!(
            (error.kind.as_deref(), error.message.as_deref()),
            (Some("InvalidParameterValueException"), Some(text))
        );
    }
}

#[test]
fn the_execution_can_end_by_checkpoint() {
    let mut world = World::new(60);
    let answer =
        world.checkpoint(json!([{"Id": "e", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "9"}]));
    assert_eq!(answer.token, None);
    assert_eq!(world.status(), Status::Succeeded);
    world.returns(json!({"Status": "SUCCEEDED", "Result": ""}));
    assert_eq!(world.kinds(), ["ExecutionStarted", "ExecutionSucceeded", "InvocationCompleted"]);
    assert_eq!(world.outcome.unwrap().result.as_deref(), Some("9"));
}

#[test]
fn a_pause_takes_the_token_and_holds_the_time() {
    let mut world = World::new(60);
    world.now = 10_000;
    world.change(|draft| control::pause(draft, &request("p", Some("look")))).unwrap();
    assert_eq!(world.status(), Status::Pausing);
    let answer = world.checkpoint(json!([wait("w", 5)]));
    assert_eq!((answer.token, answer.operations.len()), (None, 0));
    assert_eq!(world.status(), Status::Paused);
    world.pending();
    // The same request again changes nothing; another one is refused.
    world.change(|draft| control::pause(draft, &request("p", Some("look")))).unwrap();
    assert!(world.change(|draft| control::pause(draft, &request("q", None))).is_err());
    // Waits go on, the execution's own time does not.
    world.at(100);
    assert_eq!((world.status(), world.is_invoked()), (Status::Paused, false));
    assert_eq!(world.operation("w").status, OperationStatus::Succeeded);
    world.change(|draft| control::resume(draft, &request("r", None), "after")).unwrap();
    assert_eq!((world.status(), world.is_invoked()), (Status::Running, true));
    assert_eq!(world.execution.progress.deadline, Some(Timestamp(150_000)));
    assert!(world.change(|draft| control::resume(draft, &request("s", None), "x")).is_err());
    let paused = world.history.iter().find(|event| event["EventType"] == "ExecutionPaused").unwrap();
    assert_eq!(paused["ExecutionPausedDetails"]["Reason"]["Payload"], "look");
    assert!(world.kinds().contains(&"ExecutionResumed"));
}

#[test]
fn a_pause_can_be_taken_back_before_it_begins() {
    let mut world = World::new(60);
    world.change(|draft| control::pause(draft, &request("p", None))).unwrap();
    world.change(|draft| control::resume(draft, &request("r", None), "x")).unwrap();
    assert_eq!(world.status(), Status::Running);
    assert!(world.checkpoint(json!([wait("w", 1)])).token.is_some());
    // One that waits for nothing but time is paused at once, and nothing is owed at its end.
    world.pending();
    world.change(|draft| control::pause(draft, &request("p2", None))).unwrap();
    assert_eq!(world.status(), Status::Paused);
    world.change(|draft| control::resume(draft, &request("r2", None), "x")).unwrap();
    assert!(!world.is_invoked());
    world.at(1);
    assert!(world.is_invoked());
}

#[test]
fn a_restart_invokes_again_what_was_being_invoked() {
    let mut world = World::new(600);
    world.checkpoint(json!([wait("w", 5), step("s", "START")]));
    let stale = world.token.clone();
    world.change(|draft| control::recover(draft, "again"));
    assert_eq!(world.execution.progress.invocation.as_ref().unwrap().id, "again");
    assert_ne!(world.token, stale);
    world.pending();
    // Nothing is under way, so nothing is made again but what is due.
    world.change(|draft| control::recover(draft, "nothing"));
    assert!(!world.is_invoked());
    world.now = 6000;
    world.change(|draft| control::recover(draft, "due"));
    assert!(world.is_invoked());
}

#[test]
fn what_a_closed_context_holds_is_left_out_unless_it_is_wanted() {
    let mut world = World::new(600);
    let context = |id: &str, action: &str, replays: bool| json!({"Id": id, "Type": "CONTEXT", "Action": action, "ContextOptions": {"ReplayChildren": replays}});
    let inside =
        |id: &str, parent: &str| json!({"Id": id, "ParentId": parent, "Type": "STEP", "Action": "START"});
    world.checkpoint(json!([
        context("a", "START", false),
        inside("a1", "a"),
        context("b", "START", false),
        inside("b1", "b"),
    ]));
    world.checkpoint(json!([context("a", "SUCCEED", false), context("b", "SUCCEED", true)]));
    let (shown, next) = super::show::state(&world.execution, 0, 100);
    let ids: Vec<_> = shown.iter().map(|it| it["Id"].as_str().unwrap()).collect();
    assert_eq!((ids, next), (vec!["e", "a", "b", "b1"], None));
    let (shown, next) = super::show::state(&world.execution, 0, 2);
    assert_eq!((shown.len(), next), (2, Some(3)));
    assert_eq!(super::show::state(&world.execution, 3, 2).0.len(), 2);
}

#[test]
fn stopping_and_deleting() {
    let mut world = World::new(600);
    assert!(world.change(control::delete).is_err());
    world.now = 1000;
    world.change(|draft| control::stop(draft, Some(ErrorObject::new(None, "enough"))));
    assert_eq!(world.status(), Status::Stopped);
    world.now = 5000;
    assert_eq!(world.change(|draft| control::stop(draft, None)), Timestamp(1000));
    assert_eq!(world.outcome.clone().unwrap().error.unwrap().message.unwrap(), "enough");
    assert_eq!(world.refused(json!([])), "Invalid checkpoint token");
    world.change(control::delete).unwrap();
    assert_eq!(world.status(), Status::Deleting);
    assert!(world.change(control::delete).is_err());
}
