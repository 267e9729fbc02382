//! What is kept: each record under its account, region and id.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) type Tags = BTreeMap<String, String>;

/// That an account's region has been given its default VPC. One that was deleted since does not come back by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Region {}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Vpc {
    pub(crate) id: String,
    pub(crate) cidr: String,
    /// The id of the association of `cidr`.
    pub(crate) association: String,
    /// `default` or `dedicated`.
    pub(crate) tenancy: String,
    pub(crate) is_default: bool,
    pub(crate) dns_support: bool,
    pub(crate) dns_hostnames: bool,
    pub(crate) usage_metrics: bool,
    pub(crate) tags: Tags,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) cidr: String,
    /// `us-east-1a`.
    pub(crate) zone: String,
    pub(crate) default_for_zone: bool,
    pub(crate) map_public_ip: bool,
    pub(crate) tags: Tags,
}

/// A security group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) tags: Tags,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) what: Permission,
    pub(crate) description: Option<String>,
    pub(crate) tags: Tags,
}

/// What one rule lets through. Two rules of a group are never the same in this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Permission {
    pub(crate) is_egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub(crate) protocol: String,
    /// Ports, or type and code of ICMP. `None` where the protocol has none.
    pub(crate) ports: Option<(i64, i64)>,
    pub(crate) peer: Peer,
}

/// Where what is let through comes from, or goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Peer {
    Ipv4(String),
    Ipv6(String),
    /// A security group, by its id.
    Group(String),
}
