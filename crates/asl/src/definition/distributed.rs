//! What only Map states in the mode DISTRIBUTED have: ItemReader, ItemBatcher, ResultWriter, Label.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Number, diagnostic::Code, fields::Fields};
use crate::template::Template;

/// The part of a Map state that makes it a distributed one.
#[derive(Debug)]
pub struct Distributed {
    /// Whether the children are Express executions.
    pub express: bool,
    /// Label.
    pub label: Option<String>,
    /// ItemReader.
    pub reader: Option<ItemReader>,
    /// ItemBatcher.
    pub batcher: Option<ItemBatcher>,
    /// ResultWriter.
    pub writer: Option<ResultWriter>,
}

/// ItemReader.
#[derive(Debug)]
pub struct ItemReader {
    /// Resource.
    pub source: ItemSource,
    /// Parameters, or Arguments.
    pub arguments: Option<Template>,
    /// ReaderConfig without its MaxItems.
    pub config: ReaderConfig,
    /// MaxItems or MaxItemsPath; 0 stands for all.
    pub max_items: Option<Number>,
}

/// Which operation of S3 gives the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemSource {
    /// `s3:getObject`: an object holds them.
    GetObject,
    /// `s3:listObjectsV2`: the objects are the items.
    ListObjectsV2,
}

/// ReaderConfig: how an object's bytes become items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderConfig {
    /// InputType, where one is given.
    pub format: Option<InputType>,
    /// CSVHeaders, where CSVHeaderLocation is GIVEN; else the first row has them.
    pub headers: Option<Vec<String>>,
    /// CSVDelimiter.
    pub delimiter: Delimiter,
    /// ItemsPointer: where in a JSON document the items are.
    pub items_pointer: Option<String>,
    /// Whether the object is a manifest that Athena wrote.
    pub athena_manifest: bool,
    /// Whether Transformation is LOAD_AND_FLATTEN: the items are what is in the listed objects.
    pub flatten: bool,
}

/// InputType.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum InputType {
    Csv,
    Json,
    JsonLines,
    Manifest,
}

/// CSVDelimiter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum Delimiter {
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Space,
    Tab,
}

/// ItemBatcher.
#[derive(Debug)]
pub struct ItemBatcher {
    /// MaxItemsPerBatch or MaxItemsPerBatchPath.
    pub max_items: Option<Number>,
    /// MaxInputBytesPerBatch or MaxInputBytesPerBatchPath.
    pub max_bytes: Option<Number>,
    /// BatchInput.
    pub input: Option<Template>,
}

/// ResultWriter.
#[derive(Debug)]
pub struct ResultWriter {
    /// Parameters, or Arguments, where results are exported.
    pub arguments: Option<Template>,
    /// WriterConfig, where it is given.
    pub config: Option<WriterConfig>,
}

/// WriterConfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterConfig {
    /// Transformation.
    pub transformation: Transformation,
    /// Whether OutputType is JSONL.
    pub lines: bool,
}

/// Transformation of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum Transformation {
    None,
    Compact,
    Flatten,
}

impl Distributed {
    /// The variables its templates read, and its numbers, which may read some too.
    pub(super) fn variables<'s>(&'s self, found: &mut Vec<&'s str>, numbers: &mut Vec<&'s Option<Number>>) {
        if let Some(reader) = &self.reader {
            reader.arguments.iter().for_each(|template| template.variables(found));
            numbers.push(&reader.max_items);
        }
        if let Some(batcher) = &self.batcher {
            batcher.input.iter().for_each(|template| template.variables(found));
            numbers.extend([&batcher.max_items, &batcher.max_bytes]);
        }
        if let Some(writer) = &self.writer {
            writer.arguments.iter().for_each(|template| template.variables(found));
        }
    }
}

/// Reads all of it.
pub(super) fn parse(fields: &mut Fields<'_, '_>, express: bool) -> Distributed {
    Distributed {
        express,
        label: fields.string("Label").map(str::to_owned),
        reader: within(fields, "ItemReader", reader),
        batcher: within(fields, "ItemBatcher", batcher),
        writer: within(fields, "ResultWriter", writer),
    }
}

/// Reads an object that is the value of a field.
fn within<R>(
    fields: &mut Fields<'_, '_>,
    name: &str,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<R>,
) -> Option<R> {
    let members = fields.object(name)?;
    let location = fields.at(name);
    let mut inner = Fields { members, location, findings: fields.findings, jsonata: fields.jsonata };
    read(&mut inner)
}

/// A text that must be one of some.
fn one_of<'a>(fields: &mut Fields<'a, '_>, name: &str, known: &[&str]) -> Option<&'a str> {
    let text = fields.string(name)?;
    if known.contains(&text) {
        return Some(text);
    }
    let known = known.join(", ");
    fields.wrong(name, format!("The field '{name}' should have one of these values: [{known}]"));
    None
}

fn arguments_name(fields: &Fields<'_, '_>) -> &'static str {
    if fields.jsonata { "Arguments" } else { "Parameters" }
}

fn reader(fields: &mut Fields<'_, '_>) -> Option<ItemReader> {
    let arguments = arguments_name(fields);
    fields.only(&[&["Resource", "ReaderConfig"], &[arguments]]);
    if !fields.required(&["Resource"]) {
        return None;
    }
    let source = match fields.string("Resource")?.rsplit(':').next() {
        Some("getObject") => ItemSource::GetObject,
        Some("listObjectsV2") => ItemSource::ListObjectsV2,
        _ => {
            fields.wrong(
                "Resource",
                "The field 'Resource' should be one of these: [arn:aws:states:::s3:getObject, arn:aws:states:::s3:listObjectsV2]",
            );
            return None;
        }
    };
    let mut max_items = None;
    let config = within(fields, "ReaderConfig", |fields| {
        max_items = fields.number("MaxItems", 0);
        Some(reader_config(fields, source))
    });
    if config.is_none() && source == ItemSource::GetObject && !fields.members.contains_key("ReaderConfig") {
        fields.required(&["ReaderConfig"]);
    }
    Some(ItemReader {
        source,
        arguments: fields.template(arguments),
        config: config.unwrap_or_default(),
        max_items,
    })
}

fn reader_config(fields: &mut Fields<'_, '_>, source: ItemSource) -> ReaderConfig {
    const KNOWN: &[&str] = &[
        "InputType",
        "CSVHeaderLocation",
        "CSVHeaders",
        "CSVDelimiter",
        "ItemsPointer",
        "ManifestType",
        "MaxItems",
        "Transformation",
    ];
    fields.only(&[KNOWN, if fields.jsonata { &[] } else { &["MaxItemsPath"] }]);
    let athena_manifest =
        one_of(fields, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]) == Some("ATHENA_DATA");
    let flatten = one_of(fields, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]) == Some("LOAD_AND_FLATTEN");
    if flatten && source == ItemSource::GetObject {
        fields.wrong("Transformation", "The field 'Transformation' is only supported for s3:listObjectsV2");
    }
    if source == ItemSource::GetObject || flatten {
        fields.required(&["InputType"]);
    }
    let format = input_type(fields);
    let headers = if format == Some(InputType::Csv) { headers(fields, athena_manifest) } else { None };
    let pointer = fields.string("ItemsPointer").map(str::to_owned);
    if pointer.as_deref().is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        fields.wrong("ItemsPointer", "Value is not a valid JSON Pointer");
    }
    ReaderConfig {
        format,
        headers,
        delimiter: delimiter(fields),
        items_pointer: pointer,
        athena_manifest,
        flatten,
    }
}

fn input_type(fields: &mut Fields<'_, '_>) -> Option<InputType> {
    match one_of(fields, "InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"])? {
        "CSV" => Some(InputType::Csv),
        "JSON" => Some(InputType::Json),
        "JSONL" => Some(InputType::JsonLines),
        "MANIFEST" => Some(InputType::Manifest),
        _ => {
            let location = fields.at("InputType");
            let message = "An ItemReader with the InputType PARQUET is not implemented";
            fields.findings.error(Code::NotImplemented, location, message);
            None
        }
    }
}

fn headers(fields: &mut Fields<'_, '_>, optional: bool) -> Option<Vec<String>> {
    if !optional && !fields.required(&["CSVHeaderLocation"]) {
        return None;
    }
    if one_of(fields, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"])? == "FIRST_ROW" {
        return None;
    }
    if !fields.required(&["CSVHeaders"]) {
        return None;
    }
    let headers: Option<Vec<_>> =
        fields.array("CSVHeaders")?.iter().map(|header| header.as_str().map(str::to_owned)).collect();
    if headers.is_none() {
        fields.wrong("CSVHeaders", "Expected value of type STRING");
    }
    headers
}

fn delimiter(fields: &mut Fields<'_, '_>) -> Delimiter {
    match one_of(fields, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]) {
        Some("PIPE") => Delimiter::Pipe,
        Some("SEMICOLON") => Delimiter::Semicolon,
        Some("SPACE") => Delimiter::Space,
        Some("TAB") => Delimiter::Tab,
        _ => Delimiter::Comma,
    }
}

fn batcher(fields: &mut Fields<'_, '_>) -> Option<ItemBatcher> {
    const PATHS: &[&str] = &["MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath"];
    const OWN: &[&str] = &["MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput"];
    fields.only(&[OWN, if fields.jsonata { &[] } else { PATHS }]);
    let sized = OWN[..2].iter().chain(PATHS).any(|name| fields.members.contains_key(*name));
    if !sized {
        let location = fields.location.clone();
        fields.findings.schema(
            location,
            "At least one of these fields is required: [MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]",
        );
        return None;
    }
    if fields.members.get("MaxInputBytesPerBatch").and_then(Value::as_u64).is_some_and(|most| most > 262_144)
    {
        fields.wrong("MaxInputBytesPerBatch", "Value is higher than the maximum allowed value 262144");
    }
    Some(ItemBatcher {
        max_items: fields.number("MaxItemsPerBatch", 1),
        max_bytes: fields.number("MaxInputBytesPerBatch", 1),
        input: fields.template("BatchInput"),
    })
}

fn writer(fields: &mut Fields<'_, '_>) -> Option<ResultWriter> {
    let arguments = arguments_name(fields);
    fields.only(&[&["Resource", "WriterConfig"], &[arguments]]);
    let config = within(fields, "WriterConfig", writer_config);
    let exports = fields.members.contains_key("Resource") || fields.members.contains_key(arguments);
    if !exports && config.is_none() {
        fields.required(&["Resource", arguments]);
        return None;
    }
    if exports && fields.required(&["Resource", arguments]) {
        let resource = fields.string("Resource")?;
        if resource.rsplit(':').next() != Some("putObject") {
            fields.wrong("Resource", "The field 'Resource' should be arn:aws:states:::s3:putObject");
        }
    }
    Some(ResultWriter { arguments: fields.template(arguments), config })
}

fn writer_config(fields: &mut Fields<'_, '_>) -> Option<WriterConfig> {
    fields.only(&[&["Transformation", "OutputType"]]);
    let transformation = match one_of(fields, "Transformation", &["NONE", "COMPACT", "FLATTEN"]) {
        Some("COMPACT") => Transformation::Compact,
        Some("FLATTEN") => Transformation::Flatten,
        _ => Transformation::None,
    };
    let lines = one_of(fields, "OutputType", &["JSON", "JSONL"]) == Some("JSONL");
    Some(WriterConfig { transformation, lines })
}
