//! `cargo xtask fuzz`: builds the programs of `fuzz/` with coverage, and lets each look for inputs that panic, hang or
//! fill the memory. What they start from are the fixtures; what they find is kept below `target/fuzz`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::Failure;

/// What libFuzzer needs of the compiler, as cargo-fuzz sets it; stable compilers have it all.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds for each program.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only these programs.
    only: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = crate::root();
    let target = root.join("target/fuzz");
    let host = host()?;
    let built = crate::cargo()
        .args(["build", "--release", "--target", &host])
        .current_dir(root.join("fuzz"))
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", FLAGS)
        .status()?;
    if !built.success() {
        return Err("the fuzz programs do not build".into());
    }
    let mut names: Vec<String> = fs::read_dir(root.join("fuzz/targets"))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| arguments.only.is_empty() || arguments.only.contains(name))
        .collect();
    names.sort();
    if names.is_empty() {
        return Err("there is no such program".into());
    }
    for name in names {
        let corpus = target.join("corpus").join(&name);
        seed(&root, &name, &corpus)?;
        let found = target.join("found");
        fs::create_dir_all(&found)?;
        println!("{name}: {} seeds, {} s", fs::read_dir(&corpus)?.count(), arguments.seconds);
        let done = Command::new(target.join(&host).join("release").join(&name))
            .arg(&corpus)
            .arg(format!("-max_total_time={}", arguments.seconds))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-verbosity=0"])
            .arg(format!("-artifact_prefix={}/{name}-", found.display()))
            .status()?;
        if !done.success() {
            return Err(format!("{name} found an input; it is in {}", found.display()).into());
        }
    }
    Ok(())
}

/// The compiler's own target, named so that build scripts are not built with coverage.
fn host() -> Result<String, Failure> {
    let said = String::from_utf8(Command::new("rustc").arg("-vV").output()?.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not say its host")?.to_owned())
}

/// Writes what a program starts from, once.
fn seed(root: &Path, name: &str, corpus: &Path) -> Result<(), Failure> {
    if corpus.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(corpus)?;
    for (number, text) in seeds(root, name)?.into_iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), text)?;
    }
    Ok(())
}

fn seeds(root: &Path, name: &str) -> Result<BTreeSet<String>, Failure> {
    let fixtures = root.join("fixtures");
    Ok(match name {
        "definition" => definitions(&fixtures.join("asl"))?,
        "intrinsic" => {
            let texts = definitions(&fixtures.join("asl"))?;
            let calls = texts.iter().flat_map(|text| text.split("States.").skip(1));
            calls.filter_map(|call| call.split('"').next()).map(str::to_owned).collect()
        }
        "jsonata" => texts(&fixtures.join("jsonata/aws.json"), &["expr"])?,
        "jsonpath" => texts(&fixtures.join("jsonpath/jayway.json"), &["path"])?,
        "openapi" => {
            let folder = fixtures.join("apis/openapi");
            let files = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
            files
                .filter(|path| path.extension().is_some_and(|kind| kind != "md"))
                .map(fs::read_to_string)
                .collect::<Result<_, _>>()?
        }
        "template" => BTreeSet::from([fs::read_to_string(fixtures.join("apps/orders/template.yaml"))?]),
        "vtl" => {
            let mut found = texts(&fixtures.join("vtl/aws.json"), &["template"])?;
            found.extend(texts(&fixtures.join("vtl/velocity.json"), &["template"])?);
            found
        }
        "wire" => requests(),
        _ => BTreeSet::new(),
    })
}

/// Every definition of the cases below `folder`.
fn definitions(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let definition =
                text.split("```json definition\n").nth(1).and_then(|rest| rest.split("\n```").next());
            found.extend(definition.map(|text| format!("{text}\0\u{1}\u{9}\u{11}\u{19}\u{7}\u{f}")));
        }
    }
    Ok(found)
}

/// Every text under one of `keys`, anywhere in a file.
fn texts(path: &Path, keys: &[&str]) -> Result<BTreeSet<String>, Failure> {
    fn walk(value: &Value, keys: &[&str], found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, keys, found)),
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if keys.contains(&name.as_str()) => {
                            found.insert(text.clone());
                        }
                        other => walk(other, keys, found),
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(&serde_json::from_str(&fs::read_to_string(path)?)?, keys, &mut found);
    Ok(found)
}

/// One request of each protocol.
fn requests() -> BTreeSet<String> {
    let signed = |service: &str| {
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
        )
    };
    BTreeSet::from([
        format!(
            "POST /\nx-amz-target: AWSStepFunctions.StartExecution\n{}\n\n{{\"stateMachineArn\": \"a\", \"input\": \"{{}}\"}}",
            signed("states")
        ),
        format!("POST /2015-03-31/functions/f/invocations?Qualifier=1\n{}\n\n{{}}", signed("lambda")),
        format!(
            "POST /2015-03-31/functions\n{}\n\n{{\"FunctionName\": \"f\", \"Code\": {{\"ZipFile\": \"eA==\"}}}}",
            signed("lambda")
        ),
        format!("POST /\n{}\n\nAction=GetCallerIdentity&Version=2011-06-15", signed("sts")),
        format!(
            "PUT /bucket/a%20key?partNumber=1&uploadId=x\n{}\nx-amz-meta-a: b\n\n5;chunk-signature=0\r\nhello\r\n0\r\n\r\n",
            signed("s3")
        ),
        format!(
            "PATCH /restapis/x/stages/y\n{}\n\n{{\"patchOperations\": [{{\"op\": \"add\"}}]}}",
            signed("apigateway")
        ),
    ])
}
