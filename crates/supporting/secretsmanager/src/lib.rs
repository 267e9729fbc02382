//! Secrets Manager, as far as functions and workflows read secrets: values with their stages, descriptions, deletion with
//! a window, tags, random passwords.
//!
//! Rotation, replication and policies are refused by name. Nothing is encrypted. Start at [`SecretsManager`].

mod password;
mod secret;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Service};
use serde_json::{Map, Value};
use store::{Collection, Lanes, Store, StoreError, Table};

use secret::Secret;

const SECRETS: Table = Table("secretsmanager.secrets");
const VERSION: u32 = 1;

/// Secrets Manager. Cheap to clone.
#[derive(Clone)]
pub struct SecretsManager(Arc<State>);

struct State {
    clock: Clock,
    secrets: Collection<Secret>,
    /// Turns to change a secret.
    changing: Lanes,
}

impl SecretsManager {
    /// Loads what the store holds.
    pub fn new(store: &Store, clock: Clock) -> Result<Self, StoreError> {
        let secrets = Collection::load(store, SECRETS, VERSION)?;
        Ok(Self(Arc::new(State { clock, secrets, changing: Lanes::default() })))
    }
}

const OPERATIONS: &[&str] = &[
    "CreateSecret",
    "DeleteSecret",
    "DescribeSecret",
    "GetRandomPassword",
    "GetSecretValue",
    "ListSecretVersionIds",
    "ListSecrets",
    "PutSecretValue",
    "RestoreSecret",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
];

impl Service for SecretsManager {
    fn name(&self) -> &'static str {
        "secretsmanager"
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let (state, members) = (&self.0, input.members);
        Box::pin(async move {
            match operation {
                "CreateSecret" => secret::create(state, ctx, &members).await,
                "DeleteSecret" => secret::delete(state, ctx, &members).await,
                "DescribeSecret" => secret::describe(state, ctx, &members),
                "GetRandomPassword" => password::random(&members),
                "GetSecretValue" => value::get(state, ctx, &members),
                "ListSecretVersionIds" => value::list(state, ctx, &members),
                "ListSecrets" => secret::list(state, ctx, &members),
                "PutSecretValue" => value::put(state, ctx, &members).await,
                "RestoreSecret" => secret::restore(state, ctx, &members).await,
                "TagResource" => secret::tag(state, ctx, &members).await,
                "UntagResource" => secret::untag(state, ctx, &members).await,
                "UpdateSecret" => secret::update(state, ctx, &members).await,
                other => Err(ServiceError::not_implemented(format!(
                    "Tule does not implement {other} of secretsmanager yet"
                ))),
            }
        })
    }
}

type Members = Map<String, Value>;
type Answer = Result<Output, ServiceError>;

fn text<'m>(members: &'m Members, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn storage(error: StoreError) -> ServiceError {
    ServiceError::internal(format!("the secret could not be stored: {error}")).with_source(error)
}

/// Refuses members that would act and do not yet.
fn refuse(members: &Members, names: &[&str]) -> Result<(), ServiceError> {
    match names.iter().find(|name| members.get(**name).is_some_and(|value| !value.is_null())) {
        None => Ok(()),
        Some(name) => Err(ServiceError::not_implemented(format!(
            "Tule does not implement {name} of Secrets Manager yet"
        ))),
    }
}
