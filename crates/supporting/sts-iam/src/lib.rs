//! STS and IAM, as far as deploy tools and clients ask them: who am I, assume a role, roles with their policies.
//!
//! Owns role records. Policies are kept and shown, not evaluated; every credential may do everything here. Start at
//! [`Sts`] and [`Iam`].

mod role;
mod sts;

pub use sts::Sts;

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Service};
use serde_json::{Map, Value};
use store::{Collection, Lanes, Store, StoreError, Table};

use role::Role;

const ROLES: Table = Table("iam.roles");
const VERSION: u32 = 1;

/// IAM. Cheap to clone.
#[derive(Clone)]
pub struct Iam(Arc<State>);

struct State {
    clock: Clock,
    roles: Collection<Role>,
    /// Turns to change a role: deploy tools attach its policies side by side.
    changing: Lanes,
}

impl Iam {
    /// Loads what the store holds.
    pub fn new(store: &Store, clock: Clock) -> Result<Self, StoreError> {
        let roles = Collection::load(store, ROLES, VERSION)?;
        Ok(Self(Arc::new(State { clock, roles, changing: Lanes::default() })))
    }
}

const OPERATIONS: &[&str] = &[
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRole",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "GetRole",
    "GetRolePolicy",
    "ListAttachedRolePolicies",
    "ListInstanceProfilesForRole",
    "ListRolePolicies",
    "ListRoleTags",
    "ListRoles",
    "PutRolePolicy",
    "TagRole",
    "UntagRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
];

impl Service for Iam {
    fn name(&self) -> &'static str {
        "iam"
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
        Box::pin(async move { role::call(&self.0, ctx, operation, &input.members).await })
    }
}

/// A text member, or an empty one where validation has let it be absent.
fn text<'m>(members: &'m Map<String, Value>, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A failure of the storage, as IAM words its own.
fn storage(error: StoreError) -> ServiceError {
    ServiceError::new("ServiceFailure", 500, format!("The request processing has failed: {error}"))
        .with_source(error)
}
