//! Mocked integrations, in the format of Step Functions Local: what tasks give instead of being done, in the executions
//! that are started as a test case (`stateMachineArn#TestCase`).
//!
//! The file is read when the service starts, and again when it has changed as an execution starts; an execution keeps
//! what it started with. Beyond AWS's tool, activities, nested state machines and callbacks can be mocked as any task.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use asl::{Payload, ScheduledTask, Signal};
use serde_json::{Map, Value};

/// The file, and what it held when it was last read.
#[derive(Debug, Default)]
pub(crate) struct Mocks {
    path: Option<PathBuf>,
    read: Mutex<Option<Read>>,
}

#[derive(Debug)]
struct Read {
    stamp: (SystemTime, u64),
    file: Result<Arc<MockFile>, String>,
}

/// A mock configuration file.
#[derive(Debug, Default)]
pub struct MockFile {
    /// Test cases by machine and name.
    machines: BTreeMap<String, BTreeMap<String, Arc<TestCase>>>,
}

/// The states that a test case mocks.
#[derive(Debug, Default)]
pub(crate) struct TestCase {
    states: BTreeMap<String, Arc<Responses>>,
}

/// What a state's task gives at its first attempt, its second …, in order and without gaps.
#[derive(Debug)]
struct Responses {
    name: String,
    /// The last attempt that each answers.
    attempts: Vec<(u64, Response)>,
}

#[derive(Debug)]
enum Response {
    Return(Payload),
    Throw { error: String, cause: String },
}

/// What an execution's tasks are mocked by, or why they cannot be.
pub(crate) type Mocked = Result<Arc<TestCase>, String>;

impl Mocks {
    /// Of a file that is read when it is first asked for.
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// A test case of a machine; the error says what to do.
    pub(crate) fn case(&self, machine: &str, case: &str) -> Mocked {
        let Some(path) = &self.path else {
            return Err(format!(
                "#{case} names a test case, but there is no mock configuration; give its file by SFN_MOCK_CONFIG or --mock-config"
            ));
        };
        let shown = path.display();
        let file = self.file(path)?;
        let cases = file.machines.get(machine).ok_or_else(|| {
            format!("{shown} has no test cases for the state machine {machine} (StateMachines.{machine})")
        })?;
        cases.get(case).cloned().ok_or_else(|| {
            let known: Vec<&str> = cases.keys().map(String::as_str).collect();
            format!("{shown} has no test case {case} for {machine}; it has {}", known.join(", "))
        })
    }

    /// The file as it is now.
    fn file(&self, path: &Path) -> Result<Arc<MockFile>, String> {
        let stamp = stamp(path)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some(known) if known.stamp == stamp => known.file.clone(),
            _ => {
                let file = MockFile::read(path).map(Arc::new);
                *read = Some(Read { stamp, file: file.clone() });
                file
            }
        }
    }
}

/// What tells one state of a file from the next.
fn stamp(path: &Path) -> Result<(SystemTime, u64), String> {
    let unreadable = |error| format!("{}: {error}", path.display());
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    Ok((metadata.modified().map_err(unreadable)?, metadata.len()))
}

impl MockFile {
    /// Reads a file; the error says where it is wrong.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let members = object(&document, "the file")?;
        only(members, &["StateMachines", "MockedResponses"], "the file")?;
        let mut responses = BTreeMap::new();
        for (name, response) in optional(members, "MockedResponses")? {
            let parsed = Responses::parse(name, response, &format!("MockedResponses.{name}"))?;
            responses.insert(name.as_str(), Arc::new(parsed));
        }
        let mut machines = BTreeMap::new();
        for (machine, members) in optional(members, "StateMachines")? {
            let at = format!("StateMachines.{machine}");
            let members = object(members, &at)?;
            only(members, &["TestCases"], &at)?;
            let mut cases = BTreeMap::new();
            for (case, states) in optional(members, "TestCases")? {
                let at = format!("{at}.TestCases.{case}");
                cases.insert(case.clone(), Arc::new(TestCase::parse(object(states, &at)?, &at, &responses)?));
            }
            machines.insert(machine.clone(), cases);
        }
        Ok(Self { machines })
    }
}

impl TestCase {
    fn parse(
        states: &Map<String, Value>,
        at: &str,
        responses: &BTreeMap<&str, Arc<Responses>>,
    ) -> Result<Self, String> {
        let states = states.iter().map(|(state, name)| {
            let name = name.as_str().ok_or_else(|| format!("{at}.{state} must name a mocked response"))?;
            let found = responses.get(name).ok_or_else(|| {
                format!("{at}.{state} names the response {name}, which is not among the MockedResponses")
            })?;
            Ok((state.clone(), Arc::clone(found)))
        });
        Ok(Self { states: states.collect::<Result<_, String>>()? })
    }

    /// The states that it mocks.
    pub(crate) fn states(&self) -> impl Iterator<Item = &str> {
        self.states.keys().map(String::as_str)
    }
}

impl Responses {
    fn parse(name: &str, value: &Value, at: &str) -> Result<Self, String> {
        let members = object(value, at)?;
        let mut attempts = Vec::with_capacity(members.len());
        for (key, response) in members {
            let at = format!("{at}.{key}");
            let (first, last) = range(key)
                .ok_or_else(|| format!("{at}: attempts are a number or a range of two, as 0 or 1-2"))?;
            attempts.push((first, last, Response::parse(response, &at)?));
        }
        attempts.sort_by_key(|(first, ..)| *first);
        let mut next = 0;
        for (first, last, _) in &attempts {
            if *first != next {
                return Err(format!(
                    "{at}: attempts must follow each other from 0 without gaps; {next} is missing or there twice"
                ));
            }
            next = last + 1;
        }
        if attempts.is_empty() {
            return Err(format!("{at} has no response"));
        }
        let attempts = attempts.into_iter().map(|(_, last, response)| (last, response)).collect();
        Ok(Self { name: name.to_owned(), attempts })
    }
}

impl Response {
    fn parse(value: &Value, at: &str) -> Result<Self, String> {
        let members = object(value, at)?;
        only(members, &["Return", "Throw"], at)?;
        match (members.get("Return"), members.get("Throw")) {
            (Some(value), None) => Ok(Self::Return(Payload::new(value.clone()))),
            (None, Some(throw)) => {
                let at = format!("{at}.Throw");
                let members = object(throw, &at)?;
                only(members, &["Error", "Cause"], &at)?;
                let text = |name: &str| {
                    let value = members.get(name).and_then(Value::as_str);
                    value.map(str::to_owned).ok_or_else(|| format!("{at} must have a text as {name}"))
                };
                Ok(Self::Throw { error: text("Error")?, cause: text("Cause")? })
            }
            _ => Err(format!("{at} must have either Return or Throw")),
        }
    }
}

/// What a task of an execution under test gives, if its state is mocked.
pub(crate) fn answer(mocked: Option<&Mocked>, task: &ScheduledTask) -> Option<Signal> {
    let failed = |cause: String| Signal::TaskFailed {
        task: task.task,
        error: Some(String::from("States.Runtime")),
        cause: Some(cause),
    };
    let place = task.place.as_ref()?;
    let case = match mocked? {
        Ok(case) => case,
        Err(problem) => return Some(failed(problem.clone())),
    };
    let responses = case.states.get(&*place.state)?;
    let found = responses.attempts.iter().find(|(last, _)| place.attempt <= *last);
    Some(match found {
        Some((_, Response::Return(output))) => {
            Signal::TaskSucceeded { task: task.task, output: output.clone() }
        }
        Some((_, Response::Throw { error, cause })) => {
            Signal::TaskFailed { task: task.task, error: Some(error.clone()), cause: Some(cause.clone()) }
        }
        None => failed(format!(
            "The mocked response {} has none for the attempt {} of the state {}",
            responses.name, place.attempt, place.state
        )),
    })
}

fn object<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{at} must be an object"))
}

/// The members of an object that may be missing.
fn optional<'v>(
    members: &'v Map<String, Value>,
    name: &str,
) -> Result<impl Iterator<Item = (&'v String, &'v Value)>, String> {
    let found = members.get(name).map(|value| object(value, name)).transpose()?;
    Ok(found.into_iter().flatten())
}

fn only(members: &Map<String, Value>, known: &[&str], at: &str) -> Result<(), String> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(format!("{at} has the unknown member {other}; known are {}", known.join(", "))),
        None => Ok(()),
    }
}

/// `3` or `1-2`.
fn range(key: &str) -> Option<(u64, u64)> {
    let (first, last) = key.split_once('-').unwrap_or((key, key));
    let range =
        (first.trim().parse().ok()?, last.trim().parse::<u64>().ok().filter(|last| *last < u64::MAX)?);
    (range.0 <= range.1).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_wrong_say_where() {
        let good = r#"{"StateMachines":{"M":{"TestCases":{"C":{"S":"R"}}}},"MockedResponses":{"R":{"1-2":{"Throw":{"Error":"E","Cause":"C"}},"0":{"Return":null}}}}"#;
        assert!(MockFile::parse(good).is_ok());
        for (from, to, said) in [
            ("\"R\"}}}", "\"Q\"}}}", "StateMachines.M.TestCases.C.S names the response Q"),
            ("1-2", "2-3", "1 is missing"),
            ("1-2", "2-1", "MockedResponses.R.2-1: attempts are"),
            ("\"1-2\"", "\"0-2\"", "there twice"),
            ("\"Cause\":\"C\"", "\"Because\":\"C\"", "unknown member Because"),
            ("{\"Return\":null}", "{}", "MockedResponses.R.0 must have either Return or Throw"),
            ("TestCases", "Cases", "unknown member Cases"),
            ("StateMachines\":{", "StateMachines\":[{", "not JSON"),
        ] {
            let error = MockFile::parse(&good.replace(from, to)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
