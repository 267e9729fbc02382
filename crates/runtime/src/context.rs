//! Who calls, for which account and region, and under which request id.

use std::{sync::Arc, time::Instant};

use uuid::Uuid;

/// The account and region that a request addresses. All state is kept per scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// Twelve digits.
    pub account: Arc<str>,
    /// E.g. `us-east-1`.
    pub region: Arc<str>,
}

impl Scope {
    /// A scope of an account id and a region name.
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: account.into(), region: region.into() }
    }

    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE` in this scope (always partition `aws`).
    pub fn arn(&self, service: &str, resource: &str) -> String {
        ["arn:aws:", service, ":", &self.region, ":", &self.account, ":", resource].concat()
    }
}

/// What comes along with every call of an operation, whoever makes it.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The account and region addressed.
    pub scope: Scope,
    /// The request id answered to the client and written to logs.
    pub request_id: Arc<str>,
    /// The access key the request was signed with, if it was.
    pub access_key: Option<Arc<str>>,
    /// `X-Amzn-Trace-Id`, if one came or was made.
    pub trace_id: Option<Arc<str>>,
    /// When the caller stops waiting (host time).
    pub deadline: Option<Instant>,
    /// `http://127.0.0.1:4566`: the base under which the caller reached us, for URLs in answers.
    pub endpoint: Arc<str>,
}

impl CallContext {
    /// A context for a call that Tule makes itself (a workflow's task, a deployment).
    pub fn internal(scope: Scope, endpoint: Arc<str>) -> Self {
        Self {
            scope,
            request_id: new_request_id(),
            access_key: None,
            trace_id: None,
            deadline: None,
            endpoint,
        }
    }
}

/// A new request id: a random UUID, as most AWS services have it.
pub fn new_request_id() -> Arc<str> {
    let mut buffer = Uuid::encode_buffer();
    Arc::from(&*Uuid::new_v4().hyphenated().encode_lower(&mut buffer))
}
