//! How requests name layers: by a name, by the layer's ARN, by a version's ARN.

use aws_wire::ServiceError;
use runtime::{CallContext, Scope};
use serde_json::{Map, Value};

use crate::{error, function::configure::text};

/// A layer as it was named. The text has passed the model's pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerRef {
    pub(crate) scope: Scope,
    pub(crate) name: String,
}

impl LayerRef {
    /// Reads `LayerName`.
    pub(crate) fn of(ctx: &CallContext, members: &Map<String, Value>) -> Self {
        let given = text(members, "LayerName").unwrap_or_default();
        match given.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, _, region, account, _, name, ..] => {
                Self { scope: Scope::new(account, region), name: name.to_owned() }
            }
            _ => Self { scope: ctx.scope.clone(), name: given.to_owned() },
        }
    }

    /// Reads a version's ARN: `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:NUMBER`.
    pub(crate) fn of_version(arn: &str) -> Option<(Self, u64)> {
        match arn.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, _, region, account, "layer", name, number] => {
                let layer = Self { scope: Scope::new(account, region), name: name.to_owned() };
                Some((layer, number.parse().ok()?))
            }
            _ => None,
        }
    }

    /// The ARN of a version of it.
    pub(crate) fn version_arn(&self, number: u64) -> String {
        self.scope.arn("lambda", &format!("layer:{}:{number}", self.name))
    }
}

/// `VersionNumber`.
pub(crate) fn number(members: &Map<String, Value>) -> Result<u64, ServiceError> {
    let number = members.get("VersionNumber").and_then(Value::as_i64).unwrap_or_default();
    u64::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| error::invalid_parameter("Layer Version Cannot be less than 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_by_their_arn() {
        let (layer, number) =
            LayerRef::of_version("arn:aws:lambda:us-east-1:000000000000:layer:l:12").unwrap();
        assert_eq!((layer.name.as_str(), &*layer.scope.region, number), ("l", "us-east-1", 12));
        assert_eq!(layer.version_arn(12), "arn:aws:lambda:us-east-1:000000000000:layer:l:12");
        assert_eq!(LayerRef::of_version("arn:aws:lambda:us-east-1:000000000000:layer:l"), None);
        assert_eq!(LayerRef::of_version("arn:aws:lambda:::awslayer:AmazonLinux1803"), None);
    }
}
