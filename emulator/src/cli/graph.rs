//! `tule graph DEFINITION`: draws a state machine as SVG. It needs no running Tule.

use std::{path::PathBuf, process::ExitCode};

use asl::{
    Definition, Severity,
    layout::{Layout, Progress, svg},
};
use clap::Args;

use super::invoke::read_value;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The definition of a state machine: a file, or - for standard input.
    definition: String,
    /// The file to write; without it the picture goes to standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let text = match arguments.definition.as_str() {
        "-" => read_value("-")?,
        path => read_value(&format!("@{path}"))?,
    };
    let picture = draw(&text, None)?;
    match &arguments.output {
        Some(path) => write(path, &picture)?,
        None => print!("{picture}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The picture of a definition, with what became of its states in an execution.
pub(crate) fn draw(definition: &str, progress: Option<&Progress>) -> Result<String, String> {
    let (parsed, diagnostics) = Definition::parse(definition, false);
    let parsed = parsed.ok_or_else(|| {
        let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
        format!(
            "the definition cannot be drawn: {}",
            errors.map(ToString::to_string).collect::<Vec<_>>().join("; ")
        )
    })?;
    Ok(svg(&Layout::of(&parsed), progress))
}

pub(crate) fn write(path: &std::path::Path, picture: &str) -> Result<(), String> {
    std::fs::write(path, picture).map_err(|error| format!("{}: {error}", path.display()))
}
