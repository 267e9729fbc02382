//! What a Task has done: a function, an activity, or an operation of a service.

use serde::{Deserialize, Serialize};

/// A Task's resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A Lambda function by its ARN.
    Lambda {
        /// The ARN.
        arn: String,
    },
    /// An activity by its ARN.
    Activity {
        /// The ARN.
        arn: String,
    },
    /// A service integration.
    Service {
        /// `sqs`, or `aws-sdk:sqs`: what the history calls the resource type.
        service: String,
        /// `sendMessage`.
        action: String,
        /// How the task ends.
        pattern: Pattern,
    },
}

/// How the task of a service integration ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// With the service's answer.
    RequestResponse,
    /// When what the service started has ended.
    Sync,
    /// The same, its output as JSON instead of text (`.sync:2`).
    Sync2,
    /// When somebody calls back with the task's token.
    WaitForTaskToken,
}

impl Pattern {
    /// What stands behind the action in the resource.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

/// The optimised integrations and their actions.
const OPTIMISED: &[(&str, &[&str])] = &[
    ("apigateway", &["invoke"]),
    ("athena", &["startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"]),
    ("batch", &["submitJob"]),
    ("bedrock", &["invokeModel", "createModelCustomizationJob"]),
    (
        "codebuild",
        &[
            "startBuild",
            "stopBuild",
            "batchDeleteBuilds",
            "batchGetReports",
            "startBuildBatch",
            "stopBuildBatch",
            "retryBuildBatch",
            "deleteBuildBatch",
        ],
    ),
    ("databrew", &["startJobRun"]),
    ("dynamodb", &["getItem", "putItem", "deleteItem", "updateItem"]),
    ("ecs", &["runTask"]),
    (
        "eks",
        &[
            "call",
            "createCluster",
            "deleteCluster",
            "createNodegroup",
            "deleteNodegroup",
            "createFargateProfile",
            "deleteFargateProfile",
            "runJob",
        ],
    ),
    (
        "elasticmapreduce",
        &[
            "createCluster",
            "terminateCluster",
            "addStep",
            "cancelStep",
            "setClusterTerminationProtection",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
        ],
    ),
    ("emr-containers", &["createVirtualCluster", "deleteVirtualCluster", "startJobRun"]),
    (
        "emr-serverless",
        &[
            "createApplication",
            "startApplication",
            "stopApplication",
            "deleteApplication",
            "startJobRun",
            "cancelJobRun",
        ],
    ),
    ("events", &["putEvents"]),
    ("glue", &["startJobRun"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("mediaconvert", &["createJob"]),
    (
        "sagemaker",
        &[
            "createTrainingJob",
            "createTransformJob",
            "createEndpoint",
            "createEndpointConfig",
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createModel",
            "createProcessingJob",
            "updateEndpoint",
        ],
    ),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

impl Resource {
    /// Reads an ARN; `None` if it is none that a Task may have.
    pub fn parse(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, rest] = parts[..] else { return None };
        if !partition.starts_with("aws") {
            return None;
        }
        match service {
            "lambda" => rest.starts_with("function:").then(|| Self::Lambda { arn: arn.to_owned() }),
            "states" if rest.starts_with("activity:") => {
                let complete = !region.is_empty() && !account.is_empty();
                complete.then(|| Self::Activity { arn: arn.to_owned() })
            }
            // Region and account are left out as a rule; some definitions have them all the same.
            "states" => Self::integration(rest),
            _ => None,
        }
    }

    fn integration(text: &str) -> Option<Self> {
        let (target, pattern) = [Pattern::WaitForTaskToken, Pattern::Sync2, Pattern::Sync]
            .into_iter()
            .find_map(|pattern| Some((text.strip_suffix(pattern.suffix())?, pattern)))
            .unwrap_or((text, Pattern::RequestResponse));
        let (service, action) = target.rsplit_once(':')?;
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if let Some(name) = service.strip_prefix("aws-sdk:") {
            let fits = word(name)
                && word(action)
                && matches!(pattern, Pattern::RequestResponse | Pattern::WaitForTaskToken);
            return fits.then(|| Self::service(service, action, pattern));
        }
        let (_, actions) = OPTIMISED.iter().find(|(name, _)| *name == service)?;
        actions.contains(&action).then(|| Self::service(service, action, pattern))
    }

    fn service(service: &str, action: &str, pattern: Pattern) -> Self {
        Self::Service { service: service.to_owned(), action: action.to_owned(), pattern }
    }

    /// Whether the task ends by a callback with its token.
    pub fn waits_for_token(&self) -> bool {
        matches!(self, Self::Service { pattern: Pattern::WaitForTaskToken, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_told_apart() {
        let service =
            |service: &str, action: &str, pattern| Some(Resource::service(service, action, pattern));
        assert_eq!(
            Resource::parse("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
            service("sqs", "sendMessage", Pattern::WaitForTaskToken)
        );
        assert_eq!(
            Resource::parse("arn:aws:states:::states:startExecution.sync:2"),
            service("states", "startExecution", Pattern::Sync2)
        );
        assert_eq!(
            Resource::parse("arn:aws:states:::aws-sdk:s3:listBuckets"),
            service("aws-sdk:s3", "listBuckets", Pattern::RequestResponse)
        );
        for wrong in [
            "",
            "f",
            "arn:aws:states:::dynamodb:query",
            "arn:aws:sns:us-east-1:1:topic",
            "arn:aws:states:::sqs:",
        ] {
            assert_eq!(Resource::parse(wrong), None, "{wrong}");
        }
    }
}
