//! From the JSON to tables that are looked up by index.

use std::collections::{BTreeMap, HashMap};

use crate::{
    Operation, Protocol, ServiceModel,
    raw::{self, Reference, XmlNamespace},
    shape::{
        Field, Location, Pattern, Shape, ShapeKind, ShapeRef, StructureShape, TextFormat, TimestampFormat,
        by_length,
    },
};

type Names<'m> = BTreeMap<&'m str, ShapeRef>;

pub(crate) fn compile(name: &'static str, source: &str) -> Result<ServiceModel, String> {
    let model: raw::Model = serde_json::from_str(source).map_err(|error| format!("{name}: {error}"))?;
    let names: Names<'_> =
        model.shapes.keys().zip(0..).map(|(name, index)| (name.as_str(), ShapeRef(index))).collect();
    let shapes = model
        .shapes
        .iter()
        .map(|(shape_name, shape)| {
            let kind = kind(shape, &names).map_err(|error| format!("{name}.{shape_name}: {error}"))?;
            Ok(Shape {
                name: shape_name.clone(),
                kind,
                error_status: shape.error.as_ref().and_then(|error| error.http_status_code),
                error_code: shape.error.as_ref().and_then(|error| error.code.clone()),
                sender_fault: shape.error.as_ref().is_some_and(|error| error.sender_fault),
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut errors = HashMap::new();
    for (shape, at) in shapes.iter().zip(0..) {
        errors.insert(shape.name.clone(), ShapeRef(at));
        if let Some(code) = &shape.error_code {
            errors.insert(code.clone(), ShapeRef(at));
        }
    }
    let operations =
        model.operations.into_values().map(|it| operation(it, &names)).collect::<Result<Vec<_>, _>>()?;
    let by_name = operations.iter().enumerate().map(|(index, it)| (it.name.clone(), index)).collect();
    let metadata = model.metadata;
    Ok(ServiceModel {
        name,
        protocol: protocol(&metadata)?,
        signing_name: metadata.signing_name.unwrap_or(metadata.endpoint_prefix),
        target_prefix: metadata.target_prefix,
        xml_namespace: metadata.xml_namespace,
        api_version: metadata.api_version,
        query_compatible: metadata.aws_query_compatible.is_some(),
        operations,
        shapes,
        by_name,
        errors,
    })
}

fn protocol(metadata: &raw::Metadata) -> Result<Protocol, String> {
    match metadata.protocol.as_str() {
        "json" if metadata.json_version.as_deref() == Some("1.1") => Ok(Protocol::AwsJson { version: "1.1" }),
        "json" => Ok(Protocol::AwsJson { version: "1.0" }),
        "rest-json" => Ok(Protocol::RestJson),
        "query" => Ok(Protocol::Query),
        "ec2" => Ok(Protocol::Ec2Query),
        "rest-xml" => Ok(Protocol::RestXml),
        other => Err(format!("unknown protocol {other}")),
    }
}

fn operation(operation: raw::Operation, names: &Names<'_>) -> Result<Operation, String> {
    let input = operation.input.as_ref().map(|it| find(names, &it.shape)).transpose()?;
    let output = operation.output.as_ref().map(|it| find(names, &it.shape)).transpose()?;
    Ok(Operation {
        name: operation.name,
        method: operation.http.method,
        uri: operation.http.request_uri,
        status: operation.http.response_code.unwrap_or(200),
        input,
        input_element: operation.input.and_then(|it| it.location_name),
        output,
        result_wrapper: operation.output.and_then(|it| it.result_wrapper),
        host_prefix: operation.endpoint.and_then(|it| it.host_prefix),
        is_deprecated: operation.deprecated,
    })
}

fn find(names: &Names<'_>, shape: &str) -> Result<ShapeRef, String> {
    names.get(shape).copied().ok_or_else(|| format!("no shape {shape}"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths in models are small whole numbers"
)]
fn length(limit: Option<f64>) -> Option<u64> {
    limit.map(|limit| limit as u64)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "bounds in models are whole numbers; the largest saturate"
)]
fn kind(shape: &raw::Shape, names: &Names<'_>) -> Result<ShapeKind, String> {
    let (min, max) = (length(shape.min), length(shape.max));
    let referred = |part: &Option<Reference>, what: &str| {
        part.as_ref().ok_or_else(|| format!("no {what}")).and_then(|it| find(names, &it.shape))
    };
    let element = |part: &Option<Reference>| part.as_ref().and_then(|it| it.location_name.clone());
    Ok(match shape.kind.as_str() {
        "structure" => ShapeKind::Structure(structure(shape, names)?),
        "list" => ShapeKind::List {
            item: referred(&shape.member, "member")?,
            item_element: element(&shape.member),
            flattened: shape.flattened,
            min,
            max,
        },
        "map" => ShapeKind::Map {
            key: referred(&shape.key, "key")?,
            value: referred(&shape.value, "value")?,
            elements: (
                element(&shape.key).unwrap_or_else(|| String::from("key")),
                element(&shape.value).unwrap_or_else(|| String::from("value")),
            ),
            flattened: shape.flattened,
            min,
            max,
        },
        "string" | "character" => ShapeKind::Text {
            values: shape.values.clone(),
            pattern: shape.pattern.as_deref().map(Pattern::new),
            min,
            max,
            format: if shape.jsonvalue { TextFormat::Json } else { TextFormat::Plain },
        },
        "blob" => ShapeKind::Blob { streaming: shape.streaming, min, max },
        "timestamp" => {
            ShapeKind::Timestamp(shape.timestamp_format.as_deref().map(timestamp_format).transpose()?)
        }
        "integer" | "long" | "short" | "byte" => ShapeKind::Integer {
            min: shape.min.map(|min| min as i64),
            max: shape.max.map(|max| max as i64),
            long: shape.kind == "long",
        },
        "double" | "float" | "bigdecimal" => ShapeKind::Double { min: shape.min, max: shape.max },
        "boolean" => ShapeKind::Boolean,
        other => return Err(format!("unknown type {other}")),
    })
}

fn structure(shape: &raw::Shape, names: &Names<'_>) -> Result<StructureShape, String> {
    let mut fields = Vec::with_capacity(shape.members.len());
    for (name, reference) in &shape.members {
        let reference: Reference =
            serde_json::from_value(reference.clone()).map_err(|error| format!("{name}: {error}"))?;
        fields.push(field(name, reference, shape.required.contains(name), names)?);
    }
    let mut by_name: Vec<usize> = (0..fields.len()).collect();
    by_name.sort_by(|a, b| by_length(&fields[*a].name, &fields[*b].name));
    Ok(StructureShape {
        payload: shape
            .payload
            .as_ref()
            .and_then(|payload| fields.iter().position(|field| field.name == *payload)),
        fields,
        union: shape.union,
        event_stream: shape.eventstream,
        document: shape.document,
        by_name,
    })
}

fn field(name: &str, reference: Reference, required: bool, names: &Names<'_>) -> Result<Field, String> {
    Ok(Field {
        name: name.to_owned(),
        shape: find(names, &reference.shape)?,
        has_wire_name: reference.location_name.is_some(),
        query_name: reference.query_name,
        wire_name: reference.location_name.unwrap_or_else(|| name.to_owned()),
        location: match reference.location.as_deref() {
            None => Location::Body,
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("statusCode") => Location::Status,
            Some(other) => return Err(format!("{name}: unknown location {other}")),
        },
        required,
        idempotency_token: reference.idempotency_token,
        event_payload: reference.eventpayload,
        xml_attribute: reference.xml_attribute,
        flattened: reference.flattened,
        xml_namespace: reference.xml_namespace.map(|namespace| match namespace {
            XmlNamespace::Uri(uri) => (None, uri),
            XmlNamespace::Full { prefix, uri } => (prefix, uri),
        }),
    })
}

fn timestamp_format(name: &str) -> Result<TimestampFormat, String> {
    match name {
        "unixTimestamp" => Ok(TimestampFormat::EpochSeconds),
        "iso8601" => Ok(TimestampFormat::Iso8601),
        "rfc822" => Ok(TimestampFormat::HttpDate),
        other => Err(format!("unknown timestamp format {other}")),
    }
}
