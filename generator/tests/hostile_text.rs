//! Text of people comes out of the stacks as it went in, whatever syntax it is full of.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use gpu_stacks::{load, render};
use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;
use hcl_edit::template::Element;
use proptest::prelude::*;

/// The text of an expression that nothing is evaluated in.
fn text_of(expression: &Expression) -> String {
    match expression {
        Expression::String(text) => text.to_string(),
        Expression::StringTemplate(template) => template.iter().map(literal).collect(),
        other => panic!("{other:?} is no text"),
    }
}

fn literal(element: &Element) -> String {
    match element {
        Element::Literal(literal) => literal.to_string(),
        other => panic!("{other:?} is evaluated"),
    }
}

/// The texts of a map's or list's first level, in their order.
fn texts_of(body: &Body, resource: &str, attribute: &str) -> Vec<String> {
    let block = body.get_blocks("resource").find(|block| block.labels[0].as_str() == resource).unwrap();
    match &block.body.get_attribute(attribute).unwrap().value {
        Expression::Array(items) => items.iter().map(text_of).collect(),
        Expression::Object(object) => object.iter().map(|(_, value)| text_of(value.expr())).collect(),
        other => vec![text_of(other)],
    }
}

/// An attribute of the provider, which stands in a heredoc that terragrunt reads
/// as a template before terraform reads it.
fn of_provider(root_hcl: &str, attribute: &str) -> String {
    let body: Body = root_hcl.parse().unwrap();
    let block = body.get_blocks("generate").next().unwrap();
    let written = match &block.body.get_attribute("contents").unwrap().value {
        Expression::HeredocTemplate(heredoc) => heredoc.template.iter().map(literal).collect::<String>(),
        other => panic!("{other:?}"),
    };
    let body: Body = written.parse().unwrap();
    let provider = body.get_blocks("provider").next().unwrap();
    text_of(&provider.body.get_attribute(attribute).unwrap().value)
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let quoted = serde_json::to_string(text).unwrap();
    let fleet = format!(
        "cards: {{ c: {{ node: n, index: 0, source: {{ dcgm: \"http://x\" }}, residents: {{ r: {{ namespace: r, pod_prefix: {quoted} }} }} }} }}\n\
         defaults: {{ headroom: 1GiB, time_zone: UTC }}\nprovider: {{ config_context: {quoted} }}\n"
    );
    let tenant = format!(
        "namespace: t\ncard: c\npeak: 1GiB\nwindows: {{ n: {{ start: \"02:00\", end: \"06:00\" }} }}\nimage: i\nport: 1\n\
         measured: {{ source: {quoted}, at: \"2026-11-20T03:10:00Z\" }}\nenv: {{ A: {quoted} }}\nargs: [{quoted}, a]\n\
         config: {{ /app/x: {quoted} }}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    std::fs::write(folder.path().join("fleet.yaml"), fleet).unwrap();
    std::fs::write(folder.path().join("tenants/t.yaml"), tenant).unwrap();
    let fleet = match load(folder.path()) {
        Ok(fleet) => fleet,
        // Some text is refused, such as a pod's name that is none; never with a place outside its file.
        Err(problems) => {
            prop_assert!(problems.iter().all(|problem| problem.position().1 >= 1));
            return Ok(());
        }
    };
    let files = render(&fleet).unwrap();
    let main: Body = files["t/main.tf"].parse().unwrap();
    prop_assert_eq!(texts_of(&main, "gpu_windowed_service", "env"), [text]);
    prop_assert_eq!(&texts_of(&main, "gpu_windowed_service", "args"), &[text, "a"]);
    prop_assert_eq!(&texts_of(&main, "gpu_vram_floor", "measured")[0], text);
    prop_assert_eq!(&files["t/config/x"], text);
    prop_assert_eq!(of_provider(&files["root.hcl"], "config_context"), text);
    Ok(())
}

#[test]
fn what_is_written_in_the_languages_around_is_only_text() {
    for text in [
        "${path.module}",
        "%{ if true }",
        "$${x}",
        "{{llama}}",
        "{{{x}}}",
        "a\"b\\",
        "EOF\n",
        "  EOF\n  }\n",
        "🦙",
        "\u{202e}",
        "a\nb",
        "\ttab",
        "#",
        "//",
        "$",
        "%",
        "~}",
        "'",
        "`",
        "",
    ] {
        check(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
}

/// Every place of a tenant file in which text of any kind may stand, as YAML with `TEXT` for it.
const PLACES: [&str; 25] = [
    "image: TEXT",
    "command: [TEXT]",
    "args: [TEXT]",
    "env: { A: TEXT }",
    "env: { A: b }\nannotations: { Pod: { a: TEXT } }",
    "annotations: { Namespace: { a: TEXT } }",
    "measured: { source: TEXT, at: \"2026-11-20T03:10:00Z\" }",
    "measured: { prometheus: \"http://p:9090\", selector: TEXT, unit: mib }",
    "measured: { prometheus: \"http://p:9090\", model: TEXT }",
    "demand: { prometheus: { url: \"http://p:9090\", query: TEXT } }",
    "unload: { path: /u, body: { a: TEXT } }",
    "startup_probe: { exec: [TEXT] }",
    "init_containers: { i: { image: TEXT } }",
    "init_containers: { i: { image: i, command: [TEXT], env: { A: b } } }",
    "init_containers: { i: { image: i, args: [TEXT] } }",
    "init_containers: { i: { image: i, env: { A: TEXT } } }",
    "sidecars: { s: { image: TEXT } }",
    "sidecars: { s: { image: i, command: [TEXT], args: [a], env: { A: b } } }",
    "sidecars: { s: { image: i, args: [TEXT] } }",
    "sidecars: { s: { image: i, env: { A: TEXT } } }",
    "prefetch: { command: [TEXT] }\nstorage: { mount_path: /d, size: 1Gi }",
    "prefetch: { args: [TEXT], env: { A: TEXT } }\nstorage: { mount_path: /d, size: 1Gi }",
    "storage: { mount_path: /d, size: 1Gi, nfs: { server: s, path: /x, mount_options: [TEXT] } }",
    "tolerations: [{ key: a, value: TEXT }]",
    "pod_patch: { schedulerName: TEXT }",
];

/// The same of fleet.yaml, as a line of its own.
const FLEET_PLACES: [&str; 9] = [
    "provider: { config_path: TEXT }",
    "provider: { config_paths: [TEXT] }",
    "provider: { config_context: TEXT }",
    "provider: { host: \"https://h\", cluster_ca_certificate: TEXT }",
    "provider: { host: \"https://h\", tls_server_name: TEXT }",
    "provider: { host: \"https://h\", exec: { api_version: v1, command: TEXT, args: [TEXT], env: { A: TEXT } } }",
    "backend: { local: { path: TEXT } }",
    "backend: { s3: { bucket: TEXT, region: r } }",
    "backend: { kubernetes: { namespace: n, config_context: TEXT } }",
];

/// Text that means something to one of the languages around.
const HOSTILE: [&str; 7] = [
    "a${path.module}b",
    "%{ if true }",
    "{{llama}} {{{x}}}",
    "say \"no\" \\ 'x' `y`",
    "a\nb\n",
    "🦙 ${",
    "EOF",
];

/// All texts of a body in which nothing is evaluated, the provider's heredoc read as the language that it is.
fn all_texts(body: &Body, found: &mut Vec<String>) {
    for structure in body {
        if let Some(attribute) = structure.as_attribute() {
            texts_in(&attribute.value, found);
        } else if let Some(block) = structure.as_block() {
            all_texts(&block.body, found);
        }
    }
}

fn texts_in(expression: &Expression, found: &mut Vec<String>) {
    match expression {
        Expression::Array(items) => items.iter().for_each(|item| texts_in(item, found)),
        Expression::Object(object) => object.iter().for_each(|(_, value)| texts_in(value.expr(), found)),
        Expression::FuncCall(call) => call.args.iter().for_each(|argument| texts_in(argument, found)),
        Expression::String(text) => found.push(text.to_string()),
        Expression::StringTemplate(template) => {
            // What stands around an expression of ours, such as the folder of a state.
            let literals = template.iter().filter_map(|element| match element {
                Element::Literal(literal) => Some(literal.to_string()),
                _ => None,
            });
            found.push(literals.collect());
        }
        Expression::HeredocTemplate(heredoc) => {
            let written: String = heredoc.template.iter().map(literal).collect();
            all_texts(&written.parse().unwrap(), found);
        }
        _ => {}
    }
}

/// What is generated of a good live repository with one more line, unless it is refused.
fn generated(fleet_line: &str, tenant_line: &str) -> Option<Vec<String>> {
    let fleet = format!(
        "cards: {{ c: {{ node: n, index: 0, source: {{ dcgm: \"http://x\" }} }} }}\ndefaults: {{ headroom: 1GiB, time_zone: UTC }}\n{fleet_line}\n"
    );
    let image = if tenant_line.starts_with("image:") { "" } else { "image: i\n" };
    let tenant = format!(
        "namespace: t\ncard: c\npeak: 1GiB\nwindows: {{ n: {{ start: \"02:00\", end: \"06:00\" }} }}\n{image}port: 1\n{tenant_line}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    std::fs::write(folder.path().join("fleet.yaml"), fleet).unwrap();
    std::fs::write(folder.path().join("tenants/t.yaml"), tenant).unwrap();
    let fleet = load(folder.path()).ok()?;
    let mut found = Vec::new();
    for (path, text) in render(&fleet).unwrap() {
        if path.ends_with(".tf") || path.ends_with(".hcl") {
            let body = text.parse().unwrap_or_else(|why| panic!("{path}: {why}\n{text}"));
            all_texts(&body, &mut found);
        }
    }
    Some(found)
}

#[test]
fn text_comes_out_of_every_place_in_which_it_may_stand() {
    for text in HOSTILE {
        let quoted = serde_json::to_string(text).unwrap();
        let lines = PLACES.map(|line| ("", line)).into_iter().chain(FLEET_PLACES.map(|line| (line, "")));
        for (fleet_line, tenant_line) in lines {
            let place = format!("{fleet_line}{tenant_line}");
            let with_text = |line: &str| line.replace("TEXT", &quoted);
            match generated(&with_text(fleet_line), &with_text(tenant_line)) {
                Some(found) => {
                    let whole = found.iter().filter(|it| it.contains(text)).count();
                    assert_eq!(whole, place.matches("TEXT").count(), "{place}: {text:?} among {found:#?}");
                }
                // An image has no spaces, no quotes and no line ends.
                None => assert!(place.contains("image: TEXT"), "{place} refuses {text:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_comes_out_as_it_went_in(text in "[\"$%{}\\\\\n~a `'#<EOF]{0,20}") {
        check(&text)?;
    }

    #[test]
    fn any_unicode_comes_out_as_it_went_in(text in "\\PC{0,20}") {
        check(&text)?;
    }
}
