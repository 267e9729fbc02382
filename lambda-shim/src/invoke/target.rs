//! Which version an invocation runs, and whether it may.

use std::sync::{Arc, atomic::Ordering};

use aws_wire::ServiceError;
use runtime::{Invocation, Scope};

use crate::{
    error,
    function::{
        name::{self, FunctionRef, LATEST, LATEST_PUBLISHED},
        record::{Alias, Configuration, Function, State},
        table::{Entry, FunctionTable},
    },
};

/// What will run.
pub(crate) struct Target {
    pub(crate) entry: Arc<Entry>,
    /// `$LATEST` or a number.
    pub(crate) version: String,
    /// The ARN as the function is told it was invoked by.
    pub(crate) invoked_arn: String,
}

impl Target {
    /// Finds the function and the version behind its qualifier.
    pub(crate) fn find(
        table: &FunctionTable,
        scope: &Scope,
        invocation: &Invocation,
    ) -> Result<Self, ServiceError> {
        let named = FunctionRef::parse(scope, &invocation.function, invocation.qualifier.as_deref())?;
        let scope = &named.scope;
        let missing = || {
            error::function_not_found(&name::arn(
                scope,
                &named.name,
                Some(named.qualifier.as_deref().unwrap_or(LATEST)),
            ))
        };
        let entry = table.get(scope, &named.name).ok_or_else(missing)?;
        let function = entry.function();
        let version = match named.qualifier.as_deref() {
            None if function.latest.capacity.is_some() => match function.latest_published {
                Some(_) => LATEST_PUBLISHED.to_owned(),
                None => return Err(error::no_published_version()),
            },
            None => LATEST.to_owned(),
            Some(qualifier) => match function.aliases.get(qualifier) {
                Some(alias) => routed(&entry, alias),
                None => qualifier.to_owned(),
            },
        };
        if function.version(&version).is_none() {
            return Err(missing());
        }
        Ok(Self { invoked_arn: named.arn(), entry, version })
    }

    /// The version's configuration, once it is not pending any more.
    pub(crate) async fn settled(&self) -> Result<Arc<Function>, ServiceError> {
        let mut function = self.entry.function();
        if configuration(&function, &self.version).is_some_and(|found| found.state == State::Pending) {
            let settled = |function: &Function| {
                configuration(function, &self.version).is_none_or(|found| found.state != State::Pending)
            };
            function = self.entry.wait_until(settled).await;
        }
        match configuration(&function, &self.version).map(|found| &found.state) {
            Some(State::Failed(reason)) => Err(not_in_state(&format!("Failed. {reason}"))),
            Some(State::Deactivated) => Err(not_in_state("Deactivated")),
            Some(State::Active) if self.version == LATEST && function.latest.capacity.is_some() => {
                Err(not_in_state("ActiveNonInvocable"))
            }
            Some(State::Active | State::Pending) => Ok(function),
            None => Err(error::function_not_found(&self.invoked_arn)),
        }
    }
}

fn not_in_state(state: &str) -> ServiceError {
    error::conflict(format!(
        "The operation cannot be performed at this time. The function is currently in the following state: {state}"
    ))
}

fn configuration<'a>(function: &'a Function, version: &str) -> Option<&'a Configuration> {
    function.version(version)
}

/// The version an alias sends this invocation to. Weights are kept exactly over every hundred invocations.
fn routed(entry: &Entry, alias: &Alias) -> String {
    let Some((version, weight)) = &alias.additional else { return alias.version.clone() };
    let turn = entry.routed.fetch_add(1, Ordering::Relaxed);
    // Steps of 61 visit every hundredth once a round, in no plain order.
    let hundredth = f64::from(u32::try_from(turn.wrapping_mul(61) % 100).unwrap_or_default());
    if hundredth < weight * 100.0 { version.clone() } else { alias.version.clone() }
}
