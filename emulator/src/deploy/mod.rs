//! `tule up`: a template deployed by calling our own API, as any SDK could.

mod call;
pub(crate) mod install;
mod package;
mod stored;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use runtime::{CallContext, Scope, ServiceRouter};
use serde_json::Value;
use templates::{Plan, PseudoParameters, Template};

use crate::startup::Tule;
use call::Maker;
use package::Packager;

/// A template that has been read and planned; nothing has been made yet.
pub(crate) struct Deployment {
    plan: Plan,
    folder: PathBuf,
    scope: Scope,
}

/// What a deployment made, for the summary.
#[derive(Debug, Default)]
pub(crate) struct Deployed {
    pub(crate) functions: Vec<Function>,
    pub(crate) state_machines: Vec<String>,
    pub(crate) outputs: Vec<(String, Value)>,
}

/// A function that was made.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    /// What is wrong with its package, if something is.
    pub(crate) warning: Option<String>,
}

const NAMES: &[&str] = &["template.yaml", "template.yml", "template.json"];

/// The template that `path` (a file, or a folder that holds one) stands for.
pub(crate) fn find_template(path: &Path) -> Result<Option<PathBuf>, String> {
    if path.is_file() {
        return Ok(Some(path.to_owned()));
    }
    if !path.is_dir() {
        return Err(format!("{} is neither a template nor a folder", path.display()));
    }
    Ok(NAMES.iter().map(|name| path.join(name)).find(|path| path.is_file()))
}

impl Deployment {
    /// Reads and plans a template. All that Tule cannot do in it is told at once; `delegated` says which services other
    /// endpoints do, and `router` reaches those.
    pub(crate) async fn read(
        path: &Path,
        scope: Scope,
        parameters: &BTreeMap<String, String>,
        delegated: &dyn Fn(&str) -> bool,
        router: &dyn ServiceRouter,
    ) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let refused = |refusals: templates::Refusals| {
            let lines = refusals.to_string().replace('\n', "\n  ");
            format!("{} cannot be deployed:\n  {lines}", path.display())
        };
        let mut template = Template::parse(&text).map_err(refused)?;
        if delegated("ssm") {
            let ctx = CallContext::internal(scope.clone(), "".into());
            let stored = stored::read(router, &ctx, template.wants_stored(parameters)).await;
            template = template.with_stored(stored.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        Self::plan(path, scope, &template, parameters, delegated).map_err(refused)
    }

    fn plan(
        template: &Path,
        scope: Scope,
        parsed: &Template,
        parameters: &BTreeMap<String, String>,
        delegated: &dyn Fn(&str) -> bool,
    ) -> Result<Self, templates::Refusals> {
        let folder =
            template.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let pseudo = PseudoParameters {
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            stack: stack_name(&folder),
            zones: ec2::zones,
        };
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let plan = parsed.plan(&pseudo, parameters, &read, delegated)?;
        for notice in &plan.notices {
            tracing::warn!("{}: {}", notice.place, notice.message);
        }
        Ok(Self { plan, folder, scope })
    }

    /// The runtimes of the functions in it.
    pub(crate) fn runtimes(&self) -> Vec<String> {
        let calls = self.plan.steps.iter().filter(|step| step.kind == "AWS::Lambda::Function");
        calls.filter_map(|step| step.property("Runtime")?.as_str().map(str::to_owned)).collect()
    }

    /// Makes every resource, in order.
    pub(crate) async fn run(self, tule: &Tule) -> Result<Deployed, String> {
        let ctx = CallContext::internal(self.scope, tule.endpoint.clone());
        let registry = tule.worlds.now().registry.clone();
        let packager = Packager::new(self.folder)?;
        let mut known = self.plan.known.clone();
        let mut deployed = Deployed::default();
        for step in &self.plan.steps {
            let calls = step.calls(&known).map_err(|refusals| refusals.to_string())?;
            let mut saved = BTreeMap::new();
            let maker =
                Maker { registry: &registry, ctx: &ctx, packager: &packager, resource: &step.logical_id };
            for wanted in calls {
                let made = maker.make(&wanted, &mut saved).await;
                let warning =
                    made.map_err(|error| format!("{} ({}): {error}", step.logical_id, step.kind))?;
                note(&mut deployed, &wanted, warning);
            }
            step.made(&saved, &mut known).map_err(|refusals| refusals.to_string())?;
        }
        let outputs = self.plan.outputs(&known).map_err(|refusals| refusals.to_string())?;
        deployed.outputs = outputs.into_iter().map(|(name, value, _)| (name, value)).collect();
        Ok(deployed)
    }
}

fn note(deployed: &mut Deployed, call: &templates::Call, warning: Option<String>) {
    let text = |name: &str| call.members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match call.operation {
        "CreateFunction" => deployed.functions.push(Function {
            name: text("FunctionName"),
            runtime: text("Runtime"),
            handler: text("Handler"),
            warning,
        }),
        // Every state machine's calls end with this one, wherever its definition came from.
        "DescribeStateMachine" => {
            let arn = text("stateMachineArn");
            deployed.state_machines.push(arn.rsplit(':').next().unwrap_or_default().to_owned());
        }
        _ => {}
    }
}

/// The folder's name, as far as a stack may be called so.
fn stack_name(folder: &Path) -> String {
    let full = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let name = name.trim_matches('-').to_owned();
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) { name } else { format!("stack-{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> crate::registry::Registry {
        let delegates = crate::delegate::Delegates::new(BTreeMap::new());
        crate::registry::Registry::new(std::sync::Arc::new(delegates))
    }

    #[tokio::test]
    async fn the_sample_backend_is_planned_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/apps/orders");
        let template = find_template(&folder).unwrap().unwrap();
        let scope = Scope::new("000000000000", "us-east-1");
        let deployment =
            Deployment::read(&template, scope, &BTreeMap::new(), &|_| false, &nobody()).await.unwrap();
        let kinds: Vec<_> = deployment.plan.steps.iter().map(|step| step.kind.as_str()).collect();
        let count = |kind: &str| kinds.iter().filter(|it| **it == kind).count();
        assert_eq!(count("AWS::Lambda::Function"), 9);
        assert_eq!(count("AWS::StepFunctions::StateMachine"), 1);
        assert_eq!((count("AWS::ApiGateway::RestApi"), count("AWS::ApiGatewayV2::Api")), (1, 1));
        let at = |kind: &str| kinds.iter().position(|it| *it == kind).unwrap();
        assert!(at("AWS::S3::Bucket") < at("AWS::Lambda::Function"));
        assert!(at("AWS::StepFunctions::StateMachine") < at("AWS::ApiGateway::RestApi"));
    }

    #[tokio::test]
    async fn what_tule_cannot_deploy_is_told_by_name_all_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("template.yaml");
        let text = "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    \
                    Properties: {Odd: {}, Events: {Q: {Type: AlexaSkill}}}\n  T:\n    Type: AWS::DynamoDB::Table\n";
        std::fs::write(&template, text).unwrap();
        let read = async |delegated: &dyn Fn(&str) -> bool| {
            let scope = Scope::new("000000000000", "us-east-1");
            Deployment::read(&template, scope, &BTreeMap::new(), delegated, &nobody()).await.err().unwrap()
        };
        let refused = read(&|_| false).await;
        let table = "Resources.T: Tule has no DynamoDB of its own: name an endpoint that has, with --delegate dynamodb=URL";
        for part in ["Resources.F.Properties.Odd", "events of type AlexaSkill", table] {
            assert!(refused.contains(part), "{refused}");
        }
        let refused = read(&|service| service == "dynamodb").await;
        assert!(
            refused.contains("Resources.F.Properties.Odd") && !refused.contains("Resources.T"),
            "{refused}"
        );
    }
}
