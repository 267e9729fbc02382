//! Availability Zones: by the region's name, as an account sees them.

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::{Value, json};

use crate::{Answer, Members, error, filter::Filters, texts};

/// Regions whose zones are not `a`, `b` and `c`.
const LETTERS: &[(&str, &[u8])] = &[
    ("ap-northeast-1", b"acd"),
    ("ap-northeast-2", b"abcd"),
    ("ca-central-1", b"abd"),
    ("us-east-1", b"abcdef"),
    ("us-west-1", b"ac"),
    ("us-west-2", b"abcd"),
];

/// A zone.
pub(crate) struct Zone {
    /// `us-east-1a`.
    pub(crate) name: String,
    /// `use1-az1`. In AWS the two are paired anew for each account.
    pub(crate) id: String,
}

/// All zones of a region.
pub(crate) fn of(region: &str) -> Vec<Zone> {
    let letters =
        LETTERS.iter().find(|(name, _)| *name == region).map_or(&b"abc"[..], |(_, letters)| letters);
    let short = short(region);
    let zone = |(letter, at): (&u8, usize)| Zone {
        name: format!("{region}{}", char::from(*letter)),
        id: format!("{short}-az{at}"),
    };
    letters.iter().zip(1..).map(zone).collect()
}

/// The names of all zones of a region, sorted.
pub fn names(region: &str) -> Vec<String> {
    of(region).into_iter().map(|zone| zone.name).collect()
}

/// `use1` of `us-east-1`, `apne1` of `ap-northeast-1`.
fn short(region: &str) -> String {
    let mut out = String::new();
    for (at, part) in region.split('-').enumerate() {
        match part {
            "northeast" => out.push_str("ne"),
            "northwest" => out.push_str("nw"),
            "southeast" => out.push_str("se"),
            "southwest" => out.push_str("sw"),
            part if at == 0 || part.starts_with(|it: char| it.is_ascii_digit()) => out.push_str(part),
            part => out.extend(part.chars().next()),
        }
    }
    out
}

/// The zone that a request names by name or by id; the first where it names none.
pub(crate) fn chosen(region: &str, name: Option<&str>, id: Option<&str>) -> Result<Zone, ServiceError> {
    let mut zones = of(region).into_iter();
    let refuse = |given: &str, parameter: &str, all: Vec<String>| {
        error::invalid(format!(
            "Value ({given}) for parameter {parameter} is invalid. Subnets can currently only be created in the \
             following availability zones: {}.",
            all.join(", ")
        ))
    };
    match (name, id) {
        (Some(_), Some(_)) => Err(error::refusal(
            "InvalidParameterCombination",
            "The parameter availabilityZone cannot be used with the parameter availabilityZoneId",
        )),
        (Some(name), None) => zones.find(|zone| zone.name == name).ok_or_else(|| {
            refuse(name, "availabilityZone", of(region).into_iter().map(|zone| zone.name).collect())
        }),
        (None, Some(id)) => zones.find(|zone| zone.id == id).ok_or_else(|| {
            refuse(id, "availabilityZoneId", of(region).into_iter().map(|zone| zone.id).collect())
        }),
        (None, None) => Ok(zones.next().expect("every region has zones")),
    }
}

/// The id of a zone by its name.
pub(crate) fn id_of(region: &str, name: &str) -> String {
    of(region).into_iter().find(|zone| zone.name == name).map(|zone| zone.id).unwrap_or_default()
}

const FILTERS: &[&str] = &[
    "group-long-name",
    "group-name",
    "message",
    "opt-in-status",
    "parent-zone-id",
    "parent-zone-name",
    "region-name",
    "state",
    "zone-id",
    "zone-name",
    "zone-type",
];

pub(crate) fn describe(scope: &Scope, members: &Members) -> Answer {
    let region = &*scope.region;
    let filters = Filters::read(members, FILTERS)?;
    let (names, ids) = (texts(members, "ZoneNames"), texts(members, "ZoneIds"));
    let zones = of(region);
    if let Some(name) = names.iter().find(|name| zones.iter().all(|zone| zone.name != **name)) {
        return Err(error::invalid(format!("Invalid availability zone: [{name}]")));
    }
    if let Some(id) = ids.iter().find(|id| zones.iter().all(|zone| zone.id != **id)) {
        return Err(error::invalid(format!("Invalid availability zone-id: [{id}]")));
    }
    let asked = |zone: &Zone| {
        let named = names.contains(&zone.name.as_str()) || ids.contains(&zone.id.as_str());
        (names.is_empty() && ids.is_empty()) || named
    };
    let shown: Vec<Value> = zones
        .iter()
        .filter(|zone| asked(zone))
        .filter(|zone| {
            filters.admit(|name| match name {
                "group-name" => vec![format!("{region}-zg-1")],
                "opt-in-status" => vec![String::from("opt-in-not-required")],
                "region-name" => vec![region.to_owned()],
                "state" => vec![String::from("available")],
                "zone-id" => vec![zone.id.clone()],
                "zone-name" => vec![zone.name.clone()],
                "zone-type" => vec![String::from("availability-zone")],
                _ => Vec::new(),
            })
        })
        .map(|zone| {
            json!({
                "OptInStatus": "opt-in-not-required", "Messages": [], "RegionName": region,
                "ZoneName": zone.name, "ZoneId": zone.id, "GroupName": format!("{region}-zg-1"),
                "NetworkBorderGroup": region, "ZoneType": "availability-zone", "State": "available",
            })
        })
        .collect();
    Ok(Output::of(json!({ "AvailabilityZones": shown })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_follow_the_region_s_name() {
        let zones = of("us-east-1");
        assert_eq!(zones.len(), 6);
        assert_eq!((zones[0].name.as_str(), zones[0].id.as_str()), ("us-east-1a", "use1-az1"));
        let zones = of("ap-northeast-1");
        assert_eq!((zones[1].name.as_str(), zones[1].id.as_str()), ("ap-northeast-1c", "apne1-az2"));
        assert_eq!(of("eu-central-1")[2].id, "euc1-az3");
        assert_eq!(of("us-gov-west-1")[0].id, "usgw1-az1");
    }
}
