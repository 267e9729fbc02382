//! Amazon Resource Names.

use std::{fmt, str::FromStr};

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// `lambda`, `states`.
    pub service: String,
    /// `us-east-1`; empty for global services.
    pub region: String,
    /// Twelve digits; empty where there is none.
    pub account: String,
    /// All that follows, with its colons.
    pub resource: String,
}

/// The text is no ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN")]
pub struct NotAnArn;

impl FromStr for Arn {
    type Err = NotAnArn;

    fn from_str(text: &str) -> Result<Self, NotAnArn> {
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or(NotAnArn);
        if part()? != "arn" {
            return Err(NotAnArn);
        }
        let arn = Self {
            partition: part()?.to_owned(),
            service: part()?.to_owned(),
            region: part()?.to_owned(),
            account: part()?.to_owned(),
            resource: part()?.to_owned(),
        };
        let whole = !arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty();
        if whole { Ok(arn) } else { Err(NotAnArn) }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_comes_apart_and_together() {
        let text = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";
        let arn: Arn = text.parse().unwrap();
        assert_eq!(arn.resource, "function:f:$LATEST");
        assert_eq!(arn.to_string(), text);
        for wrong in ["", "arn", "arn:aws:lambda:us-east-1:0", "arn:aws:s3:::", "nra:aws:s3:::b"] {
            assert_eq!(wrong.parse::<Arn>(), Err(NotAnArn), "{wrong}");
        }
    }
}
