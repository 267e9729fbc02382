//! Which service a request is for.
//!
//! In this order: the target header of JSON services, the credential scope, the host, the API version of a query
//! request, the path. What is left is S3's, whose paths can be anything.

use aws_model::{Protocol, ServiceModel};
use http::{HeaderName, Method, request::Parts};

use crate::{Credential, ServiceError, Target, routes, text};

static TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Prefixes of `X-Amz-Target`.
const TARGETS: &[(&str, &str)] = &[
    ("AWSEvents", "events"),
    ("AWSStepFunctions", "stepfunctions"),
    ("AmazonSQS", "sqs"),
    ("AmazonSSM", "ssm"),
    ("DynamoDBStreams_20120810", "dynamodbstreams"),
    ("DynamoDB_20120810", "dynamodb"),
    ("Firehose_20150804", "firehose"),
    ("Kinesis_20131202", "kinesis"),
    ("Logs_20140328", "logs"),
    ("secretsmanager", "secretsmanager"),
];

/// Signing names, and first labels of host names. Where several services sign alike, their paths tell them apart.
const SIGNING_NAMES: &[(&str, &[&str])] = &[
    ("apigateway", &["apigateway", "apigatewayv2"]),
    ("cloudformation", &["cloudformation"]),
    ("dynamodb", &["dynamodb", "dynamodbstreams"]),
    ("ec2", &["ec2"]),
    ("events", &["events"]),
    ("execute-api", &["apigatewaymanagementapi"]),
    ("firehose", &["firehose"]),
    ("iam", &["iam"]),
    ("kinesis", &["kinesis"]),
    ("lambda", &["lambda", "lambda-core", "lambda-microvms", "lambda-web"]),
    ("logs", &["logs"]),
    ("s3", &["s3"]),
    ("secretsmanager", &["secretsmanager"]),
    ("sns", &["sns"]),
    ("sqs", &["sqs"]),
    ("ssm", &["ssm"]),
    ("states", &["stepfunctions"]),
    ("sts", &["sts"]),
];

/// API versions of the query protocol.
const QUERY_VERSIONS: &[(&str, &str)] = &[
    ("2010-03-31", "sns"),
    ("2010-05-08", "iam"),
    ("2010-05-15", "cloudformation"),
    ("2011-06-15", "sts"),
    ("2016-11-15", "ec2"),
];

/// First path segments that only one family of services has.
const PATHS: &[(&str, &[&str])] = &[
    ("/2014-11-13/", &["lambda"]),
    ("/2015-03-31/", &["lambda"]),
    ("/2017-03-31/", &["lambda"]),
    ("/2017-10-31/", &["lambda"]),
    ("/2018-10-31/", &["lambda"]),
    ("/2019-09-25/", &["lambda"]),
    ("/2019-09-30/", &["lambda"]),
    ("/2020-06-30/", &["lambda"]),
    ("/2021-07-20/", &["lambda"]),
    ("/2021-10-31/", &["lambda"]),
    ("/2021-11-15/", &["lambda"]),
    ("/2024-08-31/", &["lambda"]),
    ("/2025-11-30/", &["lambda"]),
    ("/2025-12-01/", &["lambda"]),
    ("/restapis", &["apigateway"]),
    ("/v2/apis", &["apigatewayv2"]),
];

/// A service found, not yet its operation.
#[derive(Debug, Clone)]
pub struct Identified {
    candidates: Vec<&'static ServiceModel>,
    /// The scope the request was signed for, if it was.
    pub credential: Option<Credential>,
    /// The S3 bucket that the host names.
    pub host_bucket: Option<String>,
    /// Whether nothing but the absence of other signs speaks for this service.
    pub fallback: bool,
}

/// Finds the service that a request is for.
pub fn identify(parts: &Parts) -> Identified {
    let credential = Credential::of(parts);
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host_bucket = bucket_of(host);
    let (names, fallback) = names(parts, credential.as_ref(), host, host_bucket.is_some());
    let candidates = names.iter().filter_map(|name| aws_model::service(name)).collect();
    Identified { candidates, credential, host_bucket, fallback }
}

fn names(
    parts: &Parts,
    credential: Option<&Credential>,
    host: &str,
    is_bucket_host: bool,
) -> (&'static [&'static str], bool) {
    if let Some(target) = parts.headers.get(&TARGET).and_then(|target| target.to_str().ok()) {
        let prefix = target.rsplit_once('.').map_or(target, |(prefix, _)| prefix);
        if let Some(at) = TARGETS.iter().position(|(known, _)| *known == prefix) {
            return (std::slice::from_ref(&TARGETS[at].1), false);
        }
    }
    let signed = credential.and_then(|credential| signed_as(&credential.service));
    if let Some(names) = signed {
        return (names, false);
    }
    if is_bucket_host {
        return (&["s3"], false);
    }
    let label = host.split('.').next().unwrap_or_default();
    let label = label.strip_prefix("sync-").unwrap_or(label);
    if let Some(names) = signed_as(label).filter(|_| host.contains('.')) {
        return (names, false);
    }
    let is_form =
        parts.method == Method::POST && content_type(parts).starts_with("application/x-www-form-urlencoded");
    let query = parts.uri.query().unwrap_or_default();
    if let Some((_, version)) = text::query_pairs(query).find(|(name, _)| name == "Version")
        && let Some(at) = QUERY_VERSIONS.iter().position(|(known, _)| *known == version)
    {
        return (std::slice::from_ref(&QUERY_VERSIONS[at].1), false);
    }
    if is_form && parts.uri.path() == "/" {
        return (&["sts", "iam", "cloudformation", "sns"], false);
    }
    match PATHS.iter().find(|(prefix, _)| parts.uri.path().starts_with(prefix)) {
        Some((_, names)) => (names, false),
        None => (&["s3"], true),
    }
}

/// The names of the models of all services that clients sign for by that name.
pub fn signed_as(name: &str) -> Option<&'static [&'static str]> {
    SIGNING_NAMES.iter().find(|(known, _)| *known == name).map(|(_, names)| *names)
}

/// `BUCKET.s3.REGION.amazonaws.com`, `BUCKET.s3.localhost.localstack.cloud:4566` and the like.
fn bucket_of(host: &str) -> Option<String> {
    let (bucket, rest) = text::split_at_mark(host, ".s3.").or_else(|| text::split_at_mark(host, ".s3-"))?;
    (!bucket.is_empty() && !rest.is_empty()).then(|| bucket.to_owned())
}

fn content_type(parts: &Parts) -> &str {
    parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Identified {
    /// The service whose protocol an error is told in: the first that could be meant.
    pub fn model(&self) -> &'static ServiceModel {
        self.candidates.first().copied().or_else(|| aws_model::service("s3")).expect("there is a model of S3")
    }

    /// Whether the operation is named in the body, which must therefore be read first.
    pub fn names_operation_in_body(&self, parts: &Parts) -> bool {
        self.model().protocol.is_query() && !parts.uri.query().unwrap_or_default().contains("Action=")
    }

    /// The operation asked for. `form` is the body, where [`Identified::names_operation_in_body`] asks for it.
    pub fn target(&self, parts: &Parts, form: Option<&[u8]>) -> Result<Target, ServiceError> {
        match self.model().protocol {
            Protocol::AwsJson { .. } => self.target_by_header(parts),
            Protocol::Query | Protocol::Ec2Query => self.target_by_action(parts, form),
            Protocol::RestJson | Protocol::RestXml => {
                let path = parts.uri.path();
                let path = match &self.host_bucket {
                    Some(bucket) => format!("/{bucket}{path}").into(),
                    None => std::borrow::Cow::Borrowed(path),
                };
                let found = self.candidates.iter().find_map(|model| routes::find(model, parts, &path));
                found.ok_or_else(|| unknown_path(self.model(), parts))
            }
        }
    }

    fn target_by_header(&self, parts: &Parts) -> Result<Target, ServiceError> {
        let target = parts.headers.get(&TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
        let name = target.rsplit_once('.').map_or(target, |(_, name)| name);
        let model = self.model();
        let operation = model.operation(name);
        let operation =
            operation.ok_or_else(|| ServiceError::bad_request("UnknownOperationException", ""))?;
        Ok(Target { model, operation, labels: Vec::new() })
    }

    fn target_by_action(&self, parts: &Parts, form: Option<&[u8]>) -> Result<Target, ServiceError> {
        let query = parts.uri.query().unwrap_or_default();
        let form = form.map(String::from_utf8_lossy).unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = text::query_pairs(query).chain(text::query_pairs(&form));
            pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
        };
        let Some(action) = value("Action") else {
            return Err(ServiceError::bad_request(
                "MissingAction",
                "The request must contain the parameter Action.",
            ));
        };
        let version = value("Version");
        let by_version = QUERY_VERSIONS.iter().find(|(known, _)| version.as_deref() == Some(*known));
        let mut candidates = self.candidates.clone();
        if let Some((_, name)) = by_version {
            candidates.retain(|model| model.name == *name);
        }
        let found = candidates.into_iter().find_map(|model| Some((model, model.operation(&action)?)));
        let (model, operation) = found.ok_or_else(|| {
            let version = version.unwrap_or_default();
            let text = format!("Could not find operation {action} for version {version}");
            ServiceError::bad_request("InvalidAction", text)
        })?;
        Ok(Target { model, operation, labels: Vec::new() })
    }
}

fn unknown_path(model: &ServiceModel, parts: &Parts) -> ServiceError {
    if model.name == "s3" {
        let text = "The specified method is not allowed against this resource.";
        return ServiceError::new("MethodNotAllowed", 405, text);
    }
    ServiceError::new(
        "UnknownOperationException",
        404,
        format!("{} has no operation at {} {}", model.name, parts.method, parts.uri.path()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree_with_the_models() {
        for (prefix, name) in TARGETS {
            assert_eq!(aws_model::service(name).unwrap().target_prefix.as_deref(), Some(*prefix));
        }
        for name in aws_model::NAMES {
            let model = aws_model::service(name).unwrap();
            assert!(signed_as(&model.signing_name).unwrap().contains(name), "{name}");
            if model.protocol.is_query() {
                assert!(QUERY_VERSIONS.contains(&(model.api_version.as_str(), *name)), "{name}");
            }
        }
        let lambda = aws_model::service("lambda").unwrap();
        for operation in &lambda.operations {
            let known = PATHS.iter().any(|(prefix, _)| operation.uri.starts_with(prefix));
            assert!(
                known || operation.uri.starts_with("/2026-") || operation.uri.starts_with("/20"),
                "{}",
                operation.uri
            );
        }
    }

    fn target(request: http::request::Builder, form: Option<&[u8]>) -> Result<String, ServiceError> {
        let parts = request.body(()).unwrap().into_parts().0;
        identify(&parts).target(&parts, form).map(|it| format!("{}.{}", it.model.name, it.operation.name))
    }

    fn signed(service: &str) -> http::request::Builder {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=h"
        );
        http::Request::builder().header("authorization", scope)
    }

    #[test]
    fn requests_find_their_operation() {
        let get = |service: &str, uri: &str| target(signed(service).uri(uri), None).unwrap();
        assert_eq!(get("lambda", "/2015-03-31/functions/f"), "lambda.GetFunction");
        assert_eq!(get("lambda", "/2015-03-31/functions/"), "lambda.ListFunctions", "as older clients ask");
        assert_eq!(get("lambda", "/2015-03-31/functions"), "lambda.ListFunctions");
        assert_eq!(get("apigateway", "/restapis/abc/resources"), "apigateway.GetResources");
        assert_eq!(get("apigateway", "/v2/apis"), "apigatewayv2.GetApis");
        assert_eq!(get("s3", "/bucket?list-type=2"), "s3.ListObjectsV2");
        assert_eq!(get("s3", "/bucket/"), "s3.ListObjects");
        let renamed = "s3.GetBucketNotificationConfiguration";
        assert_eq!(get("s3", "/bucket?notification"), renamed, "not the one that is deprecated");
        assert_eq!(get("s3", "/bucket//"), "s3.GetObject");
        assert_eq!(get("s3", "/bucket/a//b?x-id=GetObject"), "s3.GetObject");
        assert_eq!(get("s3", "/"), "s3.ListBuckets");
        let json = signed("states").method("POST").header("x-amz-target", "AWSStepFunctions.StartExecution");
        assert_eq!(target(json, None).unwrap(), "stepfunctions.StartExecution");
        let query = signed("sts").method("POST");
        let form = b"Action=GetCallerIdentity&Version=2011-06-15";
        assert_eq!(target(query, Some(form)).unwrap(), "sts.GetCallerIdentity");
        let form = b"Action=DescribeVpcs&Version=2016-11-15";
        assert_eq!(target(signed("ec2").method("POST"), Some(form)).unwrap(), "ec2.DescribeVpcs");
        let hosted =
            http::Request::builder().uri("/k").header("host", "b.s3.localhost.localstack.cloud:4566");
        assert_eq!(target(hosted, None).unwrap(), "s3.GetObject");
        let copy = signed("s3").method("PUT").uri("/b/k").header("x-amz-copy-source", "/b/j");
        assert_eq!(target(copy, None).unwrap(), "s3.CopyObject");
        let part = signed("s3").method("PUT").uri("/b/k?partNumber=1&uploadId=u");
        assert_eq!(target(part, None).unwrap(), "s3.UploadPart");
    }

    #[test]
    fn unknown_operations_are_refused_in_the_service_s_words() {
        let json = signed("states").method("POST").header("x-amz-target", "AWSStepFunctions.Nope");
        assert_eq!(target(json, None).unwrap_err().code, "UnknownOperationException");
        let query = signed("iam").method("POST");
        assert_eq!(target(query, Some(b"Action=Nope&Version=2010-05-08")).unwrap_err().code, "InvalidAction");
        assert_eq!(target(signed("lambda").uri("/2015-03-31/nope"), None).unwrap_err().status, 404);
    }
}
