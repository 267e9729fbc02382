//! Tenant isolation: environments that serve one tenant each, and no other ever (Lambda, "Tenant isolation").

use std::{
    collections::{HashMap, hash_map::Entry as Place},
    sync::{Arc, PoisonError},
};

use aws_wire::ServiceError;

use crate::{
    environment::{deployment::Deployment, pool::Pool},
    error,
    function::{name, record::Function, table::Entry},
    service::Inner,
};

/// How many tenants' environments are looked after before those without any are forgotten.
const MANY: usize = 256;
/// The model's limit of a tenant's name.
const NAME_LIMIT: usize = 256;

/// Environments by version and tenant.
pub(crate) type TenantPools = HashMap<(String, String), Arc<Pool>>;

/// Refuses an invocation whose tenant does not suit the function: one must be named exactly where it is isolated by them.
pub(crate) fn must_suit(isolated: bool, tenant: Option<&str>) -> Result<(), ServiceError> {
    let admitted = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/=+-@ ".contains(&byte);
        !name.is_empty() && name.len() <= NAME_LIMIT && name.bytes().all(plain)
    };
    match (isolated, tenant) {
        (false, None) => Ok(()),
        (false, Some(_)) => {
            Err(error::invalid_parameter("The invoked function is not enabled with tenancy configuration."))
        }
        (true, Some(tenant)) if admitted(tenant) => Ok(()),
        (true, _) => Err(error::invalid_parameter(
            "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try \
             again.",
        )),
    }
}

/// The environments of a version for one tenant; those of an older deployment are retired.
pub(crate) fn pool(
    inner: &Inner,
    entry: &Entry,
    (version, tenant): (&str, &str),
    function: &Function,
) -> Result<Arc<Pool>, ServiceError> {
    let gone = || error::function_not_found(&name::arn(&entry.scope, &entry.name, Some(version)));
    let configuration = function.version(version).ok_or_else(gone)?;
    let mut pools = entry.tenants.lock().unwrap_or_else(PoisonError::into_inner);
    // Names come from outside: those who come no more must not be remembered for ever.
    if pools.len() >= MANY {
        pools.retain(|_, pool| !pool.is_unused());
    }
    match pools.entry((version.to_owned(), tenant.to_owned())) {
        Place::Occupied(place) if place.get().deployment.id == configuration.deployment => {
            Ok(Arc::clone(place.get()))
        }
        place => {
            let deployment = Deployment::of(&entry.scope, &entry.name, configuration).ok_or_else(gone)?;
            let pool = Pool::new(deployment, &inner.host);
            match place {
                Place::Occupied(mut place) => place.insert(Arc::clone(&pool)).retire(),
                Place::Vacant(place) => {
                    place.insert(Arc::clone(&pool));
                }
            }
            Ok(pool)
        }
    }
}
