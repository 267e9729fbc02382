//! Conditions of policies: operators over what is known of a request.
//!
//! Source: AWS, "IAM JSON policy elements: Condition operators" (IAM User Guide), and "AWS condition keys that can be used
//! in API Gateway resource policies" (API Gateway Developer Guide).

use std::{borrow::Cow, net::IpAddr};

use aws_wire::like;

use super::{Ask, PolicyError};

/// One operator over one key.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    is_negated: bool,
    /// What a key that is not there makes of the condition.
    absent: Absent,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// Nothing fits what is not there: that is no match, and what must not match does not.
    Unmatched,
    /// `IfExists`, and `ForAllValues:` of none.
    Holds,
    /// `ForAnyValue:` of none.
    Fails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    Like,
    Bool,
    Numeric(Order),
    Date(Order),
    Arn,
    Address,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Keys that requests here never have: nothing comes from a VPC, or by way of a service.
const ABSENT: &[&str] = &[
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:tokenissuetime",
    "aws:username",
    "aws:vpcsourceip",
];

impl Order {
    fn holds<T: PartialOrd>(self, found: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::Less => found < wanted,
            Self::LessOrEqual => found <= wanted,
            Self::Greater => found > wanted,
            Self::GreaterOrEqual => found >= wanted,
        }
    }
}

impl Condition {
    /// Reads `{"operator": {"key": values}}`.
    pub fn new(name: &str, key: &str, values: Vec<String>) -> Result<Self, PolicyError> {
        let (bare, of_set) = match name.split_once(':') {
            Some(("ForAllValues", bare)) => (bare, Some(Absent::Holds)),
            Some(("ForAnyValue", bare)) => (bare, Some(Absent::Fails)),
            Some(_) => return Err(PolicyError::Invalid(format!("{name} is no condition operator"))),
            None => (name, None),
        };
        let (bare, if_exists) = bare.strip_suffix("IfExists").map_or((bare, false), |bare| (bare, true));
        let (operator, is_negated) = operator(bare).ok_or_else(|| match bare {
            "BinaryEquals" => PolicyError::Missing(format!("the condition operator {bare}")),
            _ => PolicyError::Invalid(format!("{name} is no condition operator")),
        })?;
        if if_exists && operator == Operator::Null {
            return Err(PolicyError::Invalid(String::from(
                "Null asks whether a key exists, so takes no IfExists",
            )));
        }
        if let Some(wrong) = values.iter().find(|value| !operator.takes(value)) {
            return Err(PolicyError::Invalid(format!("{name} does not take the value {wrong}")));
        }
        let absent = if if_exists { Absent::Holds } else { of_set.unwrap_or(Absent::Unmatched) };
        Ok(Self { operator, is_negated, absent, key: key.to_ascii_lowercase(), values })
    }

    /// What the condition asks that cannot be known here, by name.
    pub fn unknown(&self) -> Option<String> {
        let is_known = ABSENT.contains(&self.key.as_str()) || is_of_request(&self.key);
        if !is_known {
            return Some(format!("the condition key {}", self.key));
        }
        let variable = self.values.iter().find(|value| value.contains("${"));
        variable.map(|value| format!("policy variables, as in {value}"))
    }

    pub fn holds(&self, ask: &Ask<'_>) -> bool {
        let found = value(&self.key, ask);
        if self.operator == Operator::Null {
            return self.values.iter().any(|wanted| wanted.eq_ignore_ascii_case("true") == found.is_none());
        }
        let Some(found) = found else {
            return match self.absent {
                Absent::Unmatched => self.is_negated,
                Absent::Holds => true,
                Absent::Fails => false,
            };
        };
        self.values.iter().any(|wanted| self.operator.matches(&found, wanted)) != self.is_negated
    }
}

fn operator(name: &str) -> Option<(Operator, bool)> {
    let order = |rest: &str| match rest {
        "Equals" => Some((Order::Equal, false)),
        "NotEquals" => Some((Order::Equal, true)),
        "LessThan" => Some((Order::Less, false)),
        "LessThanEquals" => Some((Order::LessOrEqual, false)),
        "GreaterThan" => Some((Order::Greater, false)),
        "GreaterThanEquals" => Some((Order::GreaterOrEqual, false)),
        _ => None,
    };
    if let Some(rest) = name.strip_prefix("Numeric") {
        return order(rest).map(|(order, is_negated)| (Operator::Numeric(order), is_negated));
    }
    if let Some(rest) = name.strip_prefix("Date") {
        return order(rest).map(|(order, is_negated)| (Operator::Date(order), is_negated));
    }
    Some(match name {
        "StringEquals" => (Operator::Equals, false),
        "StringNotEquals" => (Operator::Equals, true),
        "StringEqualsIgnoreCase" => (Operator::EqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Operator::EqualsIgnoreCase, true),
        "StringLike" => (Operator::Like, false),
        "StringNotLike" => (Operator::Like, true),
        "Bool" => (Operator::Bool, false),
        "ArnLike" | "ArnEquals" => (Operator::Arn, false),
        "ArnNotLike" | "ArnNotEquals" => (Operator::Arn, true),
        "IpAddress" => (Operator::Address, false),
        "NotIpAddress" => (Operator::Address, true),
        "Null" => (Operator::Null, false),
        _ => return None,
    })
}

impl Operator {
    /// Whether a policy may have such a value.
    fn takes(self, value: &str) -> bool {
        match self {
            Self::Equals | Self::EqualsIgnoreCase | Self::Like | Self::Arn => true,
            Self::Bool | Self::Null => {
                ["true", "false"].iter().any(|known| known.eq_ignore_ascii_case(value))
            }
            Self::Numeric(_) => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Date(_) => seconds(value).is_some(),
            Self::Address => block(value).is_some(),
        }
    }

    fn matches(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::Equals => found == wanted,
            Self::EqualsIgnoreCase | Self::Bool => wanted.eq_ignore_ascii_case(found),
            Self::Like => like(wanted, found),
            Self::Numeric(order) => match (found.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(found), Ok(wanted)) => order.holds(&found, &wanted),
                _ => false,
            },
            Self::Date(order) => match (seconds(found), seconds(wanted)) {
                (Some(found), Some(wanted)) => order.holds(&found, &wanted),
                _ => false,
            },
            Self::Arn => arn_like(wanted, found),
            Self::Address => found.parse().is_ok_and(|address| in_block(wanted, address)),
            Self::Null => false,
        }
    }
}

/// Keys whose values requests here have, or may have.
fn is_of_request(key: &str) -> bool {
    matches!(
        key,
        "aws:currenttime"
            | "aws:epochtime"
            | "aws:principalaccount"
            | "aws:principalarn"
            | "aws:principalisawsservice"
            | "aws:principaltype"
            | "aws:referer"
            | "aws:requestedregion"
            | "aws:securetransport"
            | "aws:sourceip"
            | "aws:useragent"
            | "aws:userid"
            | "aws:viaawsservice"
    )
}

/// The value of a key, by its name in small letters.
fn value<'a>(key: &str, ask: &Ask<'a>) -> Option<Cow<'a, str>> {
    let seconds = ask.at.millis().div_euclid(1_000);
    Some(match key {
        "aws:currenttime" => jiff::Timestamp::from_second(seconds).ok()?.to_string().into(),
        "aws:epochtime" => seconds.to_string().into(),
        "aws:principalaccount" => ask.account?.into(),
        "aws:principalarn" => format!("arn:aws:iam::{}:root", ask.account?).into(),
        "aws:principaltype" => if ask.account.is_some() { "Account" } else { "Anonymous" }.into(),
        "aws:userid" => ask.account.unwrap_or("anonymous").into(),
        "aws:referer" => ask.referer?.into(),
        "aws:requestedregion" => ask.resource.split(':').nth(3)?.into(),
        "aws:securetransport" => if ask.is_secure { "true" } else { "false" }.into(),
        "aws:sourceip" => ask.source_ip.to_string().into(),
        "aws:useragent" => ask.user_agent?.into(),
        "aws:principalisawsservice" | "aws:viaawsservice" => "false".into(),
        _ => return None,
    })
}

/// A date as policies have it, in seconds: a day, a time of it with an offset, or seconds themselves.
fn seconds(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>()
        && text.len() != 4
    {
        return Some(seconds);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_second());
    }
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        10 => text.to_owned(),
        _ => return None,
    };
    format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// Each of an ARN's six parts fits on its own; a star takes no colon but in the last.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if like(pattern, part) => {}
            _ => return false,
        }
    }
}

/// An address, and how many of its bits count: `203.0.113.0/24`, or all of one address.
fn block(text: &str) -> Option<(IpAddr, u32)> {
    let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
    let base: IpAddr = base.parse().ok()?;
    let width = if base.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
    (bits <= width).then_some((base, bits))
}

/// Whether an address is in a block.
fn in_block(text: &str, address: IpAddr) -> bool {
    let Some((base, bits)) = block(text) else { return false };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (u128::from(base.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    match width - bits {
        128 => true,
        rest => base >> rest == address >> rest,
    }
}

#[cfg(test)]
mod tests {
    use runtime::Timestamp;

    use super::*;

    /// 2026-11-18T09:06:40Z, from 203.0.113.9, signed by account 000000000000.
    fn ask() -> Ask<'static> {
        Ask {
            resource: "arn:aws:execute-api:us-east-1:000000000000:abc/dev/GET/",
            user_agent: Some("curl/8"),
            account: Some("000000000000"),
            at: Timestamp(1_795_000_000_000),
            ..Ask::nobody("203.0.113.9".parse().unwrap())
        }
    }

    fn holds(name: &str, key: &str, values: &[&str]) -> bool {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition::new(name, key, values).unwrap().holds(&ask())
    }

    #[test]
    fn operators() {
        for (name, key, value) in [
            ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z"),
            ("DateGreaterThan", "aws:CurrentTime", "2026-01-01"),
            ("DateGreaterThanEquals", "aws:CurrentTime", "2026-11-18T09:06:40Z"),
            ("DateEquals", "aws:EpochTime", "1795000000"),
            ("DateNotEquals", "aws:CurrentTime", "2026-11-18T11:06:41+02:00"),
            ("DateLessThanEquals", "aws:EpochTime", "2027"),
            ("NumericLessThan", "aws:EpochTime", "1795000000.5"),
            ("NumericEquals", "aws:EpochTime", "1795000000"),
            ("NumericGreaterThanEquals", "aws:EpochTime", "1795000000"),
            ("NumericNotEquals", "aws:EpochTime", "1"),
            ("Bool", "aws:SecureTransport", "False"),
            ("StringEquals", "aws:PrincipalAccount", "000000000000"),
            ("StringNotEquals", "AWS:PrincipalType", "Anonymous"),
            ("StringEqualsIgnoreCase", "aws:UserAgent", "CURL/8"),
            ("StringLike", "aws:UserAgent", "c?rl*"),
            ("ArnLike", "aws:PrincipalArn", "arn:*:iam::000000000000:*"),
            ("ArnNotEquals", "aws:PrincipalArn", "arn:*:root"),
            ("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
            ("NotIpAddress", "aws:SourceIp", "2001:db8::/32"),
            ("Null", "aws:SourceVpce", "true"),
            ("Null", "aws:UserAgent", "false"),
            ("StringEquals", "aws:RequestedRegion", "us-east-1"),
        ] {
            assert!(holds(name, key, &[value]), "{name} {key} {value}");
        }
        for (name, key, value) in [
            ("DateLessThan", "aws:CurrentTime", "2026-11-18T09:06:40Z"),
            ("NumericLessThan", "aws:UserAgent", "5"),
            ("StringLike", "aws:UserAgent", "CURL*"),
            ("ArnLike", "aws:PrincipalArn", "arn:*:root"),
            ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("Bool", "aws:SecureTransport", "true"),
        ] {
            assert!(!holds(name, key, &[value]), "{name} {key} {value}");
        }
        assert!(holds("StringEquals", "aws:UserAgent", &["other", "curl/8"]));
        assert!(!holds("StringNotEquals", "aws:UserAgent", &["other", "curl/8"]));
    }

    #[test]
    fn keys_that_are_not_there() {
        for (name, expected) in [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringEqualsIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
        ] {
            assert_eq!(holds(name, "aws:SourceVpce", &["vpce-1"]), expected, "{name}");
        }
        assert!(holds("ForAnyValue:StringEquals", "aws:UserAgent", &["curl/8"]));
        assert!(!holds("ForAllValues:StringNotEquals", "aws:UserAgent", &["curl/8"]));
    }

    #[test]
    fn what_is_wrong_and_what_is_missing() {
        let new = |name: &str, value: &str| Condition::new(name, "aws:SourceIp", vec![value.to_owned()]);
        for (name, value) in [
            ("FooEquals", "a"),
            ("For:StringEquals", "a"),
            ("DateFoo", "2026"),
            ("DateEquals", "soon"),
            ("NumericEquals", "NaN"),
            ("Bool", "maybe"),
            ("NullIfExists", "true"),
            ("IpAddress", "10.0.0.0/33"),
            ("IpAddress", "host"),
        ] {
            assert!(matches!(new(name, value), Err(PolicyError::Invalid(_))), "{name} {value}");
        }
        assert!(matches!(new("BinaryEquals", "YQ=="), Err(PolicyError::Missing(_))));
        let unknown = |key: &str, value: &str| {
            Condition::new("StringEquals", key, vec![value.to_owned()]).unwrap().unknown()
        };
        assert_eq!(unknown("aws:SourceVpce", "vpce-1"), None);
        assert_eq!(unknown("aws:PrincipalOrgID", "o-1").unwrap(), "the condition key aws:principalorgid");
        assert!(unknown("aws:UserAgent", "${aws:username}").unwrap().contains("policy variables"));
    }

    #[test]
    fn blocks() {
        let in_block = |text: &str, address: &str| in_block(text, address.parse().unwrap());
        assert!(
            in_block("0.0.0.0/0", "10.1.2.3") && in_block("::/0", "::1") && in_block("10.1.2.3", "10.1.2.3")
        );
        assert!(!in_block("10.1.2.3", "10.1.2.4") && !in_block("0.0.0.0/0", "::1"));
    }
}
