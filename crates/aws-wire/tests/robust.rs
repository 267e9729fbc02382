//! Whatever a client sends, it is answered: nothing here panics, whatever the method, path, query, headers and body.

use aws_wire::{
    Arn, BodyNeed, Credential, PageToken, aws_chunked, body_need, decode, identify, sigv4, validate,
};
use http::request::Parts;
use proptest::prelude::*;

/// What signatures are held against.
const CHECK: sigv4::Check<'static> =
    sigv4::Check { secret: "test", body_hash: Some("00"), now: 1_440_938_160, dialect: sigv4::Dialect::Json };

/// A part of a URL as clients, proxies and attackers write it; bytes that no URL holds are left to the HTTP server.
fn url_text() -> impl Strategy<Value = String> {
    "([a-zA-Z0-9_.~:+$,-]{0,12}|%[0-9a-fA-F]{2}|%|/|//|;|@|%C3%28|[éß☃]){0,8}"
        .prop_map(|text| text.chars().filter(char::is_ascii).collect())
}

fn value_text() -> impl Strategy<Value = String> {
    prop_oneof![
        url_text(),
        "[0-9]{1,25}",
        Just("true".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("2026-01-01T00:00:00Z".to_owned()),
        Just("9999999-01-01".to_owned()),
    ]
}

/// Every operation of every model.
fn operations() -> Vec<(&'static aws_model::ServiceModel, &'static aws_model::Operation)> {
    let models = aws_model::NAMES.iter().filter_map(|name| aws_model::service(name));
    models.flat_map(|model| model.operations.iter().map(move |operation| (model, operation))).collect()
}

/// The names that an operation's members have on the wire, so that bodies, queries and headers hit them.
fn member_names(model: &aws_model::ServiceModel, operation: &aws_model::Operation) -> Vec<String> {
    let input = operation.input.map(|input| &model.shape(input).kind);
    let Some(aws_model::ShapeKind::Structure(input)) = input else { return vec!["a".to_owned()] };
    let mut names: Vec<String> = input.fields.iter().map(|field| field.wire_name.clone()).collect();
    names.push("a".to_owned());
    names
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        value_text().prop_map(Value::from),
        Just(json!("\u{0}\u{ffff}")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-zA-Z:é]{0,8}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// What a request is made of beside its operation.
#[derive(Debug, Clone)]
struct Noise {
    labels: Vec<String>,
    pairs: Vec<(prop::sample::Index, String)>,
    values: Vec<(prop::sample::Index, serde_json::Value)>,
    body: Option<Vec<u8>>,
    signed: u8,
    host: String,
}

fn noise() -> impl Strategy<Value = Noise> {
    let pairs = prop::collection::vec((any::<prop::sample::Index>(), value_text()), 0..4);
    let values = prop::collection::vec((any::<prop::sample::Index>(), json_value()), 0..4);
    let body = prop::option::weighted(0.3, prop::collection::vec(any::<u8>(), 0..40));
    let labels = prop::collection::vec(url_text(), 4);
    let host =
        prop_oneof![Just("localhost:4566".to_owned()), "[a-z.-]{0,10}(\\.s3[.-]|\\.lambda\\.)?[a-z.]{0,5}"];
    (labels, pairs, values, body, any::<u8>(), host).prop_map(
        |(labels, pairs, values, body, signed, host)| Noise { labels, pairs, values, body, signed, host },
    )
}

/// A request for an operation, with noise where its labels, query, headers and members are.
fn request(
    (model, operation): (&'static aws_model::ServiceModel, &'static aws_model::Operation),
    noise: &Noise,
) -> Option<(Parts, Vec<u8>)> {
    let names = member_names(model, operation);
    let mut labels = noise.labels.iter().cycle();
    let (path, query) = operation.uri.split_once('?').unwrap_or((&operation.uri, ""));
    let segments = path.split('/').map(|segment| match segment.starts_with('{') {
        true => labels.next().cloned().unwrap_or_default(),
        false => segment.to_owned(),
    });
    let mut uri = segments.collect::<Vec<_>>().join("/");
    uri.push('?');
    uri.push_str(query);
    let mut form = format!("Action={}&Version={}", operation.name, model.api_version);
    for (index, value) in &noise.pairs {
        uri.push_str(&format!("&{}={value}", index.get(&names)));
        form.push_str(&format!("&{0}.member.1={value}&{0}.1={value}", index.get(&names)));
    }
    let members: serde_json::Map<_, _> =
        noise.values.iter().map(|(index, value)| (index.get(&names).clone(), value.clone())).collect();
    let body = match (&noise.body, model.protocol) {
        (Some(body), _) => body.clone(),
        (None, protocol) if protocol.is_query() => form.into_bytes(),
        (None, aws_model::Protocol::RestXml) => {
            let members = members.iter().map(|(name, value)| format!("<{name}><a>{value}</a></{name}>"));
            format!("<a>{}</a>", members.collect::<String>()).into_bytes()
        }
        (None, _) => serde_json::to_vec(&members).ok()?,
    };
    let mut request = http::Request::builder()
        .method(operation.method.as_str())
        .uri(uri)
        .header("host", &noise.host)
        .header(
            "x-amz-target",
            format!("{}.{}", model.target_prefix.as_deref().unwrap_or("x"), operation.name),
        );
    if noise.signed & 3 != 0 {
        let scope = format!("a/20260101/r/{}/aws4_request", model.signing_name);
        request = request.header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;host, Signature={}",
                "0f".repeat(32)
            ),
        );
    }
    for (index, value) in &noise.pairs {
        request = request.header(index.get(&names), value);
    }
    Some((request.body(()).ok()?.into_parts().0, body))
}

/// The ways in and out that integrations of API Gateway have.
fn integrate(
    (model, operation): (&'static aws_model::ServiceModel, &'static aws_model::Operation),
    noise: &Noise,
    parts: &Parts,
    body: &[u8],
) {
    use aws_model::Protocol;
    let query = parts.uri.query().unwrap_or_default();
    let members = match model.protocol {
        Protocol::RestJson | Protocol::RestXml => {
            aws_wire::decode_named(model, operation, parts, body).map(|(members, _)| members)
        }
        _ => aws_wire::decode_query(model, operation, query, body),
    };
    if let Ok(members) = members {
        let _ = validate(model, operation, &members);
    }
    let _ = aws_wire::incomplete_signature(&parts.headers);
    let output = operation.output.map(|output| &model.shape(output).kind);
    if let Some(aws_model::ShapeKind::Structure(output)) = output.filter(|_| model.protocol.is_query()) {
        let names: Vec<&String> = output.fields.iter().map(|field| &field.name).collect();
        let values = noise.values.iter().filter(|_| !names.is_empty());
        let members = values.map(|(index, value)| ((*index.get(&names)).clone(), value.clone())).collect();
        let encoded = aws_wire::encode_query_output(model, operation, &members, "id");
        let body = encoded.body.unwrap_or_default();
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok_and(|body| body.is_object()));
    }
}

/// The whole way in.
fn take(parts: &Parts, body: &[u8]) {
    let identified = identify(parts);
    let form = identified.names_operation_in_body(parts).then_some(body);
    let _ = sigv4::verify(parts, &CHECK);
    let Ok(target) = identified.target(parts, form) else { return };
    let body = if body_need(&target) == BodyNeed::Payload { &[] } else { body };
    if let Ok(members) = decode(&target, parts, body) {
        let _ = validate(target.model, target.operation, &members);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_request_for_any_operation_is_taken_or_refused(at in any::<prop::sample::Index>(), noise in noise()) {
        let operations = operations();
        let operation = *at.get(&operations);
        if let Some((parts, body)) = request(operation, &noise) {
            take(&parts, &body);
            integrate(operation, &noise, &parts, &body);
        }
    }

    #[test]
    fn any_request_at_all_is_taken_or_refused(
        method in "[A-Z]{1,7}",
        path in url_text(),
        query in url_text(),
        name in prop_oneof![Just("authorization"), Just("x-amz-target"), Just("host"), Just("x-amz-date"), Just("content-type")],
        value in prop::collection::vec(any::<u8>(), 0..40),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let value = http::HeaderValue::from_bytes(&value);
        let request = value.map(|value| http::Request::builder().method(method.as_str()).uri(format!("/{path}?{query}")).header(name, value).body(()));
        if let Ok(Ok(request)) = request {
            take(&request.into_parts().0, &body);
        }
    }

    #[test]
    fn any_signature_is_verified_or_refused(
        credential in "[ -~]{0,40}", signed in "[ -~]{0,30}", signature in "[ -~é]{0,70}", query in url_text(), date in "[ -~]{0,20}"
    ) {
        let text = format!("AWS4-HMAC-SHA256 Credential={credential}/20260101/r/s3/aws4_request, SignedHeaders={signed}, Signature={signature}");
        let presigned = format!("/?X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Faws4_request&X-Amz-SignedHeaders={signed}&X-Amz-Signature={query}&X-Amz-Date=1&{query}");
        let header = http::Request::get("/a").header("authorization", text).header("x-amz-date", date).body(());
        for request in [header, http::Request::get(presigned).body(())].into_iter().flatten() {
            let parts = request.into_parts().0;
            let _ = Credential::of(&parts);
            prop_assert!(sigv4::verify(&parts, &CHECK).is_err());
        }
    }

    #[test]
    fn a_chunked_body_comes_out_alike_however_it_is_cut(sent in chunked(), cut in 1..40_usize) {
        let decoded = |step: usize| {
            let (mut decoder, mut out) = (aws_chunked::Decoder::default(), Vec::new());
            for arrived in sent.chunks(step) {
                match decoder.push(arrived) {
                    Ok(content) => out.extend_from_slice(&content),
                    Err(_) => return None,
                }
            }
            decoder.is_done().then_some(out)
        };
        prop_assert_eq!(decoded(cut), decoded(usize::MAX));
    }

    #[test]
    fn arns_and_tokens_read_what_they_write(text in "(arn:)?[a-z:]{0,12}\\PC{0,20}", listing in "[a-zA-Z]{0,9}", after in "\\PC{0,20}") {
        if let Ok(arn) = text.parse::<Arn>() {
            prop_assert_eq!(arn.to_string(), text.clone());
        }
        let _ = PageToken::decode(&listing, &text);
        let token = PageToken::encode(&listing, &after);
        prop_assert_eq!(PageToken::decode(&listing, &token).unwrap().after, after);
    }
}

/// Bodies in the encoding, right ones and ones that break it at some place.
fn chunked() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (prop::collection::vec(any::<u8>(), 1..20), any::<bool>()).prop_map(|(data, signed)| {
        let mut chunk =
            format!("{:x}{}\r\n", data.len(), if signed { ";chunk-signature=ab" } else { "" }).into_bytes();
        chunk.extend(data);
        chunk.extend(b"\r\n");
        chunk
    });
    let broken = prop::option::weighted(0.4, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(chunk, 0..5), broken).prop_map(|(chunks, broken)| {
        let mut sent = chunks.concat();
        sent.extend(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        if let Some((at, byte)) = broken {
            let at = at.index(sent.len());
            sent[at] = byte;
        }
        sent
    })
}
