//! EC2, as far as functions are put into networks: VPCs, subnets and security groups, with the default VPC that an
//! account has in each region.
//!
//! They are kept, checked and shown. Nothing here makes a network: no packet is routed by a subnet or stopped by a rule.
//! Start at [`Ec2`]; each kind of resource has a module, what they share of reading and listing is in `filter` and `list`.

mod attributes;
mod authorize;
mod change;
mod cidr;
mod default_vpc;
mod error;
mod filter;
mod functions;
mod group;
mod list;
mod permission;
mod record;
mod subnet;
mod tags;
#[cfg(test)]
mod tests;
mod vpc;
mod zones;

pub use zones::names as zones;

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Input, Output, Scope, Service, ServiceRouter};
use serde_json::{Map, Value};
use store::{Collection, Key, Lanes, Store, StoreError, Table};

use record::{Group, Region, Subnet, Vpc};

const VERSION: u32 = 1;

/// EC2. Cheap to clone.
#[derive(Clone)]
pub struct Ec2(Arc<State>);

struct State {
    regions: Collection<Region>,
    vpcs: Collection<Vpc>,
    subnets: Collection<Subnet>,
    groups: Collection<Group>,
    /// Turns to change what an account has in a region: most changes look at several resources.
    changing: Lanes,
    /// Who says what functions are in.
    router: Arc<dyn ServiceRouter>,
}

impl Ec2 {
    /// Loads what the store holds. By the router Lambda is asked what its functions are in.
    pub fn new(store: &Store, router: Arc<dyn ServiceRouter>) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(State {
            regions: Collection::load(store, Table("ec2.regions"), VERSION)?,
            vpcs: Collection::load(store, Table("ec2.vpcs"), VERSION)?,
            subnets: Collection::load(store, Table("ec2.subnets"), VERSION)?,
            groups: Collection::load(store, Table("ec2.security_groups"), VERSION)?,
            changing: Lanes::default(),
            router,
        })))
    }
}

const OPERATIONS: &[&str] = &[
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateDefaultVpc",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateTags",
    "CreateVpc",
    "DeleteSecurityGroup",
    "DeleteSubnet",
    "DeleteTags",
    "DeleteVpc",
    "DescribeAvailabilityZones",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeTags",
    "DescribeVpcAttribute",
    "DescribeVpcs",
    "ModifySubnetAttribute",
    "ModifyVpcAttribute",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
];

impl Service for Ec2 {
    fn name(&self) -> &'static str {
        "ec2"
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
            let scope = &ctx.scope;
            // It asks for nothing but whether the caller may, and everybody may.
            if members.get("DryRun").is_some_and(|asked| *asked == true) {
                return Err(error::dry_run());
            }
            default_vpc::see_to(state, scope).await?;
            match operation {
                "AuthorizeSecurityGroupEgress" => authorize::authorize(state, scope, &members, true).await,
                "AuthorizeSecurityGroupIngress" => authorize::authorize(state, scope, &members, false).await,
                "CreateDefaultVpc" => default_vpc::create(state, scope).await,
                "CreateSecurityGroup" => group::create(state, scope, &members).await,
                "CreateSubnet" => subnet::create(state, scope, &members).await,
                "CreateTags" => tags::create(state, scope, &members).await,
                "CreateVpc" => vpc::create(state, scope, &members).await,
                "DeleteSecurityGroup" => group::delete(state, ctx, &members).await,
                "DeleteSubnet" => subnet::delete(state, ctx, &members).await,
                "DeleteTags" => tags::delete(state, scope, &members).await,
                "DeleteVpc" => vpc::delete(state, scope, &members).await,
                "DescribeAvailabilityZones" => zones::describe(scope, &members),
                "DescribeSecurityGroupRules" => authorize::describe(state, scope, &members),
                "DescribeSecurityGroups" => group::describe(state, scope, &members),
                "DescribeSubnets" => subnet::describe(state, scope, &members),
                "DescribeTags" => tags::describe(state, scope, &members),
                "DescribeVpcAttribute" => attributes::describe_vpc(state, scope, &members),
                "DescribeVpcs" => vpc::describe(state, scope, &members),
                "ModifySubnetAttribute" => attributes::modify_subnet(state, scope, &members).await,
                "ModifyVpcAttribute" => attributes::modify_vpc(state, scope, &members).await,
                "RevokeSecurityGroupEgress" => authorize::revoke(state, scope, &members, true).await,
                "RevokeSecurityGroupIngress" => authorize::revoke(state, scope, &members, false).await,
                other => {
                    Err(ServiceError::not_implemented(format!("Tule does not implement {other} of ec2 yet")))
                }
            }
        })
    }
}

type Members = Map<String, Value>;
type Answer = Result<Output, ServiceError>;

fn text<'m>(members: &'m Members, name: &str) -> Option<&'m str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The texts of a list.
fn texts<'m>(members: &'m Members, name: &str) -> Vec<&'m str> {
    members.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Refuses members that would have to act and do not: each by its name. What only says no is no question.
fn refuse(members: &Members, names: &[&str]) -> Result<(), ServiceError> {
    let asked = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(one) => one.get("Value") != Some(&Value::Bool(false)),
        _ => true,
    };
    match names.iter().find(|name| members.get(**name).is_some_and(asked)) {
        Some(name) => {
            Err(ServiceError::not_implemented(format!("Tule does not implement {name} of EC2 yet")))
        }
        None => Ok(()),
    }
}

fn prefix(scope: &Scope) -> Key {
    Key::new().text(&scope.account).text(&scope.region)
}

fn key(scope: &Scope, id: &str) -> Key {
    prefix(scope).text(id)
}

/// A fresh id as EC2 makes them: `vpc-` and seventeen hexadecimal digits.
fn new_id(kind: &str) -> String {
    let digits = uuid::Uuid::new_v4().simple().to_string();
    format!("{kind}-0{}", &digits[..16])
}
