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
