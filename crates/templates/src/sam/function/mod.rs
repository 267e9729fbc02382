//! `AWS::Serverless::Function`.

mod invoke_config;
mod url;
mod version;

use serde_json::{Map, Value, json};

use super::{
    Serverless, Work, bucket,
    event::{self, Event},
    event_source::{self, Reader},
    intrinsic::{
        attribute, entries, is_said, map_entries, reference, substituted, tag_list, with_parameters,
    },
    logical_id,
    rest::Caller,
    role::{Role, managed_arn, trust},
    rule::{self, Target},
    s3_location, topic,
};
use crate::{Refusals, calls};

/// Properties that are read here; every other is the function's own, under the same name.
const OF_SAM: &[&str] = &[
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CapacityProviderConfig",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "EventInvokeConfig",
    "Events",
    "FunctionUrlConfig",
    "ImageUri",
    "InlineCode",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "RolePath",
    "SourceKMSKeyArn",
    "Tags",
    "Tracing",
    "VersionDeletionPolicy",
    "VersionDescription",
];
/// Properties of the function that are made of those of SAM.
const MADE: &[&str] = &["CapacityProviderConfig", "Code", "DeadLetterConfig", "Tags", "TracingConfig"];

const CREATED_BY: &str = "lambda:createdBy";

/// Properties that go over as they are.
fn same() -> impl Iterator<Item = &'static str> {
    calls::OF_FUNCTION.iter().copied().filter(|name| !MADE.contains(name))
}

/// What events lead to: the function, or its alias.
struct Invoked {
    /// The function's own id.
    id: String,
    /// In a permission or a mapping.
    function: Value,
    arn: Value,
    /// In an integration's text.
    in_text: String,
}

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    let known: Vec<&str> = OF_SAM.iter().copied().chain(same()).collect();
    found.check(id, &known, "AWS::Serverless::Function", &mut work.refusals);
    let place = format!("Resources.{id}.Properties");
    let mut properties = properties(found, &place, work);
    let mut role = role(id, found, work);
    let alias = version::make(id, found, &mut properties, work);
    let invoked = match &alias {
        Some((alias, _)) => Invoked {
            id: id.to_owned(),
            function: reference(alias),
            arn: reference(alias),
            in_text: format!("${{{alias}}}"),
        },
        None => Invoked {
            id: id.to_owned(),
            function: reference(id),
            arn: attribute(id, "Arn"),
            in_text: format!("${{{id}.Arn}}"),
        },
    };
    url::make(id, found, &invoked.function, work);
    invoke_config::make(id, found, alias.as_ref(), &mut role, work);
    role.add(found.properties.get("Policies"), &format!("{place}.Policies"), &mut work.refusals);
    let mut events: Vec<(&String, &Value)> = entries(found.properties.get("Events")).collect();
    for (_, event) in &events {
        work.apis.reserve(event);
    }
    // The route that takes what no other does comes first: what it permits need not be permitted again.
    events.sort_by_key(|(name, event)| {
        let path = event.get("Properties").and_then(|it| it.get("Path")?.as_str());
        let is_http = event.get("Type").is_some_and(|kind| kind == "HttpApi");
        path.unwrap_or(if is_http { event::DEFAULT } else { name.as_str() }).to_owned()
    });
    for (name, event) in events {
        let place = format!("{place}.Events.{name}");
        connect(name, event, &invoked, found, &mut role, &place, work);
    }
    if !properties.contains_key("Role") {
        let role_id = format!("{id}Role");
        let mut made = role.properties();
        // Tags that go to all that is made of a function take the place of what the role has by itself.
        let own = found.propagated().map(|tags| Value::Array(tag_list(Some(tags))));
        made.insert("Tags".to_owned(), own.unwrap_or_else(|| found.tags(CREATED_BY)));
        for (from, to) in [("RolePath", "Path"), ("PermissionsBoundary", "PermissionsBoundary")] {
            made.extend(found.get(from).map(|value| (to.to_owned(), value.clone())));
        }
        work.made.add(&role_id, "AWS::IAM::Role", made, &found.derived());
        properties.insert("Role".to_owned(), attribute(&role_id, "Arn"));
    }
    work.made.add(id, "AWS::Lambda::Function", properties, &found.beside);
}

fn is_traced(found: &Serverless, work: &Work<'_>) -> bool {
    let mode = found.get("Tracing").map(|mode| with_parameters(mode, work.known));
    mode.is_some_and(|mode| mode != "Disabled")
}

fn properties(found: &Serverless, place: &str, work: &mut Work<'_>) -> Map<String, Value> {
    let given = &found.properties;
    let mut properties = found.same(&same().collect::<Vec<_>>());
    properties.insert("Code".to_owned(), code(found, place, &mut work.refusals));
    if let Some(mode) = given.get("Tracing").filter(|_| is_traced(found, work)) {
        properties.insert("TracingConfig".to_owned(), json!({ "Mode": mode }));
    }
    if let Some(queue) = found.get("DeadLetterQueue") {
        let kind = queue.get("Type").and_then(Value::as_str);
        if !matches!(kind, Some("SQS" | "SNS")) || queue.get("TargetArn").is_none() {
            let text =
                "'DeadLetterQueue' requires Type (SQS or SNS) and TargetArn properties to be specified.";
            work.refusals.add(format!("{place}.DeadLetterQueue"), text);
        }
        let arn = queue.get("TargetArn").cloned().unwrap_or_default();
        properties.insert("DeadLetterConfig".to_owned(), json!({ "TargetArn": arn }));
    }
    if let Some(given) = found.get("CapacityProviderConfig") {
        properties.insert("CapacityProviderConfig".to_owned(), instances(given, place, &mut work.refusals));
    }
    if found.get("DeploymentPreference").is_some_and(|it| it.get("Enabled") != Some(&Value::Bool(false))) {
        let text = "Tule deploys at once: it does not shift traffic as CodeDeploy does";
        work.refusals.add(format!("{place}.DeploymentPreference"), text);
    }
    properties.insert("Tags".to_owned(), found.tags(CREATED_BY));
    properties
}

/// What is run: a text, a local path, an object in S3, or a container image.
fn code(found: &Serverless, place: &str, refusals: &mut Refusals) -> Value {
    const NAMES: [&str; 3] = ["S3Bucket", "S3Key", "S3ObjectVersion"];
    let mut code = match found.text("PackageType").unwrap_or("Zip") {
        "Image" => match found.get("ImageUri") {
            Some(Value::Object(object)) if object.contains_key("Bucket") => {
                let given = Value::Object(object.clone());
                s3_location(&given, NAMES, &format!("{place}.ImageUri"), refusals)
            }
            Some(image) => json!({ "ImageUri": image }),
            None => {
                refusals.add(place, "'ImageUri' must be set.");
                Value::Null
            }
        },
        "Zip" => match (found.get("InlineCode"), found.get("CodeUri")) {
            (Some(text), _) => json!({ "ZipFile": text }),
            (None, Some(Value::String(path))) if !path.starts_with("s3://") => Value::from(path.as_str()),
            (None, Some(code)) => s3_location(code, NAMES, &format!("{place}.CodeUri"), refusals),
            // As SAM's own tools have it: the template's folder.
            (None, None) => Value::from("."),
        },
        _ => {
            refusals.add(format!("{place}.PackageType"), "PackageType needs to be `Zip` or `Image`");
            Value::Null
        }
    };
    if let Some(key) = found.get("SourceKMSKeyArn") {
        match code.as_object_mut().filter(|code| code.contains_key("S3Bucket")) {
            Some(code) => drop(code.insert("SourceKMSKeyArn".to_owned(), key.clone())),
            None => refusals.add(
                format!("{place}.SourceKMSKeyArn"),
                "this is the key of code in S3; code in a local path or in the template has none",
            ),
        }
    }
    code
}

/// Managed instances, in the words of CloudFormation.
fn instances(given: &Value, place: &str, refusals: &mut Refusals) -> Value {
    const NAMES: [(&str, &str); 3] = [
        ("Arn", "CapacityProviderArn"),
        ("PerExecutionEnvironmentMaxConcurrency", "PerExecutionEnvironmentMaxConcurrency"),
        ("ExecutionEnvironmentMemoryGiBPerVCpu", "ExecutionEnvironmentMemoryGiBPerVCpu"),
    ];
    let place = format!("{place}.CapacityProviderConfig");
    let mut made = Map::new();
    for (name, value) in map_entries(Some(given), &place, refusals) {
        match NAMES.iter().find(|(known, _)| known == name) {
            Some((_, member)) => drop(made.insert((*member).to_owned(), value.clone())),
            None => refusals.add(format!("{place}.{name}"), "Tule does not apply this property yet"),
        }
    }
    if !made.contains_key("CapacityProviderArn") {
        refusals.add(place, "Missing required property 'Arn'.");
    }
    json!({ "LambdaManagedInstancesCapacityProviderConfig": made })
}

fn role(id: &str, found: &Serverless, work: &Work<'_>) -> Role {
    let document = found.get("AssumeRolePolicyDocument").cloned();
    let mut role = Role::new(&format!("{id}Role"), document.unwrap_or_else(|| trust("lambda.amazonaws.com")));
    let basic = match found.get("DurableConfig") {
        Some(_) => "service-role/AWSLambdaBasicDurableExecutionRolePolicy",
        None => "service-role/AWSLambdaBasicExecutionRole",
    };
    role.attach(managed_arn(basic));
    if is_traced(found, work) {
        role.attach(managed_arn("AWSXrayWriteOnlyAccess"));
    }
    if found.get("VpcConfig").is_some() {
        role.attach(managed_arn("service-role/AWSLambdaVPCAccessExecutionRole"));
    }
    if let Some(queue) = found.get("DeadLetterQueue") {
        let action = if queue.get("Type").is_some_and(|kind| kind == "SNS") {
            "sns:Publish"
        } else {
            "sqs:SendMessage"
        };
        let statement = json!({ "Action": action, "Resource": queue.get("TargetArn"), "Effect": "Allow" });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        role.allow("DeadLetterQueuePolicy", &document);
    }
    role
}

/// Leads an event to the function.
fn connect(
    name: &str,
    event: &Value,
    invoked: &Invoked,
    found: &Serverless,
    role: &mut Role,
    place: &str,
    work: &mut Work<'_>,
) {
    let id = format!("{}{name}", invoked.id);
    let beside = found.derived();
    let reader = Reader { id: id.clone(), function: invoked.function.clone(), role, beside: &beside };
    if topic::is_topic(event) {
        topic::make(event, invoked.arn.clone(), reader, place, work);
        return;
    }
    if event_source::transform(event, reader, place, work) {
        return;
    }
    let permission = format!("{id}Permission");
    if bucket::is_bucket(event) {
        let of = (invoked.function.clone(), invoked.arn.clone());
        bucket::make(permission, event, of, &beside, place, work);
        return;
    }
    if rule::is_rule(event) {
        let target = Target { arn: invoked.arn.clone(), role: None, suffix: "LambdaTarget" };
        rule::make(&id, event, target, &mut work.made, &beside, place, &mut work.refusals);
        let (function, source) = (invoked.function.clone(), Some(attribute(&id, "Arn")));
        work.made.add_permission(&permission, function, "events.amazonaws.com", source, &beside);
        return;
    }
    let Some(event) = Event::read(event, event::OF_FUNCTION, place, &mut work.refusals) else { return };
    let tags = found.propagated().filter(|tags| is_said(tags));
    let (partition, api, suffix) = match event.kind {
        super::ApiKind::Rest => {
            let caller = Caller::Function { arn: invoked.in_text.clone() };
            let Some((api, stage)) = work.apis.add_rest(&event, &caller, tags, place, &mut work.refusals)
            else {
                return;
            };
            ("aws", api, stage)
        }
        super::ApiKind::Http => {
            let arn = &invoked.in_text;
            let added = work.apis.add_http(&event, &invoked.id, arn, tags, place, &mut work.refusals);
            let Some(api) = added else { return };
            ("${AWS::Partition}", api, String::new())
        }
    };
    let source = source(&event, partition, &api);
    let permission = match suffix.chars().all(|it| it.is_ascii_alphanumeric()) {
        true => format!("{permission}{suffix}"),
        false => logical_id::hashed(&permission, &Value::from(suffix)),
    };
    let principal = "apigateway.amazonaws.com";
    work.made.add_permission(&permission, invoked.function.clone(), principal, Some(source), &beside);
}

/// The ARN of an event's method, in every stage.
fn source(event: &Event, partition: &str, api: &str) -> Value {
    let arn = format!(
        "arn:{partition}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{__ApiId__}}/${{__Stage__}}/{}",
        event.in_arn()
    );
    let named = event.api.clone().unwrap_or_else(|| reference(api));
    substituted(&arn, &json!({ "__ApiId__": named, "__Stage__": "*" }))
}
