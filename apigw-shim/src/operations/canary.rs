//! UpdateStage's changes to a stage's canary, and its promotion.

use aws_wire::ServiceError;

use super::{remove_entry, set_entry, stage};
use crate::{
    State,
    apis::Live,
    error::{bad_request, not_found},
    patch::Patch,
    rest_api::record::{Canary, Stage},
};

/// The stage's canary, made if there is none: of the same deployment, and with no requests.
fn canary(stage: &mut Stage) -> &mut Canary {
    let deployment_id = stage.deployment_id.clone();
    stage.canary_settings.get_or_insert(Canary {
        percent_traffic: 0.0,
        deployment_id,
        stage_variable_overrides: None,
        use_stage_cache: false,
    })
}

/// Changes what is below `/canarySettings`.
pub(super) fn change(
    state: &State,
    live: &Live,
    stage: &mut Stage,
    patch: &Patch,
    rest: &[&str],
) -> Result<(), ServiceError> {
    match rest {
        [] if patch.op == "remove" => stage.canary_settings = None,
        ["deploymentId"] => {
            patch.only_replace()?;
            let id = patch.value();
            if state.apis.rest_deployment(live, &id).is_none() {
                return Err(bad_request("Deployment id does not exist"));
            }
            canary(stage).deployment_id = id;
        }
        ["percentTraffic"] => {
            patch.only_replace()?;
            let percent = patch.value().parse();
            let percent = percent.map_err(|_| bad_request("Invalid percentTraffic specified"))?;
            stage::check_percent(percent)?;
            canary(stage).percent_traffic = percent;
        }
        ["useStageCache"] => {
            patch.only_replace()?;
            canary(stage).use_stage_cache = patch.is_true();
        }
        ["stageVariableOverrides", name] => {
            if patch.sets()? {
                let (name, value) = ((*name).to_owned(), patch.value());
                stage::check_variables([(&name, &value)])?;
                set_entry(&mut canary(stage).stage_variable_overrides, name, value);
            } else if !remove_entry(&mut canary(stage).stage_variable_overrides, name) {
                return Err(not_found(format!("Invalid stage variable specified: {name}")));
            }
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

/// `copy` makes a canary's deployment or variables the stage's own.
pub(super) fn promote(stage: &mut Stage, patch: &Patch) -> Result<(), ServiceError> {
    let from = patch.from.as_deref().unwrap_or_default();
    let to = patch.path.as_str();
    let is_known = matches!(
        (from, to),
        ("/canarySettings/deploymentId", "/deploymentId")
            | ("/canarySettings/stageVariableOverrides", "/variables")
    );
    if !is_known {
        return Err(bad_request(format!(
            "Invalid copy operation with path: {to} and from {from}. Valid copy:path are [/deploymentId, /variables] \
             and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
        )));
    }
    let Some(canary) = &stage.canary_settings else {
        return Err(bad_request("Promotion not available. Canary does not exist."));
    };
    if to == "/deploymentId" {
        stage.deployment_id.clone_from(&canary.deployment_id);
    } else if let Some(overrides) = &canary.stage_variable_overrides {
        stage.variables.get_or_insert_default().extend(overrides.clone());
    }
    Ok(())
}
