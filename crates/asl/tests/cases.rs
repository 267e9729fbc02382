//! Runs the cases of `fixtures/asl/**/*.md`: a definition, an input, what the tasks answer, and the history expected.
//!
//! Each runs straight, and again with a crash after every commit: once the execution is rebuilt from its journal, once
//! from a snapshot. All histories must be equal. `BLESS=1` writes the histories that come out into the files.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
};

use asl::{
    Command, ContextObject, Definition, Execution, HistoryEvent, Payload, Seed, Signal, Step, TimerId,
    Timestamp, map_run::MapRunOutcome,
};

/// A case as its file says it.
struct Case {
    definition: String,
    input: String,
    express: bool,
    tasks: Vec<String>,
    history: String,
}

fn block<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let open = text.find(&format!("```{name}\n"))? + name.len() + 4;
    let close = text[open..].find("\n```")? + open;
    Some(&text[open..close])
}

fn read(text: &str) -> Case {
    Case {
        definition: block(text, "json definition").expect("a definition").to_owned(),
        input: block(text, "json input").unwrap_or("{}").to_owned(),
        express: text.contains("Type: EXPRESS"),
        tasks: block(text, "text tasks").unwrap_or("").lines().map(str::to_owned).collect(),
        history: block(text, "text history").unwrap_or("").to_owned(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    Never,
    Journal,
    Snapshot,
}

const START: Timestamp = Timestamp(1_700_000_000_000);

fn begin(case: &Case, definition: &Arc<Definition>) -> (Execution, Step) {
    let context = ContextObject {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
        execution_name: "e".into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        state_machine_name: "m".into(),
        alias_arn: None,
        version_arn: None,
        region: "us-east-1".into(),
        express: case.express,
        counts_attempts: false,
    };
    let input = Payload::from_text(&case.input).expect("the input is JSON");
    Execution::start(Arc::clone(definition), context, input, Seed::new(42), START)
}

/// What happens around an execution: tasks answer by the script, time passes when nothing else does.
struct World<'c> {
    case: &'c Case,
    definition: Arc<Definition>,
    execution: Execution,
    journal: Vec<(Signal, Timestamp)>,
    events: Vec<HistoryEvent>,
    pending: VecDeque<Signal>,
    timers: BTreeMap<(Timestamp, TimerId), ()>,
    tasks: usize,
    now: Timestamp,
    crash: Crash,
}

impl World<'_> {
    fn act(&mut self, step: Step) {
        self.events.extend(step.events);
        self.crash();
        if step.more {
            self.pending.push_back(Signal::Continue);
        }
        for command in step.commands {
            match command {
                Command::StartTimer { timer, at } => {
                    self.timers.insert((at, timer), ());
                }
                Command::CancelTimer { timer, at } => {
                    self.timers.remove(&(at, timer));
                }
                Command::CancelTask { .. } | Command::StopExecution { .. } | Command::StopMapRun { .. } => {}
                Command::StartMapRun(run) | Command::RedriveMapRun { run, .. } => self.map_run(&run),
                Command::ScheduleTask(task) => {
                    let script = self.case.tasks.get(self.tasks).map_or("succeed {}", String::as_str);
                    self.tasks += 1;
                    let task = task.task;
                    for part in script.split(" then ") {
                        let (verb, rest) = part.split_once(' ').unwrap_or((part, ""));
                        let output = || Payload::from_text(rest).expect("the output is JSON");
                        self.pending.extend(match verb {
                            "succeed" => Some(Signal::TaskSucceeded { task, output: output() }),
                            "submit" => Some(Signal::TaskSubmitted { task, output: output() }),
                            "start" => Some(Signal::ActivityStarted { task, worker: Some(rest.to_owned()) }),
                            "beat" => Some(Signal::Heartbeat { task }),
                            "stop" => Some(Signal::StopRequested { error: None, cause: None }),
                            "never" => None,
                            "fail" => {
                                let (error, cause) = rest.split_once(' ').unwrap_or((rest, ""));
                                Some(Signal::TaskFailed {
                                    task,
                                    error: (!error.is_empty()).then(|| error.to_owned()),
                                    cause: (!cause.is_empty()).then(|| cause.to_owned()),
                                })
                            }
                            other => panic!("the script says {other}"),
                        });
                    }
                }
            }
        }
    }

    /// A Map Run ends as the script says.
    fn map_run(&mut self, run: &asl::map_run::MapRunSpec) {
        let script = self.case.tasks.get(self.tasks).map_or("succeed []", String::as_str);
        self.tasks += 1;
        let (verb, rest) = script.split_once(' ').unwrap_or((script, ""));
        let outcome = match verb {
            "succeed" => {
                MapRunOutcome::Succeeded { output: Payload::from_text(rest).expect("the output is JSON") }
            }
            "fail" => {
                let (error, cause) = rest.split_once(' ').unwrap_or((rest, ""));
                MapRunOutcome::Failed(asl::Failure::new(error, cause))
            }
            "never" => return,
            other => panic!("the script says {other}"),
        };
        self.pending.push_back(Signal::MapRunEnded { run: run.run, outcome });
    }

    fn crash(&mut self) {
        match self.crash {
            Crash::Never => {}
            Crash::Snapshot => {
                let snapshot = self.execution.snapshot();
                self.execution = Execution::restore(Arc::clone(&self.definition), &snapshot)
                    .expect("a snapshot can be restored");
            }
            Crash::Journal => {
                let (mut execution, step) = begin(self.case, &self.definition);
                let mut events = step.events;
                for (signal, at) in &self.journal {
                    // A journal is stored as text, so a replay reads it from there.
                    let text = serde_json::to_string(signal).expect("a signal can be written");
                    let signal = serde_json::from_str(&text).expect("a signal can be read");
                    events.extend(execution.handle(signal, *at).events);
                }
                assert_eq!(events, self.events, "a replay shows another history");
                self.execution = execution;
            }
        }
    }

    fn run(&mut self) {
        loop {
            let signal = if let Some(signal) = self.pending.pop_front() {
                signal
            } else if let Some(((at, timer), ())) = self.timers.pop_first() {
                self.now = self.now.max(at);
                Signal::TimerFired { timer }
            } else if self.case.tasks.get(self.tasks).is_some_and(|line| line == "redrive") {
                self.tasks += 1;
                Signal::Redriven
            } else {
                break;
            };
            self.journal.push((signal.clone(), self.now));
            let step = self.execution.handle(signal, self.now);
            self.act(step);
        }
    }
}

fn history(case: &Case, definition: &Arc<Definition>, crash: Crash) -> String {
    let (execution, step) = begin(case, definition);
    let mut world = World {
        case,
        definition: Arc::clone(definition),
        execution,
        journal: Vec::new(),
        events: Vec::new(),
        pending: VecDeque::new(),
        timers: BTreeMap::new(),
        tasks: 0,
        now: START,
        crash,
    };
    world.act(step);
    world.run();
    world.events.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `3<2 PassStateExited +1.5s {"name":…}`.
fn line(event: &HistoryEvent) -> String {
    let members = event.members(true);
    let details = members
        .as_object()
        .and_then(|members| members.iter().find(|(name, _)| name.ends_with("EventDetails")));
    let mut details = details.map(|(_, details)| details.clone()).unwrap_or_default();
    if let Some(details) = details.as_object_mut() {
        details.retain(|name, _| !name.ends_with("Details") && name != "roleArn");
    }
    let after = event.timestamp.0 - START.0;
    let after = if after == 0 { String::new() } else { format!(" +{after}ms") };
    let details = if details.is_null() { String::new() } else { format!(" {details}") };
    format!("{}<{} {}{after}{details}", event.id, event.previous_event_id, event.event_type.as_str())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            files(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "md")
            && !entry.ends_with("README.md")
        {
            found.push(entry);
        }
    }
}

fn check(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let case = read(&text);
    let (definition, diagnostics) = Definition::parse(&case.definition, case.express);
    let Some(definition) = definition.map(Arc::new) else {
        let found = diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        return compare(path, &text, &case.history, &found);
    };
    let straight = history(&case, &definition, Crash::Never);
    for crash in [Crash::Journal, Crash::Snapshot] {
        let crashed = history(&case, &definition, crash);
        if crashed != straight {
            return Err(format!("{}: {crash:?} gives another history:\n{crashed}", path.display()));
        }
    }
    compare(path, &text, &case.history, &straight)
}

fn compare(path: &Path, text: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        let open = text.find("```text history").expect("a history");
        std::fs::write(path, format!("{}```text history\n{found}\n```\n", &text[..open])).unwrap();
        return Ok(());
    }
    Err(format!("{}:\n--- expected\n{expected}\n--- found\n{found}", path.display()))
}

#[test]
fn every_case_of_the_fixtures() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/asl"), &mut found);
    assert!(found.len() > 10, "the cases are there");
    let failures: Vec<_> = found.iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), found.len(), failures.join("\n\n"));
}
