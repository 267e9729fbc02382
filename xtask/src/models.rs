//! `cargo xtask models`: botocore's service models, without the prose, as small JSON for `aws-model`.
//!
//! The source is one wheel, pinned by version and checksum; `pip` fetches it. What is written is committed, and a
//! fresh run must give the same bytes.

use std::{fs, io::Read, path::Path, process::Command};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::Failure;

const VERSION: &str = "1.44.5";
const SHA256: &str = "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921";

/// Model folder in botocore: our own services, what supports them, and what may be delegated.
const SERVICES: &[(&str, &str)] = &[
    ("apigateway", "2015-07-09"),
    ("apigatewaymanagementapi", "2018-11-29"),
    ("apigatewayv2", "2018-11-29"),
    ("cloudformation", "2010-05-15"),
    ("dynamodb", "2012-08-10"),
    ("dynamodbstreams", "2012-08-10"),
    ("ec2", "2016-11-15"),
    ("events", "2015-10-07"),
    ("firehose", "2015-08-04"),
    ("iam", "2010-05-08"),
    ("kinesis", "2013-12-02"),
    ("lambda", "2015-03-31"),
    ("lambda-core", "2026-04-30"),
    ("lambda-microvms", "2025-09-09"),
    ("lambda-web", "2025-03-07"),
    ("logs", "2014-03-28"),
    ("s3", "2006-03-01"),
    ("secretsmanager", "2017-10-17"),
    ("sns", "2010-03-31"),
    ("sqs", "2012-11-05"),
    ("ssm", "2014-11-06"),
    ("stepfunctions", "2016-11-23"),
    ("sts", "2011-06-15"),
];

pub(crate) fn run(check: bool) -> Result<(), Failure> {
    let folder = crate::root().join("crates/aws-model/models");
    fs::create_dir_all(&folder)?;
    let download = tempfile::tempdir()?;
    let mut wheel = zip::ZipArchive::new(std::io::Cursor::new(fetch(download.path())?))?;
    let mut differing = Vec::new();
    for (service, api_version) in SERVICES {
        let stripped = strip_model(read_model(&mut wheel, service, api_version)?);
        let text = serde_json::to_string(&stripped)? + "\n";
        let path = folder.join(format!("{service}.json"));
        if check {
            if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                differing.push(*service);
            }
        } else {
            fs::write(&path, text)?;
        }
    }
    let lock = format!("botocore {VERSION}\nsha256 {SHA256}\n");
    if check {
        if fs::read_to_string(folder.join("SOURCE")).ok().as_deref() != Some(lock.as_str()) {
            differing.push("SOURCE");
        }
    } else {
        fs::write(folder.join("SOURCE"), lock)?;
    }
    if differing.is_empty() {
        Ok(())
    } else {
        Err(format!("a fresh run differs in: {}", differing.join(", ")).into())
    }
}

fn fetch(folder: &Path) -> Result<Vec<u8>, Failure> {
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
        .arg(folder)
        .arg(format!("botocore=={VERSION}"))
        .status()?;
    if !status.success() {
        return Err(format!("pip could not fetch botocore {VERSION}").into());
    }
    let wheel = fs::read(folder.join(format!("botocore-{VERSION}-py3-none-any.whl")))?;
    let found: String = Sha256::digest(&wheel).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == SHA256 {
        Ok(wheel)
    } else {
        Err(format!("the wheel's checksum is {found}, not {SHA256}").into())
    }
}

fn read_model<R: Read + std::io::Seek>(
    wheel: &mut zip::ZipArchive<R>,
    service: &str,
    api_version: &str,
) -> Result<Value, Failure> {
    let name = format!("botocore/data/{service}/{api_version}/service-2.json");
    let mut bytes = Vec::new();
    if wheel.index_for_name(&name).is_some() {
        wheel.by_name(&name)?.read_to_end(&mut bytes)?;
    } else {
        GzDecoder::new(wheel.by_name(&format!("{name}.gz"))?).read_to_end(&mut bytes)?;
    }
    Ok(serde_json::from_slice(&bytes)?)
}

/// Keeps the metadata, the operations and the shapes; drops prose and what only a client's endpoint rules need.
fn strip_model(mut model: Value) -> Value {
    let mut kept = Map::new();
    for part in ["metadata", "operations", "shapes"] {
        if let Some(value) = model.get_mut(part) {
            kept.insert(part.to_owned(), value.take());
        }
    }
    let mut kept = Value::Object(kept);
    for operation in values_of(&mut kept, "operations") {
        drop_keys(operation, &["staticContextParams", "operationContextParams", "endpointdiscovery", "auth"]);
        for part in ["input", "output"] {
            operation.get_mut(part).into_iter().for_each(|part| drop_keys(part, &[]));
        }
        for error in operation.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
            drop_keys(error, &[]);
        }
    }
    for shape in values_of(&mut kept, "shapes") {
        drop_keys(shape, &[]);
        for member in values_of(shape, "members") {
            drop_keys(member, &["contextParam"]);
        }
        for part in ["member", "key", "value"] {
            shape.get_mut(part).into_iter().for_each(|part| drop_keys(part, &[]));
        }
    }
    kept
}

fn values_of<'v>(value: &'v mut Value, key: &str) -> impl Iterator<Item = &'v mut Value> {
    value
        .get_mut(key)
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|map| map.iter_mut().map(|(_, value)| value))
}

fn drop_keys(value: &mut Value, further: &[&str]) {
    if let Value::Object(map) = value {
        let prose = ["documentation", "deprecatedMessage", "deprecatedSince"];
        map.retain(|key, _| !prose.contains(&key.as_str()) && !further.contains(&key.as_str()));
    }
}
