//! The default VPC: an account has one in each region from the beginning, with a subnet in each zone and a security group.

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::json;

use crate::{
    Answer, State,
    change::Changes,
    cidr::Block,
    error, group, list, new_id, prefix,
    record::{Subnet, Tags, Vpc},
    vpc, zones,
};

const CIDR: &str = "172.31.0.0/16";
/// The length of the default subnets' blocks.
const LENGTH: u8 = 20;

/// Makes the default VPC of an account's region when that is first asked for anything.
pub(crate) async fn see_to(state: &State, scope: &Scope) -> Result<(), ServiceError> {
    let key = prefix(scope);
    if state.regions.get(&key).is_some() {
        return Ok(());
    }
    let _turn = state.changing.turn(&key).await;
    if state.regions.get(&key).is_some() {
        return Ok(());
    }
    let mut changes = Changes::new(state, scope);
    changes.region()?;
    add(&mut changes, scope)?;
    changes.commit().await
}

/// The default VPC, if it has not been deleted.
pub(crate) fn find(state: &State, scope: &Scope) -> Option<Vpc> {
    list::all(&state.vpcs, scope).iter().find(|vpc| vpc.is_default).map(|vpc| Vpc::clone(vpc))
}

fn add(changes: &mut Changes<'_>, scope: &Scope) -> Result<Vpc, ServiceError> {
    let cidr = Block::parse(CIDR).expect("it is a block");
    let vpc = Vpc { is_default: true, dns_hostnames: true, ..vpc::new(cidr) };
    for (zone, at) in zones::of(&scope.region).into_iter().zip(0..) {
        changes.subnet(Subnet {
            id: new_id("subnet"),
            vpc: vpc.id.clone(),
            cidr: cidr.nth(at, LENGTH).to_string(),
            zone: zone.name,
            default_for_zone: true,
            map_public_ip: true,
            tags: Tags::new(),
        })?;
    }
    changes.group(group::of_new_vpc(&vpc.id))?;
    changes.vpc(vpc.clone())?;
    Ok(vpc)
}

/// `CreateDefaultVpc`.
pub(crate) async fn create(state: &State, scope: &Scope) -> Answer {
    let _turn = state.changing.turn(&prefix(scope)).await;
    if find(state, scope).is_some() {
        return Err(error::refusal(
            "DefaultVpcAlreadyExists",
            "A Default VPC already exists for this account in this region.",
        ));
    }
    let mut changes = Changes::new(state, scope);
    let made = add(&mut changes, scope)?;
    changes.commit().await?;
    Ok(Output::of(json!({ "Vpc": vpc::shown(scope, &made, "pending") })))
}
