//! EC2's refusals, each in one place.

use aws_wire::ServiceError;
use store::StoreError;

pub(crate) fn refusal(code: &'static str, message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request(code, message)
}

pub(crate) fn invalid(message: impl Into<String>) -> ServiceError {
    refusal("InvalidParameterValue", message)
}

pub(crate) fn missing(message: impl Into<String>) -> ServiceError {
    refusal("MissingParameter", message)
}

pub(crate) fn dry_run() -> ServiceError {
    ServiceError::new("DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set.")
}

pub(crate) fn storage(error: StoreError) -> ServiceError {
    ServiceError::new("InternalError", 500, format!("the change could not be stored: {error}"))
        .with_source(error)
}

/// How a kind of resource is spoken of when an id of it is wrong. The codes' spelling follows no rule.
pub(crate) struct Named {
    pub(crate) prefix: &'static str,
    nouns: (&'static str, &'static str),
    not_found: &'static str,
    malformed: &'static str,
    /// Where an id is asked for that another has. AWS lets nobody ask.
    pub(crate) duplicate: &'static str,
}

pub(crate) const VPC: Named = Named {
    prefix: "vpc-",
    nouns: ("vpc ID", "vpc IDs"),
    not_found: "InvalidVpcID.NotFound",
    malformed: "InvalidVpcID.Malformed",
    duplicate: "InvalidVpc.DuplicateCustomId",
};
pub(crate) const SUBNET: Named = Named {
    prefix: "subnet-",
    nouns: ("subnet ID", "subnet IDs"),
    not_found: "InvalidSubnetID.NotFound",
    malformed: "InvalidSubnetID.Malformed",
    duplicate: "InvalidSubnet.DuplicateCustomId",
};
pub(crate) const GROUP: Named = Named {
    prefix: "sg-",
    nouns: ("security group", "security groups"),
    not_found: "InvalidGroup.NotFound",
    malformed: "InvalidGroupId.Malformed",
    duplicate: "InvalidGroup.DuplicateCustomId",
};
pub(crate) const RULE: Named = Named {
    prefix: "sgr-",
    nouns: ("security group rule ID", "security group rule IDs"),
    not_found: "InvalidSecurityGroupRuleId.NotFound",
    malformed: "InvalidSecurityGroupRuleId.Malformed",
    duplicate: "InvalidSecurityGroupRule.DuplicateCustomId",
};

impl Named {
    pub(crate) fn malformed(&self, id: &str) -> ServiceError {
        refusal(self.malformed, format!("Invalid id: \"{id}\" (expecting \"{}...\")", self.prefix))
    }

    /// Ids that look as those of this kind do, but are nobody's; or one that does not even look so.
    pub(crate) fn unknown(&self, ids: &[&str]) -> ServiceError {
        if let Some(id) = ids.iter().find(|id| !id.starts_with(self.prefix)) {
            return self.malformed(id);
        }
        let (one, many) = self.nouns;
        match ids {
            [id] => refusal(self.not_found, format!("The {one} '{id}' does not exist")),
            ids => refusal(self.not_found, format!("The {many} '{}' do not exist", ids.join(", "))),
        }
    }
}
