//! Any document is an API or refused: REST and HTTP.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = apigw_shim::examine_openapi(text);
});
