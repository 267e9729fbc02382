//! What environments of one version need to know: everything but the request.

use std::time::Duration;

use runtime::Scope;

use crate::{
    function::{
        record::{Code, Configuration, Image, Logging},
        runtimes::{self, Runtime},
    },
    options::DebugPort,
};

/// Why an environment is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initialization {
    /// A request waits for it.
    OnDemand,
    /// It is kept ready ahead of requests.
    Provisioned,
    /// It stands for one that is made of a snapshot.
    SnapStart,
    /// It stands for one on a managed instance, which is kept ready ahead of requests or not.
    Managed { ahead: bool },
}

impl Initialization {
    /// As functions and logs are told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Provisioned => "provisioned-concurrency",
            Self::SnapStart => "snap-start",
            Self::Managed { .. } => "lambda-managed-instances",
        }
    }

    /// Whether the environment is one of those that are kept ready ahead of requests.
    pub(crate) fn is_ahead(self) -> bool {
        matches!(self, Self::Provisioned | Self::Managed { ahead: true })
    }

    /// How long a start may take whose function may run for `timeout`.
    fn limit(self, timeout: Duration) -> Duration {
        match self {
            Self::OnDemand => Duration::from_secs(10),
            Self::Provisioned | Self::SnapStart | Self::Managed { .. } => {
                timeout.clamp(Duration::from_secs(130), Duration::from_secs(900))
            }
        }
    }
}

/// One version's code and configuration, as its environments run it.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// Changes with code and configuration.
    pub(crate) id: String,
    pub(crate) scope: Scope,
    pub(crate) function: String,
    pub(crate) version: String,
    /// The runtime's identifier, e.g. `python3.12`.
    pub(crate) runtime_name: String,
    pub(crate) runtime: Runtime,
    pub(crate) runtime_version_arn: String,
    pub(crate) handler: String,
    pub(crate) architecture: String,
    pub(crate) timeout: Duration,
    /// The port that a debugger is waited for on.
    pub(crate) debug: Option<u16>,
    /// MB.
    pub(crate) memory: u32,
    /// MB of `/tmp`.
    pub(crate) storage: u32,
    /// The user's variables.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) logging: Logging,
    /// Its invocations are sampled for traces.
    pub(crate) is_traced: bool,
    /// Its environments are made of a snapshot.
    pub(crate) snapshot: bool,
    /// How many invocations an environment works on at once, where it is one of a managed instance.
    pub(crate) concurrency: Option<u32>,
    pub(crate) code: Code,
    pub(crate) image: Option<Image>,
    /// Archives below `/opt`, in the order in which they are merged.
    pub(crate) layers: Vec<Code>,
}

/// Who looks at a function in a debugger takes the time they need.
const LIFTED: Duration = Duration::from_secs(24 * 60 * 60);

impl Deployment {
    /// The same under a debugger.
    pub(crate) fn debugged(mut self, port: DebugPort) -> Self {
        let usual = if self.runtime.family == runtimes::Family::Node { 9229 } else { 5678 };
        self.debug = Some(port.unwrap_or(usual));
        self.timeout = LIFTED;
        self
    }

    /// The program that the function wants started in the place of its runtime's interpreter, and to start that.
    pub(crate) fn wrapper(&self) -> Option<&str> {
        let has = matches!(self.runtime.family, runtimes::Family::Python | runtimes::Family::Node);
        let mut variables = self.environment.iter().filter(|_| has);
        let found = variables.find(|(name, _)| name == "AWS_LAMBDA_EXEC_WRAPPER");
        found.map(|(_, path)| path.as_str()).filter(|path| !path.is_empty())
    }

    /// How many invocations an environment works on at once.
    pub(crate) fn at_once(&self) -> usize {
        self.concurrency.map_or(1, |concurrency| concurrency.max(1) as usize)
    }

    /// Why an environment is started for a request, or ahead of all.
    pub(crate) fn initialization(&self, ahead: bool) -> Initialization {
        match (self.concurrency, ahead) {
            (Some(_), _) => Initialization::Managed { ahead },
            (None, true) => Initialization::Provisioned,
            (None, false) if self.snapshot => Initialization::SnapStart,
            (None, false) => Initialization::OnDemand,
        }
    }

    /// How long a start may take.
    pub(crate) fn start_limit(&self, initialization: Initialization) -> Duration {
        if self.debug.is_some() { LIFTED } else { initialization.limit(self.timeout) }
    }

    /// The deployment of a version; `None` where its runtime is not one, which creation refuses.
    pub(crate) fn of(scope: &Scope, function: &str, configuration: &Configuration) -> Option<Self> {
        let (runtime_name, runtime) = match &configuration.image {
            Some(_) => (String::new(), runtimes::of_image()),
            None => {
                let name = configuration.runtime.clone()?;
                let runtime = runtimes::known(&name)?;
                (name, runtime)
            }
        };
        let environment = configuration.environment.iter().flatten();
        Some(Self {
            id: configuration.deployment.clone(),
            scope: scope.clone(),
            function: function.to_owned(),
            version: configuration.version.clone(),
            runtime,
            runtime_version_arn: crate::function::answer::runtime_version_arn(scope, configuration),
            runtime_name,
            handler: configuration.handler.clone().unwrap_or_default(),
            architecture: configuration.architecture.clone(),
            timeout: Duration::from_secs(u64::from(configuration.timeout)),
            debug: None,
            memory: configuration.memory_size,
            storage: configuration.ephemeral_storage,
            environment: environment
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            logging: configuration.logging.clone(),
            is_traced: configuration.is_traced(),
            snapshot: configuration.has_snapshot(),
            concurrency: configuration.capacity.as_ref().map(|capacity| capacity.concurrency),
            code: configuration.code.clone(),
            image: configuration.image.clone(),
            layers: configuration.layers.iter().map(|layer| layer.code.clone()).collect(),
        })
    }

    /// The variables that Lambda sets, the same in every executor; what depends on paths is the executor's.
    pub(crate) fn lambda_variables(
        &self,
        initialization: Initialization,
        stream: &str,
        endpoint: &str,
    ) -> Vec<(String, String)> {
        let mut variables = Vec::with_capacity(32);
        let mut put = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
        put("AWS_REGION", &self.scope.region);
        put("AWS_DEFAULT_REGION", &self.scope.region);
        // The access key is the account's number, so that calls back to Tule reach the function's own account.
        put("AWS_ACCESS_KEY_ID", &self.scope.account);
        put("AWS_SECRET_ACCESS_KEY", "test");
        put("AWS_SESSION_TOKEN", "test");
        put("AWS_LAMBDA_FUNCTION_NAME", &self.function);
        put("AWS_LAMBDA_FUNCTION_VERSION", &self.version);
        put("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &self.memory.to_string());
        put("AWS_LAMBDA_LOG_GROUP_NAME", &self.logging.group);
        put("AWS_LAMBDA_LOG_STREAM_NAME", stream);
        put("AWS_LAMBDA_INITIALIZATION_TYPE", initialization.name());
        if self.image.is_none() {
            put("_HANDLER", &self.handler);
        }
        put("TZ", ":UTC");
        put("LANG", "en_US.UTF-8");
        put("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
        put("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000");
        put("_AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1");
        put("_AWS_XRAY_DAEMON_PORT", "2000");
        if !matches!(self.runtime.family, runtimes::Family::Provided | runtimes::Family::Image) {
            put("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", self.runtime_name));
        }
        if let Some(concurrency) = self.concurrency {
            put("AWS_LAMBDA_MAX_CONCURRENCY", &concurrency.to_string());
        }
        if self.logging.json {
            put("AWS_LAMBDA_LOG_FORMAT", "JSON");
            put("AWS_LAMBDA_LOG_LEVEL", &self.logging.application_level);
        }
        if !endpoint.is_empty() && !self.environment.iter().any(|(name, _)| name == "AWS_ENDPOINT_URL") {
            put("AWS_ENDPOINT_URL", endpoint);
        }
        variables.extend(self.environment.iter().cloned());
        variables
    }
}
