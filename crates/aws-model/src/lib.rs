//! AWS's published service models, stripped of prose, and the types made from them; nothing else.
//!
//! A model is parsed when its service is first asked for and stays for the life of the process, so that start-up costs
//! nothing and every later look is a plain reference. The JSON under `models/` is written by `cargo xtask models`.
//! Start at [`service`].

mod compile;
mod pattern;
mod raw;
mod shape;

pub use shape::{
    Field, Location, Pattern, Shape, ShapeKind, ShapeRef, StructureShape, TextFormat, TimestampFormat,
};

use std::{collections::HashMap, io::Read as _, sync::OnceLock};

/// The protocol a service speaks with its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `X-Amz-Target` and a JSON body; the version is the media type's (`application/x-amz-json-1.0`).
    AwsJson {
        /// `1.0` or `1.1`.
        version: &'static str,
    },
    /// Method, path, headers and a JSON body.
    RestJson,
    /// A form with `Action`, answered in XML.
    Query,
    /// EC2's own kind of [`Protocol::Query`]: names begin with a capital, lists are numbered without a word between, and
    /// answers and errors have other frames.
    Ec2Query,
    /// Method, path, headers and an XML body.
    RestXml,
}

impl Protocol {
    /// Whether requests are forms that name their operation by `Action`.
    pub fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::Ec2Query)
    }
}

/// One service: its operations and shapes.
#[derive(Debug)]
pub struct ServiceModel {
    /// The model's name, e.g. `stepfunctions`.
    pub name: &'static str,
    /// What clients sign with (SigV4's scope), e.g. `states`.
    pub signing_name: String,
    /// How it talks.
    pub protocol: Protocol,
    /// The prefix of `X-Amz-Target`, for JSON services.
    pub target_prefix: Option<String>,
    /// The XML name space of answers.
    pub xml_namespace: Option<String>,
    /// `2015-03-31`.
    pub api_version: String,
    /// Whether errors also carry the query protocol's codes (SQS).
    pub query_compatible: bool,
    /// All operations, in the model's order.
    pub operations: Vec<Operation>,
    shapes: Vec<Shape>,
    by_name: HashMap<String, usize>,
    errors: HashMap<String, ShapeRef>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// `CreateFunction`.
    pub name: String,
    /// `POST`.
    pub method: String,
    /// `/2015-03-31/functions/{FunctionName}`; a query that is part of the route follows `?`.
    pub uri: String,
    /// The status of success.
    pub status: u16,
    /// The input structure.
    pub input: Option<ShapeRef>,
    /// The name of the input's XML root, where it has one.
    pub input_element: Option<String>,
    /// The output structure.
    pub output: Option<ShapeRef>,
    /// The element around the output in the query protocol.
    pub result_wrapper: Option<String>,
    /// `sync-`, `{ModelledBucket}.` …
    pub host_prefix: Option<String>,
    /// Whether another operation has taken its place.
    pub is_deprecated: bool,
}

impl ServiceModel {
    /// The operation of that name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.by_name.get(name).map(|index| &self.operations[*index])
    }

    /// The shape a reference stands for.
    pub fn shape(&self, at: ShapeRef) -> &Shape {
        &self.shapes[at.0 as usize]
    }

    /// The error shape with that code, if the model has one.
    pub fn error(&self, code: &str) -> Option<&Shape> {
        self.errors.get(code).map(|at| self.shape(*at))
    }
}

macro_rules! models {
    ($($name:literal),* $(,)?) => {
        /// The names of all models, sorted.
        pub const NAMES: &[&str] = &[$($name),*];

        /// JSON, deflated by the build script: together the models are larger than much of the code.
        const SOURCES: &[&[u8]] = &[$(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".zz"))),*];
        static COMPILED: [OnceLock<ServiceModel>; NAMES.len()] = [const { OnceLock::new() }; NAMES.len()];
    };
}

models!(
    "apigateway",
    "apigatewaymanagementapi",
    "apigatewayv2",
    "cloudformation",
    "dynamodb",
    "dynamodbstreams",
    "ec2",
    "events",
    "firehose",
    "iam",
    "kinesis",
    "lambda",
    "lambda-core",
    "lambda-microvms",
    "lambda-web",
    "logs",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
);

/// The model of a service by its name, or `None` if there is none of that name.
pub fn service(name: &str) -> Option<&'static ServiceModel> {
    let index = NAMES.binary_search(&name).ok()?;
    Some(COMPILED[index].get_or_init(|| {
        let mut source = String::new();
        flate2::read::ZlibDecoder::new(SOURCES[index])
            .read_to_string(&mut source)
            .expect("the build script deflated a text");
        compile::compile(NAMES[index], &source)
            .expect("the models in the binary were checked by this crate's tests")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_compiles() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            let model = service(name).unwrap();
            assert!(!model.operations.is_empty(), "{name}");
            for operation in &model.operations {
                assert_eq!(model.operation(&operation.name).unwrap().uri, operation.uri);
            }
        }
        assert!(service("no-such-service").is_none());
    }

    #[test]
    fn every_pattern_compiles() {
        for name in NAMES {
            for shape in &service(name).unwrap().shapes {
                if let ShapeKind::Text { pattern: Some(pattern), .. } = &shape.kind {
                    assert!(pattern.compiles(), "{name}.{}: {}", shape.name, pattern.text());
                }
            }
        }
    }

    #[test]
    fn the_counts_are_those_of_the_published_models() {
        let count = |name| service(name).unwrap().operations.len();
        assert_eq!(count("lambda"), 91);
        assert_eq!(count("stepfunctions"), 37);
        assert_eq!(count("apigateway"), 124);
        assert_eq!(count("apigatewayv2"), 103);
        assert_eq!(count("apigatewaymanagementapi"), 3);
    }

    #[test]
    fn bindings_and_constraints_are_kept() {
        let lambda = service("lambda").unwrap();
        assert_eq!(lambda.protocol, Protocol::RestJson);
        let create = lambda.operation("CreateFunction").unwrap();
        assert_eq!((create.method.as_str(), create.status), ("POST", 201));
        let ShapeKind::Structure(input) = &lambda.shape(create.input.unwrap()).kind else {
            panic!("a structure")
        };
        assert!(input.field("Role").unwrap().required);
        let invoke = lambda.operation("Invoke").unwrap();
        let ShapeKind::Structure(input) = &lambda.shape(invoke.input.unwrap()).kind else {
            panic!("a structure")
        };
        assert_eq!(input.payload.map(|index| input.fields[index].name.as_str()), Some("Payload"));
        let states = service("stepfunctions").unwrap();
        assert_eq!(states.protocol, Protocol::AwsJson { version: "1.0" });
        assert_eq!(states.signing_name, "states");
        assert!(states.error("StateMachineDoesNotExist").is_some());
    }
}
