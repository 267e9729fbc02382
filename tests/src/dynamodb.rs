//! A DynamoDB as small as DynamoDB Local is large: tables, items by one key, a stream each, and no more operations than a
//! deployment and a function ask for. Like DynamoDB Local it calls its region `ddblocal` and knows neither tags nor backups.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::fake;

/// What it was asked: operations and members.
pub type Asked = Arc<Mutex<Vec<(String, Value)>>>;

#[derive(Default)]
struct Table {
    description: Value,
    time_to_live: Value,
    items: Vec<Value>,
}

/// Serves it; gives the endpoint and what it is asked.
pub fn serve() -> (String, Asked) {
    let asked = Asked::default();
    let heard = asked.clone();
    let mut tables = BTreeMap::new();
    let endpoint = fake::json_service(move |target, members| {
        let operation = target.rsplit('.').next().unwrap_or_default();
        heard.lock().expect("no test has panicked").push((operation.to_owned(), members.clone()));
        match answer(&mut tables, operation, members) {
            Ok(answer) => (200, answer),
            Err((code, message)) => {
                let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
                (400, json!({ "__type": code, "message": message }))
            }
        }
    });
    (endpoint, asked)
}

type Refused = (&'static str, &'static str);

fn answer(tables: &mut BTreeMap<String, Table>, operation: &str, members: &Value) -> Result<Value, Refused> {
    let gone = ("ResourceNotFoundException", "Cannot do operations on a non-existent table");
    if operation == "CreateTable" {
        return create(tables, members);
    }
    let text = |name: &str| members[name].as_str().unwrap_or_default();
    if operation == "GetRecords" {
        let (table, after) = text("ShardIterator").split_once('|').unwrap_or_default();
        let after: usize = after.parse().unwrap_or_default();
        let items = &tables.get(table).ok_or(gone)?.items;
        let records: Vec<Value> =
            items.iter().enumerate().skip(after).map(|(at, item)| record(at, item)).collect();
        return Ok(json!({ "Records": records, "NextShardIterator": format!("{table}|{}", items.len()) }));
    }
    let of_stream = text("StreamArn").strip_prefix("arn:aws:dynamodb:ddblocal:000000000000:table/");
    let name = of_stream.and_then(|it| it.split('/').next()).unwrap_or(text("TableName")).to_owned();
    let known =
        ["DescribeTable", "DescribeTimeToLive", "UpdateTimeToLive", "UpdateTable", "PutItem", "GetItem"];
    let streams = ["DescribeStream", "GetShardIterator"];
    if !known.contains(&operation) && !streams.contains(&operation) {
        return Err(("UnknownOperationException", "An unknown operation was requested."));
    }
    let table = tables.get_mut(&name).ok_or(gone)?;
    Ok(match operation {
        "DescribeTable" => {
            let answer = json!({ "Table": table.description });
            // It takes a while: whoever asks once sees a table that is not ready.
            table.description["TableStatus"] = json!("ACTIVE");
            answer
        }
        "UpdateTable" => json!({ "TableDescription": table.description }),
        "DescribeTimeToLive" => json!({ "TimeToLiveDescription": table.time_to_live }),
        "UpdateTimeToLive" => {
            let asked = &members["TimeToLiveSpecification"];
            let status = if asked["Enabled"] == true { "ENABLED" } else { "DISABLED" };
            table.time_to_live =
                json!({ "TimeToLiveStatus": status, "AttributeName": asked["AttributeName"] });
            json!({ "TimeToLiveSpecification": asked })
        }
        "PutItem" => {
            table.items.push(members["Item"].clone());
            json!({})
        }
        "GetItem" => {
            let key = members["Key"].as_object().expect("an item has a key");
            let has = |item: &&Value| key.iter().all(|(name, value)| item[name] == *value);
            json!({ "Item": table.items.iter().rev().find(has) })
        }
        "DescribeStream" => json!({ "StreamDescription": {
            "StreamArn": text("StreamArn"), "StreamStatus": "ENABLED",
            "Shards": [{ "ShardId": "shardId-00000001", "SequenceNumberRange": { "StartingSequenceNumber": "1" } }],
        } }),
        _ => {
            let begin = if text("ShardIteratorType") == "LATEST" { table.items.len() } else { 0 };
            json!({ "ShardIterator": format!("{name}|{begin}") })
        }
    })
}

fn create(tables: &mut BTreeMap<String, Table>, members: &Value) -> Result<Value, Refused> {
    let name = members["TableName"].as_str().unwrap_or_default();
    if tables.contains_key(name) {
        return Err(("ResourceInUseException", "Cannot create preexisting table"));
    }
    let mut description = members.clone();
    let arn = format!("arn:aws:dynamodb:ddblocal:000000000000:table/{name}");
    description["TableStatus"] = json!("CREATING");
    if members["StreamSpecification"]["StreamEnabled"] == true {
        description["LatestStreamArn"] = json!(format!("{arn}/stream/2026-01-01T00:00:00.000"));
    }
    description["TableArn"] = json!(arn);
    let time_to_live = json!({ "TimeToLiveStatus": "DISABLED" });
    let table = Table { description: description.clone(), time_to_live, items: Vec::new() };
    tables.insert(name.to_owned(), table);
    Ok(json!({ "TableDescription": description }))
}

fn record(at: usize, item: &Value) -> Value {
    json!({
        "eventID": format!("{at}"), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "ddblocal",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_000, "Keys": { "id": item["id"] }, "NewImage": item,
            "SequenceNumber": format!("{:021}", at + 1), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
        },
    })
}
