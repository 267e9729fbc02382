//! `tule coverage`: which operations of each service are done here, as Markdown. COVERAGE.md is its output.

use std::{fmt::Write as _, process::ExitCode};

use crate::{
    config::{Config, Executor, Flags},
    registry::Registry,
    startup::{self, FunctionSdks},
};

pub(crate) async fn run() -> Result<ExitCode, String> {
    let mut config = Config::load(Flags::default())?;
    (config.port, config.executor, config.data_dir) = (0, Executor::Process, None);
    let tule = startup::start(&config, FunctionSdks::default()).await?;
    print!("{}", page(&tule.worlds.now().registry));
    tule.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Operations that are not done on purpose, and why.
const DECIDED: &[(&str, &[&str], &str)] = &[(
    "apigateway",
    &["GetSdk", "GetSdkType", "GetSdkTypes"],
    "AWS's SDK generators are not public; generate a client from the stage's document, which GetExport and \
     `/_tule/openapi/API/STAGE` give",
)];

fn page(registry: &Registry) -> String {
    let mut out = String::from(
        "# Coverage\n\nWritten by `tule coverage`. An operation that is not done answers `NotImplemented` (501) and names \
         itself. Services that are not listed can be delegated to another endpoint with `--delegate SERVICE=URL`.\n\n\
         | service | done | of |\n| --- | --- | --- |\n",
    );
    let names = registry.names();
    let models = || names.iter().filter_map(|name| aws_model::service(name));
    for model in models() {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            model.name,
            registry.operations(model.name).len(),
            model.operations.len()
        );
    }
    for model in models() {
        let done = registry.operations(model.name);
        let (done, missing): (Vec<&str>, Vec<&str>) = model
            .operations
            .iter()
            .map(|operation| operation.name.as_str())
            .partition(|name| done.contains(name));
        let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let _ = writeln!(out, "\n## {}\n\nDone: {}.\n\nNot done: {}.", model.name, list(done), list(missing));
        for (_, operations, reason) in DECIDED.iter().filter(|(service, ..)| *service == model.name) {
            let _ = writeln!(out, "\nNot done on purpose: {} ({reason}).", operations.join(", "));
        }
    }
    out
}
