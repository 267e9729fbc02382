//! A table that is there already becomes what the template says.
//!
//! Decided from its description alone. What a table has for good and is otherwise there is an error, since the items would
//! go with it. What the template does not name (another index, a stream that somebody has started) stays, and so does what
//! is only about costs and keys (encryption, warm throughput): whoever serves DynamoDB for tests often tells of neither.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Call, table};

/// The calls that change the table of `DescribeTable`'s answer to these members of `CreateTable`.
pub(super) fn calls(wanted: &Value, answer: &Value) -> Result<Vec<Call>, String> {
    let found = answer.get("Table").unwrap_or(&Value::Null);
    let name = wanted.get("TableName").and_then(Value::as_str).unwrap_or_default();
    if let Some(what) = for_good(wanted, found) {
        return Err(format!(
            "the table {name} is there already, with {what}, which cannot be changed: delete the table, or give the \
             template's another name"
        ));
    }
    let mut updates = Vec::new();
    updates.extend(throughput(wanted, found));
    updates.extend(stream(wanted, found));
    updates.extend(new_indexes(wanted, found));
    for (member, pointer) in [
        ("DeletionProtectionEnabled", "/DeletionProtectionEnabled"),
        ("TableClass", "/TableClassSummary/TableClass"),
    ] {
        // An endpoint that does not tell of it does not have it.
        if let (Some(wanted), Some(found)) = (wanted.get(member), found.pointer(pointer))
            && wanted != found
        {
            updates.push(json!({ member: wanted }));
        }
    }
    let mut calls = Vec::new();
    for mut members in updates {
        members["TableName"] = Value::from(name);
        calls.push(Call::new("dynamodb", "UpdateTable", members));
        calls.push(table::described(name));
    }
    Ok(calls)
}

/// `UpdateTimeToLive` with these members, unless that is so.
pub(super) fn time_to_live(wanted: &Value, answer: &Value) -> Vec<Call> {
    let found = answer.get("TimeToLiveDescription").unwrap_or(&Value::Null);
    let specification = wanted.get("TimeToLiveSpecification").unwrap_or(&Value::Null);
    let enabled =
        matches!(found.get("TimeToLiveStatus").and_then(Value::as_str), Some("ENABLED" | "ENABLING"));
    let asks = specification.get("Enabled") == Some(&Value::Bool(true));
    let is_so = match asks {
        true => enabled && found.get("AttributeName") == specification.get("AttributeName"),
        false => !enabled,
    };
    if is_so { Vec::new() } else { vec![Call::new("dynamodb", "UpdateTimeToLive", wanted.clone())] }
}

/// What of the table is for good and not as it is wanted.
fn for_good(wanted: &Value, found: &Value) -> Option<String> {
    if keys(wanted) != keys(found) {
        return Some("another key".to_owned());
    }
    let (ours, theirs) = (types(wanted), types(found));
    if let Some(name) = ours.keys().find(|name| theirs.get(*name).is_some_and(|kind| *kind != ours[*name])) {
        return Some(format!("another type of {name}"));
    }
    let theirs = indexes(found, "LocalSecondaryIndexes");
    for (name, index) in indexes(wanted, "LocalSecondaryIndexes") {
        if theirs.get(name).is_none_or(|there| !is_same_index(index, there)) {
            return Some(format!("another local index than {name}"));
        }
    }
    let theirs = indexes(found, "GlobalSecondaryIndexes");
    let ours = indexes(wanted, "GlobalSecondaryIndexes");
    let other =
        ours.iter().find(|(name, index)| theirs.get(*name).is_some_and(|it| !is_same_index(index, it)));
    other.map(|(name, _)| format!("another index {name}"))
}

/// One member of each of a list's entries, by another.
fn entries<'v>(list: Option<&'v Value>, key: &str, value: &str) -> BTreeMap<&'v str, &'v str> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|it| Some((it.get(key)?.as_str()?, it.get(value)?.as_str()?))).collect()
}

fn keys(value: &Value) -> BTreeMap<&str, &str> {
    entries(value.get("KeySchema"), "KeyType", "AttributeName")
}

fn types(table: &Value) -> BTreeMap<&str, &str> {
    entries(table.get("AttributeDefinitions"), "AttributeName", "AttributeType")
}

fn indexes<'v>(table: &'v Value, kind: &str) -> BTreeMap<&'v str, &'v Value> {
    let listed = table.get(kind).and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|index| Some((index.get("IndexName")?.as_str()?, index))).collect()
}

fn is_same_index(one: &Value, other: &Value) -> bool {
    let kind = |index: &Value| index.pointer("/Projection/ProjectionType").cloned();
    let attributes = |index: &Value| -> BTreeSet<String> {
        let listed = index.pointer("/Projection/NonKeyAttributes").and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    keys(one) == keys(other) && kind(one) == kind(other) && attributes(one) == attributes(other)
}

/// How the table is paid for. Its indexes need a throughput of their own when it gets one.
fn throughput(wanted: &Value, found: &Value) -> Vec<Value> {
    let units = |value: &Value| {
        let unit = |name: &str| value.get("ProvisionedThroughput")?.get(name)?.as_i64();
        (unit("ReadCapacityUnits").unwrap_or(0), unit("WriteCapacityUnits").unwrap_or(0))
    };
    // Only a table that is or was paid by request has a summary of it.
    let summary = found.pointer("/BillingModeSummary/BillingMode").and_then(Value::as_str);
    let mode = summary.unwrap_or(if units(found).0 > 0 { "PROVISIONED" } else { "PAY_PER_REQUEST" });
    let provisioned = wanted.get("BillingMode").is_none_or(|mode| mode == "PROVISIONED");
    if !provisioned {
        return match mode {
            "PAY_PER_REQUEST" => Vec::new(),
            _ => vec![json!({ "BillingMode": "PAY_PER_REQUEST" })],
        };
    }
    let was_by_request = mode == "PAY_PER_REQUEST";
    let there = indexes(found, "GlobalSecondaryIndexes");
    let changed = indexes(wanted, "GlobalSecondaryIndexes").into_iter().filter_map(|(name, index)| {
        let before = there.get(name)?;
        let differs = was_by_request || units(before) != units(index);
        let throughput = index.get("ProvisionedThroughput").filter(|_| differs)?;
        Some(json!({ "Update": { "IndexName": name, "ProvisionedThroughput": throughput } }))
    });
    let changed: Vec<Value> = changed.collect();
    let mut update = json!({});
    if was_by_request {
        update["BillingMode"] = Value::from("PROVISIONED");
    }
    if was_by_request || units(wanted) != units(found) {
        update["ProvisionedThroughput"] = wanted.get("ProvisionedThroughput").cloned().unwrap_or_default();
    }
    if !changed.is_empty() {
        update["GlobalSecondaryIndexUpdates"] = Value::Array(changed);
    }
    if update == json!({}) { Vec::new() } else { vec![update] }
}

/// A stream of another kind begins when the one before has ended.
fn stream(wanted: &Value, found: &Value) -> Vec<Value> {
    let Some(asked) = wanted.get("StreamSpecification") else { return Vec::new() };
    let there =
        found.get("StreamSpecification").filter(|it| it.get("StreamEnabled") == Some(&Value::Bool(true)));
    match there {
        None => vec![json!({ "StreamSpecification": asked })],
        Some(there) if there.get("StreamViewType") == asked.get("StreamViewType") => Vec::new(),
        Some(_) => vec![
            json!({ "StreamSpecification": { "StreamEnabled": false } }),
            json!({ "StreamSpecification": asked }),
        ],
    }
}

/// One is made at a time.
fn new_indexes(wanted: &Value, found: &Value) -> Vec<Value> {
    let there = indexes(found, "GlobalSecondaryIndexes");
    let listed = wanted.get("GlobalSecondaryIndexes").and_then(Value::as_array).into_iter().flatten();
    let new = listed.filter(|index| {
        index.get("IndexName").and_then(Value::as_str).is_none_or(|name| !there.contains_key(name))
    });
    let create = |index: &Value| {
        json!({
            "AttributeDefinitions": wanted.get("AttributeDefinitions"),
            "GlobalSecondaryIndexUpdates": [{ "Create": index }],
        })
    };
    new.map(create).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Value {
        json!({
            "TableName": "t",
            "AttributeDefinitions": [{ "AttributeName": "a", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        })
    }

    /// What DynamoDB tells of the table, paid by request.
    fn found() -> Value {
        let mut table = wanted();
        table["TableStatus"] = json!("ACTIVE");
        table["BillingModeSummary"] = json!({ "BillingMode": "PAY_PER_REQUEST" });
        table["ProvisionedThroughput"] = json!({ "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 });
        table["DeletionProtectionEnabled"] = json!(false);
        table
    }

    fn updates(wanted: &Value, found: &Value) -> Vec<Value> {
        let calls = calls(wanted, &json!({ "Table": found })).unwrap();
        let of = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
        assert_eq!(of("UpdateTable"), of("DescribeTable"), "each change is waited for");
        let updates = calls.into_iter().filter(|call| call.operation == "UpdateTable");
        let mut updates: Vec<Value> = updates.map(|call| call.members).collect();
        for update in &mut updates {
            assert_eq!(update.as_object_mut().unwrap().remove("TableName"), Some(json!("t")));
        }
        updates
    }

    #[test]
    fn a_table_as_it_is_wanted_stays() {
        let index = json!([{
            "IndexName": "i", "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"] },
        }]);
        let (mut ours, mut theirs) = (wanted(), found());
        ours["GlobalSecondaryIndexes"] = index.clone();
        theirs["GlobalSecondaryIndexes"] = index;
        theirs["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] = json!(["y", "x"]);
        theirs["GlobalSecondaryIndexes"][0]["IndexStatus"] = json!("ACTIVE");
        ours["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" });
        theirs["StreamSpecification"] = ours["StreamSpecification"].clone();
        assert_eq!(updates(&ours, &theirs), [] as [Value; 0]);
        // An endpoint that tells little is asked for nothing, either.
        assert_eq!(updates(&wanted(), &wanted()), [] as [Value; 0]);
        // What the template does not name stays.
        assert_eq!(updates(&wanted(), &theirs), [] as [Value; 0]);
    }

    #[test]
    fn what_can_be_changed_is() {
        let mut ours = wanted();
        ours["BillingMode"] = json!("PROVISIONED");
        ours["ProvisionedThroughput"] = json!({ "ReadCapacityUnits": 2, "WriteCapacityUnits": 3 });
        ours["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" });
        ours["DeletionProtectionEnabled"] = json!(true);
        let index = json!({ "IndexName": "i", "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }] });
        ours["GlobalSecondaryIndexes"] = json!([index]);
        let mut theirs = found();
        theirs["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" });
        let expected = [
            json!({ "BillingMode": "PROVISIONED", "ProvisionedThroughput": ours["ProvisionedThroughput"] }),
            json!({ "StreamSpecification": { "StreamEnabled": false } }),
            json!({ "StreamSpecification": ours["StreamSpecification"] }),
            json!({
                "AttributeDefinitions": ours["AttributeDefinitions"],
                "GlobalSecondaryIndexUpdates": [{ "Create": index }],
            }),
            json!({ "DeletionProtectionEnabled": true }),
        ];
        assert_eq!(updates(&ours, &theirs), expected);
        // And back.
        theirs["BillingModeSummary"] = json!({ "BillingMode": "PROVISIONED" });
        assert_eq!(updates(&wanted(), &theirs), [json!({ "BillingMode": "PAY_PER_REQUEST" })]);
    }

    #[test]
    fn throughput_changes_with_that_of_the_indexes() {
        let throughput = |units: i64| json!({ "ReadCapacityUnits": units, "WriteCapacityUnits": units });
        let mut ours = wanted();
        ours.as_object_mut().unwrap().remove("BillingMode");
        ours["ProvisionedThroughput"] = throughput(1);
        ours["GlobalSecondaryIndexes"] =
            json!([{ "IndexName": "i", "ProvisionedThroughput": throughput(5) }]);
        let mut theirs = ours.clone();
        assert_eq!(updates(&ours, &theirs), [] as [Value; 0]);
        theirs["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] = throughput(4);
        let of_index = json!([{ "Update": { "IndexName": "i", "ProvisionedThroughput": throughput(5) } }]);
        assert_eq!(updates(&ours, &theirs), [json!({ "GlobalSecondaryIndexUpdates": of_index })]);
        theirs["ProvisionedThroughput"] = throughput(9);
        let both = json!({ "ProvisionedThroughput": throughput(1), "GlobalSecondaryIndexUpdates": of_index });
        assert_eq!(updates(&ours, &theirs), [both]);
    }

    #[test]
    fn what_is_for_good_is_an_error_that_says_what_to_do() {
        let refused = |change: fn(&mut Value)| {
            let mut ours = wanted();
            ours["GlobalSecondaryIndexes"] =
                json!([{ "IndexName": "i", "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }] }]);
            let theirs = json!({ "Table": ours });
            change(&mut ours);
            calls(&ours, &theirs).unwrap_err()
        };
        let key = refused(|ours| ours["KeySchema"][0]["AttributeName"] = json!("b"));
        assert_eq!(
            key,
            "the table t is there already, with another key, which cannot be changed: delete the table, or give the \
             template's another name"
        );
        let kind = refused(|ours| ours["AttributeDefinitions"][0]["AttributeType"] = json!("N"));
        assert!(kind.contains("another type of a"), "{kind}");
        let index =
            refused(|ours| ours["GlobalSecondaryIndexes"][0]["KeySchema"][0]["KeyType"] = json!("RANGE"));
        assert!(index.contains("another index i"), "{index}");
        let local = refused(|ours| ours["LocalSecondaryIndexes"] = json!([{ "IndexName": "l" }]));
        assert!(local.contains("another local index than l"), "{local}");
    }

    #[test]
    fn time_to_live_is_changed_only_where_it_is_otherwise() {
        let asked = |enabled: bool| json!({ "TableName": "t", "TimeToLiveSpecification": { "AttributeName": "ttl", "Enabled": enabled } });
        let told = |status: &str| json!({ "TimeToLiveDescription": { "TimeToLiveStatus": status, "AttributeName": "ttl" } });
        assert!(time_to_live(&asked(true), &told("ENABLED")).is_empty());
        assert!(time_to_live(&asked(false), &told("DISABLED")).is_empty());
        for (enabled, status) in [(true, "DISABLED"), (false, "ENABLING")] {
            let calls = time_to_live(&asked(enabled), &told(status));
            assert_eq!((calls[0].operation, &calls[0].members), ("UpdateTimeToLive", &asked(enabled)));
        }
    }
}
