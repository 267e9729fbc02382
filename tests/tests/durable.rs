//! Durable functions with AWS's own SDKs inside: AWS's requirements, a crash in the middle, and what people do with
//! executions.

use e2e::{Tule, client, has_docker, root, skip_or_fail};

/// Whether the SDKs are installed.
fn has_sdks() -> bool {
    let clients = root().join("target/clients");
    let here = ["durable-python", "durable-node"].iter().all(|folder| clients.join(folder).is_dir());
    if !here {
        skip_or_fail("the SDKs of durable functions are not installed; `cargo xtask test` does that");
    }
    here
}

/// Runs AWS's requirements: `what` names a language, and suites of which `count` requirements have handlers.
fn conforms(what: &[&str], count: usize) {
    conforms_in("process", what, count);
}

fn conforms_in(executor: &str, what: &[&str], count: usize) {
    if !has_sdks() {
        return;
    }
    let tule = Tule::start(&["--executor", executor]);
    let arguments = [&["durable/conformance.py"], what].concat();
    if let Some(said) = client(&tule, "python", &arguments) {
        assert!(said.contains(&format!("{count} of {count} requirements passed")), "{said}");
    }
}

#[test]
fn steps_waits_and_child_contexts_conform_in_python() {
    conforms(&["python", "1", "2", "3"], 43);
}

#[test]
fn callbacks_invocations_and_conditions_conform_in_python() {
    conforms(&["python", "4", "5", "6", "7"], 63);
}

#[test]
fn branches_maps_and_plugins_conform_in_python() {
    conforms(&["python", "8", "9", "10"], 49);
}

#[test]
fn every_kind_of_operation_conforms_in_javascript() {
    conforms(&["node"], 33);
}

/// A few of each kind, a process that ends in the middle among them.
#[test]
fn durable_functions_conform_in_containers() {
    if has_docker() {
        let python = ["1-1", "1-18", "2-1", "3-12", "4-1", "5-1", "6-1", "7-1", "8-1", "9-1"];
        conforms_in("docker", &[&["python"], &python[..]].concat(), python.len());
        let node = ["1-1", "2-1", "3-1", "4-1", "5-1", "8-1"];
        conforms_in("docker", &[&["node"], &node[..]].concat(), node.len());
    }
}

#[test]
fn executions_survive_a_crash_in_every_kind_of_wait() {
    if !has_sdks() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let data = folder.path().to_str().expect("its path is text");
    let start = || Tule::start(&["--executor", "process", "--data-dir", data]);
    let tule = start();
    let begun = client(&tule, "python", &["durable/crash.py", "begin"]);
    tule.kill();
    let Some(state) = begun else { return };
    let state = state.lines().last().expect("it says where the executions are");
    let said = client(&start(), "python", &["durable/crash.py", "finish", state]);
    assert!(said.is_some_and(|said| said.contains("all ended as they should")));
}

#[test]
fn executions_are_paused_stopped_listed_and_deleted() {
    if !has_sdks() {
        return;
    }
    let tule = Tule::start(&["--executor", "process"]);
    if let Some(said) = client(&tule, "python", &["durable/control.py"]) {
        assert_eq!(said.matches("as it should be").count(), 5, "{said}");
    }
}
