//! What Python functions see and write: AWS's own client in containers, ours in local processes.

use serde_json::{Value, json};

use super::{Rig, tail, value};

/// Python knows byte code by a file's path, time and size, which files of other layers have too.
pub async fn layers_whose_files_look_alike_are_told_apart(rig: &Rig) {
    let source = "import ml\ndef handler(event, context):\n    return ml.value\n";
    let mut layers = Vec::new();
    for number in 1..=3 {
        let file = format!("value = {number}\n");
        layers.push(rig.layer("l", &[("python/ml.py", &file)]).await);
    }
    for (name, layer) in ["one", "two"].into_iter().zip(&layers) {
        rig.create(name, "python3.11", &[("index.py", source)], json!({"Layers": [layer]})).await;
    }
    let found = async |name: &str| value(&rig.invoke(name, json!(null)).await);
    assert_eq!([found("one").await, found("two").await], [1, 2]);
    rig.settled("one").await;
    rig.call("UpdateFunctionConfiguration", json!({"FunctionName": "one", "Layers": [layers[2]]}))
        .await
        .unwrap();
    assert_eq!(found("one").await, 3);
}

pub async fn what_was_printed_is_kept_however_it_ends(rig: &Rig) {
    let source = "import os, sys\ndef handler(event, context):\n    print('part of a line', end='')\n    \
        sys.exit('a last word') if event else os._exit(2)\n";
    rig.python("f", source).await;
    let ended = tail(&rig.invoke("f", json!(false)).await);
    assert!(ended.contains("part of a line"), "{ended}");
    let left = rig.invoke("f", json!(true)).await;
    assert!(tail(&left).contains("a last word"), "{}", tail(&left));
    let message = value(&left)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.ends_with("Runtime exited with error: exit status 1"), "{message}");
}

pub async fn decimals_keep_their_digits(rig: &Rig) {
    let source = "from decimal import Decimal\ndef handler(event, context):\n    \
        return {'price': Decimal('1.10'), 'many': [Decimal('12345678901234567890.123'), Decimal(3), Decimal('NaN')], 's': '1.10'}\n";
    rig.python("f", source).await;
    let answer = rig.invoke("f", json!(null)).await;
    let expected = r#"{"price": 1.10, "many": [12345678901234567890.123, 3, NaN], "s": "1.10"}"#;
    assert_eq!(String::from_utf8_lossy(&answer.payload), expected);
}

pub async fn json_logs_hold_what_was_logged(rig: &Rig) {
    let source = "import logging\nlog = logging.getLogger('own')\ndef handler(event, context):\n    log.error({'x': 1})\n    \
        try:\n        raise KeyError('k')\n    except KeyError:\n        log.exception('it %s', 'failed', extra={'order': 7, 'none': None})\n";
    rig.create("f", "python3.11", &[("index.py", source)], json!({"LoggingConfig": {"LogFormat": "JSON"}}))
        .await;
    let outcome = rig.invoke("f", json!(null)).await;
    let said = rig.lines.of("f");
    let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let logged: Vec<&Value> = lines.iter().filter(|line| line["logger"] == "own").collect();
    let [plain, failed] = &logged[..] else { panic!("{said} {outcome:?}") };
    assert_eq!((&plain["message"], &plain["level"]), (&json!({"x": 1}), &json!("ERROR")));
    assert_eq!((&failed["message"], &failed["order"]), (&json!("it failed"), &json!(7)));
    assert_eq!((&failed["errorType"], &failed["errorMessage"]), (&json!("KeyError"), &json!("'k'")));
    assert_eq!(failed["location"], "/var/task/index.py:handler:8", "where it was logged");
    let trace = "  File \"/var/task/index.py\", line 6, in handler\n    raise KeyError('k')\n";
    assert_eq!(failed["stackTrace"], json!([trace]));
    assert!(failed.get("none").is_none() && failed["requestId"].is_string(), "{failed}");
}

pub async fn errors_at_the_start_come_with_awss_warning(rig: &Rig) {
    rig.python("f", "raise Exception('early')\n").await;
    let failed = rig.invoke("f", json!(null)).await;
    assert_eq!(value(&failed)["errorMessage"], "early");
    let said = rig.lines.of("f");
    let (warning, error) =
        (said.find("[WARNING]\t").unwrap(), said.find("[ERROR] Exception: early").unwrap());
    assert!(
        warning < error && said.contains("\tLAMBDA_WARNING: Unhandled exception. The most likely cause is"),
        "{said}"
    );
}

/// These, with the executor that `rig` starts.
#[macro_export]
macro_rules! python_contract {
    ($rig:expr) => {
        $crate::contract! { python $rig;
            layers_whose_files_look_alike_are_told_apart,
            what_was_printed_is_kept_however_it_ends,
            decimals_keep_their_digits,
            json_logs_hold_what_was_logged,
            errors_at_the_start_come_with_awss_warning,
        }
    };
}
