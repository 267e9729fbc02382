//! Reading the items of a Map Run: from the state's input, from objects of S3, or from a list of such objects.

use std::io::Read as _;

use asl::{
    Definition, Failure, Payload,
    definition::distributed::{Delimiter, InputType, ItemSource, ReaderConfig},
    map_run::{ChildInput, Inputs, Item, Items, MapRunSignal, MapRunSpec, ReadItems},
};
use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{Body, Scope};
use serde_json::{Map, Value, json};
use store::Batch;

use super::{
    actor::Actor,
    csv::{self, Rows},
    inputs::PageWriter,
    s3,
};
use crate::{errors, records, service::Inner};

/// How many bytes of inputs a trial keeps at most.
const MOST_TRIED: usize = 10 * 1024 * 1024;

/// Why items could not be read.
enum ReadError {
    /// The state fails.
    Failure(Failure),
    /// What was read could not be stored.
    Storage(ServiceError),
}

impl From<Failure> for ReadError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<ServiceError> for ReadError {
    fn from(error: ServiceError) -> Self {
        Self::Storage(error)
    }
}

fn failed(cause: impl Into<String>) -> ReadError {
    ReadError::Failure(Failure::item_reader(cause))
}

/// Reads all items, and stores the inputs they make.
pub(super) async fn items(actor: &Actor) -> Result<MapRunSignal, ServiceError> {
    let (inner, run) = (&*actor.inner, &*actor.run);
    // What an attempt before left is of no use.
    let mut batch = Batch::new();
    batch.delete_prefix(records::MAP_INPUTS, run.key.key());
    inner.store.commit(batch).await.map_err(errors::storage)?;
    let mut reader = Reader {
        inner,
        scope: &run.key.scope,
        spec: &run.spec,
        inputs: Inputs::new(&run.revision.definition, &run.spec, "STATE_DATA"),
        made: Made::Stored(PageWriter::new(&inner.store, &run.key)),
        data: None,
        most: None,
    };
    match reader.all().await {
        Ok(()) => {}
        Err(ReadError::Failure(failure)) => return Ok(MapRunSignal::ItemsReadFailed(failure)),
        Err(ReadError::Storage(error)) => return Err(error),
    }
    let (children, items) = match reader.made {
        Made::Stored(pages) => pages.finish().await?,
        Made::Kept(tried) => (tried.inputs.len() as u64, tried.items),
    };
    let record = {
        let mut state = run.state();
        state.record.read = Some((children, items));
        state.record.clone()
    };
    let mut batch = Batch::new();
    batch.put(records::MAP_RUNS, run.key.key(), records::write(&record)?);
    inner.store.commit(batch).await.map_err(errors::storage)?;
    Ok(MapRunSignal::ItemsRead { children, items })
}

/// What a Map that is only tested would run over.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    /// The inputs of its children.
    pub(crate) inputs: Vec<Payload>,
    /// How many items are in them.
    pub(crate) items: u64,
    /// What ItemsPointer points at, if there is one.
    pub(crate) pointed: Option<Value>,
    bytes: usize,
}

/// Reads the items of a Map that is tested. What its ItemReader would get first is given as `data`.
pub(crate) async fn tried(
    inner: &Inner,
    scope: &Scope,
    definition: &Definition,
    spec: &MapRunSpec,
    data: Option<&str>,
    context: Option<&Value>,
) -> Result<Result<Tried, Failure>, ServiceError> {
    let mut inputs = Inputs::new(definition, spec, "STATE_DATA");
    inputs.see_context(context);
    let made = Made::Kept(Tried::default());
    let mut reader = Reader { inner, scope, spec, inputs, made, data, most: None };
    match (reader.all().await, reader.made) {
        (Ok(()), Made::Kept(tried)) => Ok(Ok(tried)),
        // A trial is kept, never stored.
        (Ok(()), Made::Stored(_)) => Ok(Ok(Tried::default())),
        (Err(ReadError::Failure(failure)), _) => Ok(Err(failure)),
        (Err(ReadError::Storage(error)), _) => Err(error),
    }
}

/// Where the inputs of children go.
enum Made<'r> {
    Stored(PageWriter<'r>),
    Kept(Tried),
}

impl Made<'_> {
    async fn add(&mut self, input: ChildInput) -> Result<(), ReadError> {
        match self {
            Self::Stored(pages) => pages.add(input).await?,
            Self::Kept(tried) => {
                tried.items += input.items;
                tried.bytes += input.input.text().len();
                if tried.bytes > MOST_TRIED {
                    let cause = format!("The items of a test have more than {MOST_TRIED} bytes.");
                    return Err(failed(cause));
                }
                tried.inputs.push(input.input);
            }
        }
        Ok(())
    }
}

struct Reader<'r> {
    inner: &'r Inner,
    scope: &'r Scope,
    spec: &'r MapRunSpec,
    inputs: Inputs<'r>,
    made: Made<'r>,
    /// What a test gives in place of what the ItemReader's call would get.
    data: Option<&'r str>,
    /// The most items to take.
    most: Option<u64>,
}

impl Reader<'_> {
    async fn all(&mut self) -> Result<(), ReadError> {
        match &self.spec.items {
            Items::Given(given) => self.json(given.value().clone()).await?,
            Items::Read(read) => {
                self.most = read.max_items;
                match read.source {
                    ItemSource::GetObject => self.object(read).await?,
                    ItemSource::ListObjectsV2 => self.listing(read).await?,
                }
            }
        }
        while let Some(input) = self.inputs.finish()? {
            self.made.add(input).await?;
        }
        Ok(())
    }

    /// Takes an item; whether more are wanted.
    async fn take(&mut self, item: Item) -> Result<bool, ReadError> {
        if let Some(input) = self.inputs.take(item)? {
            self.made.add(input).await?;
        }
        Ok(self.wanted())
    }

    fn wanted(&self) -> bool {
        self.most.is_none_or(|most| (self.inputs.taken() as u64) < most)
    }

    fn arguments(read: &ReadItems) -> Result<Map<String, Value>, ReadError> {
        match read.arguments.value() {
            Value::Object(members) => Ok(members.clone()),
            _ => Err(failed("The parameters of the ItemReader must be an object")),
        }
    }

    async fn object(&mut self, read: &ReadItems) -> Result<(), ReadError> {
        let arguments = Self::arguments(read)?;
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let (bucket, key) = (text("Bucket"), text("Key"));
        let content = match self.data {
            Some(data) => Bytes::copy_from_slice(data.as_bytes()),
            None => s3::object(self.inner, self.scope, arguments).await.map_err(failed)?,
        };
        if read.config.athena_manifest {
            return self.athena(&content, &read.config).await;
        }
        if read.config.format == Some(InputType::Manifest) {
            return self.inventory(&content).await;
        }
        self.content(&bucket, &key, &content, &read.config).await
    }

    /// The items in an object.
    async fn content(
        &mut self,
        bucket: &str,
        key: &str,
        content: &Bytes,
        config: &ReaderConfig,
    ) -> Result<(), ReadError> {
        self.inputs.come_from(format!("S3://{bucket}/{key}"));
        let unzipped;
        let content = if content.starts_with(&[0x1F, 0x8B]) {
            unzipped = unzip(content)?;
            &unzipped[..]
        } else {
            &content[..]
        };
        let text = || std::str::from_utf8(content).map_err(|_| failed("The data is not encoded in UTF-8."));
        match config.format {
            Some(InputType::Csv) => self.csv(text()?, config).await,
            Some(InputType::JsonLines) => self.lines(text()?).await,
            Some(InputType::Json | InputType::Manifest) | None => {
                let value: Value = serde_json::from_slice(content)
                    .map_err(|error| failed(format!("Unable to parse the data as JSON: {error}")))?;
                let pointer = config.items_pointer.as_deref().unwrap_or("");
                let found = value.pointer(pointer).cloned();
                let found = found.ok_or_else(|| {
                    failed(format!("The ItemsPointer '{pointer}' does not point at a value of the data."))
                })?;
                if let (Made::Kept(tried), Some(_)) = (&mut self.made, &config.items_pointer) {
                    tried.pointed = Some(found.clone());
                }
                self.json(found).await
            }
        }
    }

    /// The items of an array, or the members of an object.
    async fn json(&mut self, value: Value) -> Result<(), ReadError> {
        match value {
            Value::Array(items) => {
                for value in items {
                    if !self.wanted() || !self.take(Item { key: None, value }).await? {
                        break;
                    }
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    if !self.wanted() || !self.take(Item { key: Some(key), value }).await? {
                        break;
                    }
                }
            }
            _ => return Err(failed("Attempting to map over non-iterable node.")),
        }
        Ok(())
    }

    async fn lines(&mut self, text: &str) -> Result<(), ReadError> {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let value = serde_json::from_str(line)
                .map_err(|error| failed(format!("Unable to parse a line of the data as JSON: {error}")))?;
            if !self.take(Item { key: None, value }).await? {
                break;
            }
        }
        Ok(())
    }

    async fn csv(&mut self, text: &str, config: &ReaderConfig) -> Result<(), ReadError> {
        let mut rows = Rows::new(text, delimiter(config.delimiter));
        let header = match &config.headers {
            Some(headers) => headers.clone(),
            None => rows.next().unwrap_or_default(),
        };
        let header = csv::header(header)?;
        for row in rows {
            if !self.wanted() || !self.take(csv::object(&header, row)).await? {
                break;
            }
        }
        Ok(())
    }

    /// The objects that a manifest of Athena's UNLOAD lists, a line each: `s3://bucket/key`.
    async fn athena(&mut self, manifest: &Bytes, config: &ReaderConfig) -> Result<(), ReadError> {
        let text = String::from_utf8_lossy(manifest).into_owned();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let place = line.strip_prefix("s3://").and_then(|place| place.split_once('/'));
            let (bucket, key) = place.ok_or_else(|| failed("The manifest lists what is not an S3 URI."))?;
            self.file(bucket, key, config).await?;
            if !self.wanted() {
                break;
            }
        }
        Ok(())
    }

    async fn file(&mut self, bucket: &str, key: &str, config: &ReaderConfig) -> Result<(), ReadError> {
        let members = object(json!({ "Bucket": bucket, "Key": key }));
        let content = s3::object(self.inner, self.scope, members).await.map_err(failed)?;
        self.content(bucket, key, &content, config).await
    }

    /// The rows of the files that an S3 inventory's manifest lists; its schema names the columns.
    async fn inventory(&mut self, manifest: &Bytes) -> Result<(), ReadError> {
        let manifest: Value = serde_json::from_slice(manifest)
            .map_err(|error| failed(format!("Unable to parse the manifest as JSON: {error}")))?;
        let text = |name: &str| manifest.get(name).and_then(Value::as_str).unwrap_or("");
        if text("fileFormat") != "CSV" {
            return Err(failed(format!(
                "The inventory's file format '{}' is not supported, only CSV is.",
                text("fileFormat")
            )));
        }
        let bucket = text("destinationBucket");
        let bucket = bucket.rsplit(":::").next().unwrap_or(bucket);
        let headers = text("fileSchema").split(',').map(|name| name.trim().to_owned()).collect();
        let config =
            ReaderConfig { format: Some(InputType::Csv), headers: Some(headers), ..ReaderConfig::default() };
        let files = manifest.get("files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for file in files {
            let key = file.get("key").and_then(Value::as_str).unwrap_or("");
            self.file(bucket, key, &config).await?;
            if !self.wanted() {
                break;
            }
        }
        Ok(())
    }

    /// The objects of a bucket, or what is in them.
    async fn listing(&mut self, read: &ReadItems) -> Result<(), ReadError> {
        let mut arguments = Self::arguments(read)?;
        let bucket = arguments.get("Bucket").and_then(Value::as_str).unwrap_or("").to_owned();
        self.inputs.come_from(format!("S3://{bucket}"));
        if let Some(data) = self.data {
            return self.listing_given(&bucket, data, &read.config).await;
        }
        loop {
            let page = s3::call(self.inner, self.scope, "ListObjectsV2", arguments.clone(), Body::Empty);
            let page = page.await.map_err(failed)?.members;
            let contents = page.get("Contents").and_then(Value::as_array).cloned().unwrap_or_default();
            for found in contents {
                if !self.wanted() {
                    return Ok(());
                }
                if read.config.flatten {
                    let key = found.get("Key").and_then(Value::as_str).unwrap_or("").to_owned();
                    // A folder's own entry holds nothing.
                    if !key.ends_with('/') {
                        self.file(&bucket, &key, &read.config).await?;
                    }
                } else {
                    self.take(Item { key: None, value: listed(&found) }).await?;
                }
            }
            let Some(next) = page.get("NextContinuationToken").filter(|next| next.is_string()) else {
                return Ok(());
            };
            arguments.insert("ContinuationToken".into(), next.clone());
        }
    }
}

impl Reader<'_> {
    /// What a test gives for a listing: the listed objects, or ListObjectsV2's answer. With LOAD_AND_FLATTEN it is what
    /// is in the objects.
    async fn listing_given(
        &mut self,
        bucket: &str,
        data: &str,
        config: &ReaderConfig,
    ) -> Result<(), ReadError> {
        let content = Bytes::copy_from_slice(data.as_bytes());
        if config.flatten {
            return self.content(bucket, "", &content, config).await;
        }
        let mut value: Value = serde_json::from_slice(&content)
            .map_err(|error| failed(format!("Unable to parse the data as JSON: {error}")))?;
        if let Some(Value::Array(contents)) = value.get("Contents") {
            value = contents.iter().map(listed).collect();
        }
        self.json(value).await
    }
}

/// An object of a listing, as the language shows it.
fn listed(found: &Value) -> Value {
    let mut item = Map::new();
    let mut put = |shown: &str, name: &str| {
        if let Some(value) = found.get(name).filter(|value| !value.is_null()) {
            item.insert(shown.to_owned(), value.clone());
        }
    };
    put("Etag", "ETag");
    put("LastModified", "LastModified");
    put("Key", "Key");
    put("Size", "Size");
    put("StorageClass", "StorageClass");
    if let Some(Value::Number(seconds)) = item.get("LastModified") {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since the epoch")]
        let whole = seconds.as_f64().unwrap_or(0.0) as i64;
        item.insert("LastModified".into(), json!(whole));
    }
    Value::Object(item)
}

/// What is unzipped is not longer than what is read at most otherwise.
fn unzip(content: &[u8]) -> Result<Vec<u8>, ReadError> {
    const MOST: u64 = 256 * 1024 * 1024;
    let mut unzipped = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(content).take(MOST + 1).read_to_end(&mut unzipped);
    match read {
        Ok(length) if length as u64 <= MOST => Ok(unzipped),
        Ok(_) => Err(failed(format!("The data has more than {MOST} bytes."))),
        Err(error) => Err(failed(format!("The data could not be unzipped: {error}"))),
    }
}

fn delimiter(delimiter: Delimiter) -> char {
    match delimiter {
        Delimiter::Comma => ',',
        Delimiter::Pipe => '|',
        Delimiter::Semicolon => ';',
        Delimiter::Space => ' ',
        Delimiter::Tab => '\t',
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
