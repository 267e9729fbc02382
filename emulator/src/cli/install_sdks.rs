//! `tule install-sdks`: what AWS's runtimes bring and local processes lack, boto3 and the SDK for JavaScript v3.
//!
//! `tule up` does the same for the runtimes that its template uses. Nothing else installs anything.

use std::process::ExitCode;

use crate::deploy::install;

pub(crate) async fn run() -> Result<ExitCode, String> {
    let mut failures = Vec::new();
    for (name, python) in [("boto3 for Python", true), ("the AWS SDK v3 for Node.js", false)] {
        match install::install_sdk(python).await {
            Ok(folder) => println!("{name} is in {}", folder.display()),
            Err(problem) => failures.push(format!("{name}: {problem}")),
        }
    }
    if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(failures.join("\n       ")) }
}
