//! `CapacityProviderConfig`: functions on Lambda Managed Instances, whose environments work on several invocations at
//! once (Lambda's developer guide, "Lambda Managed Instances").
//!
//! There are no instances here: environments are this machine's, as those of all functions. What acts is what a
//! function sees of it: how many invocations an environment has at once, versions that are ready before they take
//! any, and `$LATEST.PUBLISHED`. The capacity provider's own limits of processors have nothing to count.

use aws_wire::ServiceError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    record::Configuration,
    runtimes::{self, Family},
};
use crate::{capacity::CapacityProvider, error};

/// The least memory of a function, in MB: two GiB for one processor.
const LEAST_MEMORY: u32 = 2048;
/// The most.
const MOST_MEMORY: u32 = 32_768;
/// The most of `/tmp` that a function has which is not managed, in MB.
const MOST_STORAGE: u32 = 10_240;
/// As many invocations an environment has at once if nothing is said, for one processor; AWS says it of Python,
/// Node.js, Java and Rust.
const PYTHON: u32 = 16;
const NODE: u32 = 64;
const OTHER: u32 = 32;
const PROVIDED: u32 = 8;

/// On whose instances a function runs, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Capacity {
    /// The ARN of the capacity provider.
    pub(crate) provider: String,
    /// GiB of memory a processor comes with.
    pub(crate) memory_per_processor: f64,
    /// How many invocations an environment has at once.
    pub(crate) concurrency: u32,
}

impl Capacity {
    pub(crate) fn shown(&self) -> Value {
        json!({ "LambdaManagedInstancesCapacityProviderConfig": {
            "CapacityProviderArn": self.provider,
            "PerExecutionEnvironmentMaxConcurrency": self.concurrency,
            "ExecutionEnvironmentMemoryGiBPerVCpu": self.memory_per_processor,
        }})
    }
}

/// Whether members name a capacity provider.
pub(crate) fn is_named(members: &Map<String, Value>) -> bool {
    members.get("CapacityProviderConfig").is_some_and(Value::is_object)
}

/// Refuses an amount of memory that functions of this kind cannot have.
pub(crate) fn check_memory(memory: u32, managed: bool) -> Result<(), ServiceError> {
    let most = if managed { MOST_MEMORY } else { 10_240 };
    if memory > most {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: Value '{memory}' at 'memorySize' failed to satisfy constraint: Member must \
             have value less than or equal to {most}"
        )));
    }
    Ok(())
}

/// Refuses an amount of `/tmp` that functions of this kind cannot have: the model admits more for managed ones.
pub(crate) fn check_storage(storage: u32, managed: bool) -> Result<(), ServiceError> {
    if storage > MOST_STORAGE && !managed {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: Value '{storage}' at 'ephemeralStorage.size' failed to satisfy constraint: \
             Member must have value less than or equal to {MOST_STORAGE}"
        )));
    }
    Ok(())
}

/// Takes `CapacityProviderConfig` over, and checks that all else suits it. `provider` finds one by its ARN.
pub(crate) fn apply<P: std::ops::Deref<Target = CapacityProvider>>(
    configuration: &mut Configuration,
    members: &Map<String, Value>,
    is_new: bool,
    provider: impl Fn(&str) -> Option<P>,
) -> Result<(), ServiceError> {
    let given = &members.get("CapacityProviderConfig").unwrap_or(&Value::Null);
    let given = &given["LambdaManagedInstancesCapacityProviderConfig"];
    if is_named(members) && configuration.capacity.is_none() && !is_new {
        return Err(error::invalid_parameter(
            "CapacityProviderConfig cannot be added to a function that was created without one.",
        ));
    }
    if !is_named(members) && configuration.capacity.is_none() {
        return Ok(());
    }
    if is_new && !members.contains_key("MemorySize") {
        configuration.memory_size = LEAST_MEMORY;
    }
    let before = configuration.capacity.take();
    let arn = given["CapacityProviderArn"].as_str().map(str::to_owned);
    let arn = arn.or_else(|| before.as_ref().map(|before| before.provider.clone())).unwrap_or_default();
    let found =
        provider(&arn).ok_or_else(|| error::not_found(format!("Capacity provider not found: {arn}")))?;
    let memory_per_processor = given["ExecutionEnvironmentMemoryGiBPerVCpu"].as_f64();
    let memory_per_processor =
        memory_per_processor.or(before.as_ref().map(|before| before.memory_per_processor)).unwrap_or(2.0);
    must_suit(configuration, &found, memory_per_processor)?;
    let concurrency = given["PerExecutionEnvironmentMaxConcurrency"].as_u64();
    let concurrency = concurrency.and_then(|given| u32::try_from(given).ok());
    let concurrency = concurrency
        .or(before.map(|before| before.concurrency))
        .unwrap_or_else(|| usual_concurrency(configuration, memory_per_processor));
    configuration.capacity = Some(Capacity { provider: arn, memory_per_processor, concurrency });
    Ok(())
}

fn must_suit(
    configuration: &Configuration,
    provider: &CapacityProvider,
    memory_per_processor: f64,
) -> Result<(), ServiceError> {
    let refuse = |text: String| Err(error::invalid_parameter(text));
    let memory = configuration.memory_size;
    if memory < LEAST_MEMORY || f64::from(memory) < memory_per_processor * 1024.0 {
        return refuse(format!(
            "MemorySize {memory} is too little for a function on Lambda Managed Instances: it needs {LEAST_MEMORY} MB, \
             and {memory_per_processor} GiB for one vCPU."
        ));
    }
    if let Some(runtime) = configuration.runtime.as_deref().filter(|runtime| !is_supported(runtime)) {
        return refuse(format!("{runtime} is not supported for functions on Lambda Managed Instances."));
    }
    let architectures = &provider.settings["InstanceRequirements"]["Architectures"];
    let offered =
        architectures.as_array().into_iter().flatten().any(|one| *one == *configuration.architecture);
    if !offered {
        return refuse(format!(
            "The capacity provider {} has no instances of the architecture {}.",
            provider.arn, configuration.architecture
        ));
    }
    let snap_start = configuration.echoed.get("SnapStart");
    let network = configuration.echoed.get("VpcConfig").map(|network| &network["SubnetIds"]);
    let what = match () {
        () if configuration.tenancy.is_some() => "TenancyConfig",
        () if snap_start.is_some_and(|given| given["ApplyOn"] == "PublishedVersions") => "SnapStart",
        () if network.and_then(Value::as_array).is_some_and(|subnets| !subnets.is_empty()) => "VpcConfig",
        () => return Ok(()),
    };
    refuse(format!("{what} is not supported for functions on Lambda Managed Instances."))
}

/// The runtimes that AWS names.
fn is_supported(runtime: &str) -> bool {
    let Some(known) = runtimes::known(runtime) else { return false };
    let mut numbers = known.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match (known.family, known.image) {
        (Family::Python, _) => minor >= 13,
        (Family::Node, _) => major >= 22,
        (Family::Provided, _) => known.version == "al2023",
        (_, "java") => major >= 21,
        (_, "dotnet") => major >= 8,
        _ => false,
    }
}

fn usual_concurrency(configuration: &Configuration, memory_per_processor: f64) -> u32 {
    let family = configuration.runtime.as_deref().and_then(runtimes::known).map(|known| known.family);
    let each = match family {
        Some(Family::Python) => PYTHON,
        Some(Family::Node) => NODE,
        Some(Family::Provided) => PROVIDED,
        Some(Family::Other | Family::Image) | None => OTHER,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few GiB over at least two"
    )]
    let processors = (f64::from(configuration.memory_size) / 1024.0 / memory_per_processor) as u32;
    (each * processors.max(1)).min(1600)
}
