//! From the members of CreateFunction and UpdateFunctionConfiguration to a configuration: defaults, limits and AWS's
//! refusals. The wire has checked the model's constraints already.

use aws_wire::ServiceError;
use runtime::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    managed,
    name::LATEST,
    record::{Code, Configuration, ECHOED, Image, Logging, State, last_modified, new_id},
    runtimes,
};
use crate::{durable::config::DurableConfig, error};

type Members = Map<String, Value>;

/// Settings that would have to act and do not yet. Each is refused by its name.
const UNSUPPORTED: [&str; 1] = ["FileSystemConfigs"];

/// The same of a customer's own runtimes, which another service keeps (`lambda-core`: CreateRuntime and the like), and of
/// accelerators, which functions of images have on managed instances.
const UNSUPPORTED_RUNTIMES: [&str; 2] = ["RuntimeConfig", "AcceleratorConfig"];

/// What an environment's variables may measure together, as JSON.
const ENVIRONMENT_LIMIT: usize = 4096;

/// What a function has of `/tmp` where nothing is said, in MB.
const LEAST_STORAGE: u32 = 512;

/// Variables that Lambda sets itself.
const RESERVED: [&str; 20] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "TZ",
];

/// The configuration a new function starts with; its code is put in by the caller.
pub(crate) fn create(
    function: &str,
    members: &Members,
    now: Timestamp,
) -> Result<Configuration, ServiceError> {
    refuse_unsupported(members)?;
    let mut configuration = Configuration {
        version: LATEST.to_owned(),
        runtime: None,
        role: String::new(),
        handler: None,
        description: String::new(),
        timeout: 3,
        memory_size: 128,
        environment: None,
        architecture: architecture(members)?.unwrap_or_else(|| "x86_64".to_owned()),
        ephemeral_storage: LEAST_STORAGE,
        logging: Logging {
            // Lines of several requests at once can be told apart by what JSON says of them.
            json: managed::is_named(members),
            application_level: "INFO".to_owned(),
            system_level: "INFO".to_owned(),
            group: format!("/aws/lambda/{function}"),
        },
        code: Code { sha256: String::new(), size: 0, blob: String::new(), unzipped: 0, folders: Vec::new() },
        image: None,
        layers: Vec::new(),
        // It is given once and for all.
        tenancy: members.get("TenancyConfig").filter(|given| given.is_object()).cloned(),
        dead_letters: None,
        capacity: None,
        durable: DurableConfig::create(members)?,
        echoed: Map::new(),
        last_modified: last_modified(now),
        revision_id: new_id(),
        deployment: new_id(),
        state: State::Pending,
        last_update: None,
    };
    if text(members, "PackageType") == Some("Image") {
        configuration.image = Some(image(members)?);
    }
    apply(&mut configuration, function, members)?;
    if configuration.image.is_none() && (configuration.runtime.is_none() || configuration.handler.is_none()) {
        return Err(error::invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    Ok(configuration)
}

/// Takes over what `members` say, and leaves the rest.
pub(crate) fn update(
    configuration: &mut Configuration,
    function: &str,
    members: &Members,
) -> Result<(), ServiceError> {
    refuse_unsupported(members)?;
    DurableConfig::update(&mut configuration.durable, members)?;
    apply(configuration, function, members)
}

fn apply(configuration: &mut Configuration, function: &str, members: &Members) -> Result<(), ServiceError> {
    let managed = configuration.capacity.is_some() || managed::is_named(members);
    image_config(configuration, members)?;
    if let Some(runtime) = text(members, "Runtime") {
        if runtime == "custom" {
            return Err(error::unsupported("the runtime custom"));
        }
        runtimes::parse(runtime)?;
        configuration.runtime = Some(runtime.to_owned());
    }
    if let Some(role) = text(members, "Role") {
        configuration.role = role.to_owned();
    }
    if let Some(handler) = text(members, "Handler") {
        configuration.handler = Some(handler.to_owned());
    }
    if let Some(description) = text(members, "Description") {
        configuration.description = description.to_owned();
    }
    if let Some(timeout) = number(members, "Timeout") {
        // The model admits 5,400 seconds for functions on managed instances.
        if timeout > 900 && !managed {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: Member must \
                 have value less than or equal to 900"
            )));
        }
        configuration.timeout = timeout;
    }
    if let Some(memory) = number(members, "MemorySize") {
        managed::check_memory(memory, managed)?;
        configuration.memory_size = memory;
    }
    if let Some(storage) = members.get("EphemeralStorage").and_then(Value::as_object) {
        let size = number(storage, "Size").unwrap_or(LEAST_STORAGE);
        managed::check_storage(size, managed)?;
        configuration.ephemeral_storage = size;
    }
    if let Some(environment) = members.get("Environment").and_then(Value::as_object) {
        configuration.environment = Some(variables(environment)?);
    }
    if let Some(logging) = members.get("LoggingConfig").and_then(Value::as_object) {
        configuration.logging = self::logging(&configuration.logging, function, logging)?;
    }
    if let Some(target) = members.get("DeadLetterConfig").and_then(|config| config["TargetArn"].as_str()) {
        // An empty one takes it away.
        configuration.dead_letters = Some(target.to_owned()).filter(|target| !target.is_empty());
    }
    must_suit_snap_start(configuration, members)?;
    for name in ECHOED {
        if let Some(value) = members.get(name).filter(|value| !value.is_null()) {
            echo(configuration, name, value);
        }
    }
    Ok(())
}

/// Refuses SnapStart where AWS has no snapshots.
fn must_suit_snap_start(configuration: &Configuration, members: &Members) -> Result<(), ServiceError> {
    let asked = members.get("SnapStart").or_else(|| configuration.echoed.get("SnapStart"));
    if asked.is_none_or(|asked| asked["ApplyOn"] != "PublishedVersions") {
        return Ok(());
    }
    if configuration.ephemeral_storage > LEAST_STORAGE {
        return Err(error::invalid_parameter(format!(
            "Ephemeral storage greater than {LEAST_STORAGE} MB is not supported for SnapStart enabled functions."
        )));
    }
    match &configuration.runtime {
        Some(runtime) if !runtimes::has_snap_start(runtime) => Err(error::invalid_parameter(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        ))),
        Some(_) if configuration.tenancy.is_some() => Err(error::invalid_parameter(
            "SnapStart is not supported for functions with tenancy configuration.",
        )),
        Some(_) => Ok(()),
        None => Err(error::invalid_parameter(
            "Container images are not supported for SnapStart enabled functions.",
        )),
    }
}

/// The image of a new function. What it is called on this machine the caller finds out.
fn image(members: &Members) -> Result<Image, ServiceError> {
    let uri = members.get("Code").and_then(|code| code["ImageUri"].as_str()).unwrap_or_default();
    if uri.is_empty() {
        return Err(error::invalid_parameter(
            "Please provide ImageUri when creating a function with packageType Image.",
        ));
    }
    Ok(Image { uri: uri.to_owned(), id: None, entry_point: None, command: None, working_directory: None })
}

/// Takes `ImageConfig` over, and refuses what is not for functions of this kind.
fn image_config(configuration: &mut Configuration, members: &Members) -> Result<(), ServiceError> {
    let given = members.get("ImageConfig").and_then(Value::as_object);
    let Some(image) = &mut configuration.image else {
        return if given.is_some_and(|given| !given.is_empty()) {
            Err(error::invalid_parameter(
                "Please don't provide ImageConfig when the intended function PackageType is Zip.",
            ))
        } else {
            Ok(())
        };
    };
    let layers = members.get("Layers").and_then(Value::as_array).is_some_and(|layers| !layers.is_empty());
    if layers || text(members, "Runtime").is_some() || text(members, "Handler").is_some() {
        return Err(error::invalid_parameter(
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
        ));
    }
    if let Some(given) = given {
        let list = |name: &str| {
            let words: Vec<String> =
                given.get(name)?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Some(words).filter(|words| !words.is_empty())
        };
        image.entry_point = list("EntryPoint");
        image.command = list("Command");
        let directory = text(given, "WorkingDirectory").filter(|directory| !directory.is_empty());
        image.working_directory = directory.map(str::to_owned);
    }
    Ok(())
}

pub(crate) fn refuse_unsupported(members: &Members) -> Result<(), ServiceError> {
    for name in UNSUPPORTED.into_iter().chain(UNSUPPORTED_RUNTIMES) {
        let given = match members.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        };
        if given {
            return Err(error::unsupported(name));
        }
    }
    Ok(())
}

/// The architecture asked for: a list of one.
pub(crate) fn architecture(members: &Members) -> Result<Option<String>, ServiceError> {
    match members.get("Architectures").and_then(Value::as_array).map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([one]) => Ok(one.as_str().map(str::to_owned)),
        Some(_) => Err(error::invalid_parameter("Architectures must contain exactly one value.")),
    }
}

fn variables(environment: &Members) -> Result<Map<String, Value>, ServiceError> {
    let variables = environment.get("Variables").and_then(Value::as_object).cloned().unwrap_or_default();
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(error::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = Value::Object(variables.clone()).to_string();
    if measured.len() > ENVIRONMENT_LIMIT {
        return Err(error::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(variables)
}

fn logging(before: &Logging, function: &str, members: &Members) -> Result<Logging, ServiceError> {
    let mut after = before.clone();
    let format = text(members, "LogFormat");
    if let Some(format) = format {
        after.json = format == "JSON";
    }
    let levels = [text(members, "ApplicationLogLevel"), text(members, "SystemLogLevel")];
    if !after.json && levels.iter().any(Option::is_some) {
        return Err(error::invalid_parameter(
            "To use ApplicationLogLevel or SystemLogLevel, you must set LogFormat to JSON.",
        ));
    }
    if !after.json || !before.json {
        after.application_level = "INFO".to_owned();
        after.system_level = "INFO".to_owned();
    }
    if let Some(level) = levels[0] {
        after.application_level = level.to_owned();
    }
    if let Some(level) = levels[1] {
        after.system_level = level.to_owned();
    }
    if let Some(group) = text(members, "LogGroup") {
        after.group = if group.is_empty() { format!("/aws/lambda/{function}") } else { group.to_owned() };
    }
    Ok(after)
}

fn echo(configuration: &mut Configuration, name: &str, value: &Value) {
    let shown = match name {
        "VpcConfig" => {
            let list = |member: &str| value.get(member).cloned().unwrap_or_else(|| json!([]));
            json!({
                "SubnetIds": list("SubnetIds"),
                "SecurityGroupIds": list("SecurityGroupIds"),
                // Whoever has asked EC2 puts it in: see `network`.
                "VpcId": "",
                "Ipv6AllowedForDualStack": value.get("Ipv6AllowedForDualStack").cloned().unwrap_or_else(|| false.into()),
            })
        }
        "SnapStart" => {
            json!({"ApplyOn": value.get("ApplyOn").cloned().unwrap_or_else(|| "None".into()), "OptimizationStatus": "Off"})
        }
        _ => value.clone(),
    };
    if shown.as_str() == Some("") {
        configuration.echoed.remove(name);
    } else {
        configuration.echoed.insert(name.to_owned(), shown);
    }
}

pub(crate) fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn number(members: &Members, name: &str) -> Option<u32> {
    members.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(extra: Value) -> Result<Configuration, String> {
        let mut members = json!({"Runtime": "python3.12", "Handler": "a.b", "Role": "r"});
        if let (Some(members), Value::Object(extra)) = (members.as_object_mut(), extra) {
            members.extend(extra);
        }
        create("f", members.as_object().unwrap(), Timestamp(0)).map_err(|error| error.message)
    }

    #[test]
    fn reserved_variables_are_refused_by_name() {
        let error =
            created(json!({"Environment": {"Variables": {"AWS_REGION": "x", "A": "b"}}})).unwrap_err();
        assert!(error.ends_with("Reserved keys used in this request: AWS_REGION"), "{error}");
    }

    #[test]
    fn json_logging_has_levels_and_text_has_none() {
        let mut configuration =
            created(json!({"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN"}})).unwrap();
        assert_eq!(configuration.logging.system_level, "WARN");
        let text = json!({"LoggingConfig": {"LogFormat": "Text"}});
        update(&mut configuration, "f", text.as_object().unwrap()).unwrap();
        assert_eq!(
            (configuration.logging.json, configuration.logging.system_level.as_str()),
            (false, "INFO")
        );
        assert!(created(json!({"LoggingConfig": {"ApplicationLogLevel": "WARN"}})).is_err());
    }

    #[test]
    fn settings_that_would_have_to_act_are_refused() {
        let error = created(json!({"FileSystemConfigs": [{"Arn": "a"}]})).unwrap_err();
        assert!(error.contains("FileSystemConfigs"), "{error}");
        assert!(created(json!({"FileSystemConfigs": [], "DeadLetterConfig": {"TargetArn": ""}})).is_ok());
    }
}
