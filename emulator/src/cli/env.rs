//! `tule env`: what a shell needs for AWS's clients to talk to Tule.

use clap::{Args, ValueEnum};

use crate::config::PORT;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where Tule listens.
    #[arg(long, env = "TULE_ENDPOINT", default_value_t = format!("http://127.0.0.1:{PORT}"))]
    endpoint: String,
    /// The region to export.
    #[arg(long, env = "TULE_REGION", default_value = "us-east-1")]
    region: String,
    /// The shell's language (default: by $SHELL).
    #[arg(long, value_enum)]
    shell: Option<Shell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Posix,
    Fish,
    Powershell,
}

pub(crate) fn run(arguments: &Arguments) {
    let shell = arguments.shell.unwrap_or_else(detected);
    print!("{}", exports(&arguments.endpoint, &arguments.region, shell));
}

fn detected() -> Shell {
    let shell = std::env::var("SHELL").unwrap_or_default();
    match () {
        () if shell.ends_with("fish") => Shell::Fish,
        () if shell.is_empty() && cfg!(windows) => Shell::Powershell,
        () => Shell::Posix,
    }
}

fn exports(endpoint: &str, region: &str, shell: Shell) -> String {
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ];
    // What is printed is run by the shell: a quote in a value must not end its text.
    let line = |(name, value): (&str, &str)| match shell {
        Shell::Posix => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
        Shell::Fish => {
            format!("set -gx {name} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'"))
        }
        Shell::Powershell => format!("$Env:{name} = '{}'\n", value.replace('\'', "''")),
    };
    variables.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_its_own_words() {
        let first = |shell| exports("http://h:1", "r", shell).lines().next().map(str::to_owned).unwrap();
        assert_eq!(first(Shell::Posix), "export AWS_ENDPOINT_URL='http://h:1'");
        assert_eq!(first(Shell::Fish), "set -gx AWS_ENDPOINT_URL 'http://h:1'");
        assert_eq!(first(Shell::Powershell), "$Env:AWS_ENDPOINT_URL = 'http://h:1'");
        let quoted = exports("h'; x", "r", Shell::Posix);
        assert!(quoted.starts_with("export AWS_ENDPOINT_URL='h'\\''; x'"), "{quoted}");
    }
}
