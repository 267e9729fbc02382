//! A call that a deployment makes, and what it does with the answer.

use serde_json::Value;

use super::{state_machine, stream, table, table_change};

/// One call of our own API.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The service's model, e.g. `lambda`.
    pub service: &'static str,
    /// E.g. `CreateFunction`.
    pub operation: &'static str,
    /// The members. `{"$saved": "x"}` anywhere in them stands for what an earlier call saved as `x`, `{"$joined": […]}`
    /// for one text out of several.
    pub members: Value,
    /// The payload, for operations whose input has one beside its members.
    pub body: Option<String>,
    /// A package that the caller makes and puts into the members.
    pub code: Option<Code>,
    /// What to keep of the answer: a name, and the JSON pointer to it.
    pub save: Vec<(String, &'static str)>,
    /// What to do instead where the call is refused with one of these codes.
    pub otherwise: Vec<(&'static str, Vec<Call>)>,
    /// The call is made again until this part of its answer is this text.
    pub until: Option<(&'static str, &'static str)>,
    /// What is missing where the service does not know the operation; `None` if nothing can be made without it. Other
    /// endpoints than AWS's do less, and a template of a whole backend should run with what they do.
    pub optional: Option<&'static str>,
    /// What the answer leads to.
    pub then: Option<Follow>,
}

/// What depends on an answer. Each has the members that are wanted in the end.
#[derive(Debug, Clone, PartialEq)]
pub enum Follow {
    /// Behind `DescribeTable`: the table becomes what these members of `CreateTable` say.
    ChangeTable(Value),
    /// Behind `DescribeTimeToLive`: `UpdateTimeToLive`, unless it is so.
    ChangeTimeToLive(Value),
    /// Behind `DescribeKinesisStreamingDestination`: `EnableKinesisStreamingDestination`, unless it is so.
    EnableStreaming(Value),
    /// Behind `GetObject`, whose content the answer has as `Body`: the state machine that it defines.
    DefineStateMachine(Value),
    /// Behind `DescribeStreamSummary`: count of shards, hours of retention.
    ChangeStream(Value),
}

/// Code to be packaged as a zip and put into the members as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A folder or a zip beside the template.
    Path {
        /// As the template names it.
        path: String,
        /// E.g. `python3.12`: tells which packages are installed.
        runtime: String,
    },
    /// A folder or a zip beside the template, packed as it is.
    Archive {
        /// As the template names it.
        path: String,
    },
    /// A single file's text.
    Inline {
        /// The text.
        text: String,
        /// E.g. `index.py`.
        file: String,
    },
}

impl Call {
    /// The calls that the answer leads to, or why it cannot become what the template says.
    pub fn following(&self, answer: &Value) -> Result<Vec<Self>, String> {
        match &self.then {
            None => Ok(Vec::new()),
            Some(Follow::ChangeTable(wanted)) => table_change::calls(wanted, answer),
            Some(Follow::ChangeTimeToLive(wanted)) => Ok(table_change::time_to_live(wanted, answer)),
            Some(Follow::EnableStreaming(wanted)) => Ok(table::enable_streaming(wanted, answer)),
            Some(Follow::DefineStateMachine(wanted)) => Ok(vec![state_machine::define(wanted, answer)?]),
            Some(Follow::ChangeStream(wanted)) => Ok(stream::change(wanted, answer)),
        }
    }

    pub(super) fn new(service: &'static str, operation: &'static str, members: Value) -> Self {
        Self {
            service,
            operation,
            members,
            body: None,
            code: None,
            save: Vec::new(),
            otherwise: Vec::new(),
            until: None,
            optional: None,
            then: None,
        }
    }

    pub(super) fn with_body(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn saving(mut self, save: &[(&str, &'static str)]) -> Self {
        self.save = save.iter().map(|(name, pointer)| ((*name).to_owned(), *pointer)).collect();
        self
    }

    pub(super) fn or_if(mut self, code: &'static str, instead: Vec<Self>) -> Self {
        self.otherwise.push((code, instead));
        self
    }

    pub(super) fn until(mut self, pointer: &'static str, text: &'static str) -> Self {
        self.until = Some((pointer, text));
        self
    }

    pub(super) fn or_without(mut self, missing: &'static str) -> Self {
        self.optional = Some(missing);
        self
    }

    pub(super) fn then(mut self, follow: Follow) -> Self {
        self.then = Some(follow);
        self
    }
}
