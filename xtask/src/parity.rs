//! `cargo xtask parity --replay FILE --cases FOLDER`: replays answers recorded from AWS, and holds the floors.
//!
//! The passed count of each area stands in `parity/floors.json` and may only rise: fewer is a failure, more is written
//! with `--bless`.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Map, Value};

use crate::Failure;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The replay program.
    #[arg(long, default_value = "../shared/parity/replay.py")]
    replay: PathBuf,
    /// The recorded cases.
    #[arg(long, default_value = "../shared/parity/cases")]
    cases: PathBuf,
    /// Write the counts found as the new floors, where they are higher.
    #[arg(long)]
    bless: bool,
    /// Only this service's cases.
    #[arg(long)]
    service: Option<String>,
}

const SERVICES: &[&str] = &["stepfunctions", "lambda", "apigateway"];

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = crate::root();
    let floors_path = root.join("parity/floors.json");
    let mut floors: Map<String, Value> =
        fs::read(&floors_path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let mut below = Vec::new();
    let mut total = (0, 0);
    for service in
        SERVICES.iter().filter(|service| arguments.service.as_deref().is_none_or(|only| only == **service))
    {
        let floor_of = |area: &str| floors.get(area).and_then(Value::as_u64).unwrap_or(0);
        let mut counts = replay(&root, arguments, service)?;
        if counts.iter().any(|(area, (passed, _))| *passed < floor_of(area)) {
            // Cases wait for real time, and a machine may be busy: what fails twice has failed.
            for (area, again) in replay(&root, arguments, service)? {
                let best = counts.entry(area).or_insert(again);
                *best = (*best).max(again);
            }
        }
        for (area, (passed, failed)) in counts {
            total = (total.0 + passed, total.1 + failed);
            let floor = floors.get(&area).and_then(Value::as_u64).unwrap_or(0);
            if passed < floor {
                below.push(format!("{area}: {passed} passed, and the floor is {floor}"));
            } else if arguments.bless {
                floors.insert(area, Value::from(passed));
            }
        }
    }
    println!("parity: {} of {} recorded cases", total.0, total.0 + total.1);
    if arguments.bless {
        floors.sort_keys();
        fs::create_dir_all(root.join("parity"))?;
        fs::write(&floors_path, serde_json::to_string_pretty(&floors)? + "\n")?;
    }
    if below.is_empty() { Ok(()) } else { Err(below.join("\n       ").into()) }
}

/// A Tule that ends with the replay.
struct Tule(Child);

impl Drop for Tule {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Counts = BTreeMap<String, (u64, u64)>;

fn replay(root: &Path, arguments: &Arguments, service: &str) -> Result<Counts, Failure> {
    // Cases that list everything want a fresh account, so each service gets a Tule of its own.
    let binary = ["release", "debug"].iter().map(|profile| root.join("target").join(profile).join("tule"));
    let binary =
        binary.into_iter().find(|path| path.is_file()).ok_or("tule is not built: cargo build --release")?;
    let mut child = Command::new(binary)
        .args(["start", "--port", "0", "--executor", "process"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("tule has no output")?).lines();
    let _tule = Tule(child);
    let first = lines.next().ok_or("tule said nothing")??;
    let endpoint =
        first.split_whitespace().find(|word| word.starts_with("http://")).ok_or("tule names no endpoint")?;
    for line in lines.by_ref() {
        if line? == "Ready." {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    let python = root.join("target/clients/python/bin/python");
    let python = if python.is_file() { python } else { PathBuf::from("python3") };
    let output = Command::new(python)
        .arg(root.join(&arguments.replay))
        .args(["--endpoint", endpoint, "--quiet", "--cases"])
        .arg(root.join(&arguments.cases).join(service))
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut counts = Counts::new();
    for line in text.lines().filter(|line| line.starts_with(&format!("{service}/"))) {
        let Some((area, rest)) = line.split_once(": ") else { continue };
        let numbers: Vec<u64> = rest.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if let [passed, failed] = numbers[..] {
            println!("{line}");
            counts.insert(area.to_owned(), (passed, failed));
        }
    }
    if counts.is_empty() {
        return Err(format!("the replay of {service} gave no counts:\n{text}").into());
    }
    Ok(counts)
}
