//! Any template is planned or refused.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use templates::{PseudoParameters, Template};

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse(text) else { return };
    let pseudo = PseudoParameters {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        stack: "s".into(),
        zones: |region| vec![format!("{region}a"), format!("{region}b")],
    };
    let read = |_: &str| Ok("{}".to_owned());
    let Ok(plan) = template.plan(&pseudo, &BTreeMap::new(), &read, &|_| true) else { return };
    let mut known = plan.known.clone();
    for step in &plan.steps {
        let _ = step.calls(&known);
        let _ = step.made(&BTreeMap::new(), &mut known);
    }
    let _ = plan.outputs(&known);
});
