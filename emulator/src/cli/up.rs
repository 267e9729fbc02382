//! `tule up`: deploys the template in a folder, serves, and says what there is.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use runtime::Scope;

use super::{start, style::Style};
use crate::{
    config::{Config, Executor, Flags},
    delegate::Delegates,
    deploy::{self, Deployed, Deployment, install},
    registry::Registry,
    startup::{self, FunctionSdks, Tule},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A template, or a folder with a template.yaml, .yml or .json.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// A value for a parameter of the template; may be given more than once.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    flags: Flags,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let config = Config::load(arguments.flags)?;
    start::log_to_stderr();
    start::warn_of_host(&config);
    let scope = Scope::new(aws_wire::account_of(None), &config.region);
    let parameters = arguments.parameters.into_iter().collect();
    let deployment = match deploy::find_template(&arguments.path)? {
        Some(template) => {
            let delegated = |service: &str| config.delegates.contains_key(service);
            // Nothing is served yet, so only other endpoints answer.
            let registry = Registry::new(Arc::new(Delegates::new(config.delegates.clone())));
            Some(Deployment::read(&template, scope, &parameters, &delegated, &registry).await?)
        }
        None => None,
    };
    let runtimes = deployment.as_ref().map(Deployment::runtimes).unwrap_or_default();
    let sdks = function_sdks(&config, &runtimes).await;
    let tule = startup::start(&config, sdks).await?;
    let deployed = match deployment {
        Some(deployment) => match deployment.run(&tule).await {
            Ok(deployed) => deployed,
            Err(error) => {
                tule.shutdown().await;
                return Err(error);
            }
        },
        None => Deployed::default(),
    };
    print!("{}", summary(&tule, &config, &deployed, Style::of_stdout()));
    println!("Ready.");
    start::wait_for_end(tule).await;
    Ok(ExitCode::SUCCESS)
}

/// What functions find of AWS's SDKs: what was installed earlier, or, for runtimes that the template uses, what can be
/// installed now. AWS's images bring their own.
async fn function_sdks(config: &Config, runtimes: &[String]) -> FunctionSdks {
    let mut sdks = start::installed_sdks();
    for (name, python) in [("python", true), ("nodejs", false)] {
        let place = if python { &mut sdks.python } else { &mut sdks.node };
        let in_image = python && config.executor == Executor::Docker;
        if place.is_some() || in_image || !runtimes.iter().any(|runtime| runtime.starts_with(name)) {
            continue;
        }
        match install::install_sdk(python).await {
            Ok(folder) => *place = Some(folder),
            Err(problem) => tracing::warn!("functions in {name} will not find AWS's SDK: {problem}"),
        }
    }
    if !config.debug.is_empty() && runtimes.iter().any(|runtime| runtime.starts_with("python")) {
        sdks.debugpy = start::debugpy().await;
    }
    sdks
}

fn summary(tule: &Tule, config: &Config, deployed: &Deployed, style: Style) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let data = config.data_dir.as_ref().map_or_else(
        || "in memory, gone when Tule ends (keep it with --data-dir)".to_owned(),
        |folder| format!("in {}", folder.display()),
    );
    line(format!("{} {}", style.bold("Tule"), env!("CARGO_PKG_VERSION")));
    line(format!("  endpoint   {}", style.bold(&tule.endpoint)));
    if let Some(https) = &tule.https {
        line(format!("  https      {}", style.bold(&start::https_line(https))));
    }
    line(format!("  functions  run in {}", tule.worlds.now().lambda.describe()));
    line(format!("  data       {data}"));
    for (service, endpoint) in tule.worlds.now().registry.delegates().names() {
        line(format!("  {service:<10} delegated to {endpoint}"));
    }
    if !deployed.functions.is_empty() {
        line(format!("\n{}", style.bold("Functions")));
        let width = deployed.functions.iter().map(|it| it.name.len()).max().unwrap_or_default();
        for function in &deployed.functions {
            line(format!(
                "  {:width$}  {:<11}  {}",
                function.name,
                function.runtime,
                style.dim(&function.handler)
            ));
            if config.debug.iter().any(|(name, _)| *name == function.name) {
                line(format!(
                    "  {:width$}  {}",
                    "",
                    style.dim("waits for a debugger when it is first invoked")
                ));
            }
            if let Some(warning) = &function.warning {
                line(format!("  {:width$}  {}", "", style.warn(&format!("without its packages: {warning}"))));
            }
        }
    }
    let apis = tule.worlds.now().apis.summary();
    if !apis.is_empty() {
        line(format!("\n{}", style.bold("APIs")));
        for api in apis {
            line(format!("  {}  {}  {}", api.name, style.dim(api.kind), style.bold(&api.url)));
            for (route, target) in api.routes {
                line(format!("    {route:<34}  {}", style.dim(&target)));
            }
        }
    }
    if !deployed.state_machines.is_empty() {
        line(format!("\n{}", style.bold("State machines")));
        deployed.state_machines.iter().for_each(|name| line(format!("  {name}")));
    }
    if !deployed.outputs.is_empty() {
        line(format!("\n{}", style.bold("Outputs")));
        for (name, value) in &deployed.outputs {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line(format!("  {name}  {value}"));
        }
    }
    out.push('\n');
    out
}
