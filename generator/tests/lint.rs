//! What tflint's recommended rules ask of Terraform's language, asked of everything that is generated: the bodies
//! of the stacks and the one that terragrunt writes beside each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gpu_stacks::{load, render};
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, Body};
use hcl_edit::template::Element;

/// Each stack's whole configuration: its own body with the one that root.hcl has written beside it.
fn configurations(live: &str) -> Vec<(String, Body)> {
    let live = Path::new(env!("CARGO_MANIFEST_DIR")).join(live);
    let fleet = load(&live).unwrap_or_else(|problems| panic!("{}: {}", live.display(), problems[0].line()));
    let files = render(&fleet).unwrap();
    let provider = provider_tf(&files["root.hcl"].parse().unwrap());
    let stacks = files.iter().filter(|(path, _)| path.ends_with(".tf"));
    let found: Vec<(String, Body)> =
        stacks.map(|(path, text)| (path.clone(), format!("{provider}\n{text}").parse().unwrap())).collect();
    assert!(found.len() > 1, "{} has no stacks", live.display());
    found
}

fn provider_tf(root: &Body) -> String {
    let generate = root.get_blocks("generate").find(|block| block.labels[0].as_str() == "provider").unwrap();
    let Expression::HeredocTemplate(written) = &generate.body.get_attribute("contents").unwrap().value else {
        panic!("the provider is no heredoc");
    };
    let literals = written.template.iter().map(|element| match element {
        Element::Literal(literal) => literal.to_string(),
        other => panic!("{other:?} is evaluated"),
    });
    literals.collect()
}

fn all() -> Vec<(String, Body)> {
    ["../stacks", "tests/whole"].into_iter().flat_map(configurations).collect()
}

fn field<'v>(object: &'v Expression, name: &str) -> Option<&'v Expression> {
    let found = object.as_object()?.iter().find(|(key, _)| match key {
        ObjectKey::Ident(key) => key.as_str() == name,
        ObjectKey::Expression(key) => key.as_str() == Some(name),
    });
    found.map(|(_, value)| value.expr())
}

#[test]
fn terraform_and_each_provider_that_is_used_have_a_version_and_a_source() {
    for (path, body) in all() {
        let settings: Vec<&Block> = body.get_blocks("terraform").collect();
        let version = settings.iter().find_map(|block| block.body.get_attribute("required_version"));
        assert!(version.is_some(), "{path} requires no version of Terraform");
        let required: Vec<&Block> =
            settings.iter().flat_map(|block| block.body.get_blocks("required_providers")).collect();
        for block in
            body.blocks().filter(|block| matches!(block.ident.as_str(), "resource" | "data" | "provider"))
        {
            let provider = block.labels[0].as_str().split('_').next().unwrap();
            let found = required.iter().find_map(|block| block.body.get_attribute(provider));
            let found = found.unwrap_or_else(|| panic!("{path} does not require {provider}"));
            for name in ["source", "version"] {
                assert!(field(&found.value, name).is_some(), "{path}: {provider} has no {name}");
            }
        }
    }
}

#[test]
fn what_is_declared_is_typed_and_used() {
    for (path, body) in all() {
        let text = body.to_string();
        for block in body.blocks() {
            let label = |index: usize| block.labels.get(index).map_or("", |label| label.as_str());
            let used = match block.ident.as_str() {
                "variable" => {
                    assert!(block.body.has_attribute("type"), "{path}: variable {} has no type", label(0));
                    format!("var.{}", label(0))
                }
                "data" => format!("data.{}.{}", label(0), label(1)),
                "locals" => panic!("{path} declares locals, whose use nobody checks here"),
                "module" => panic!("{path} has a module, whose source nobody pins here"),
                _ => continue,
            };
            assert!(text.contains(&used), "{path} declares {used} and does not use it");
        }
    }
}

/// `"${x}"`, which is `x`.
fn interpolates_for_nothing(expression: &Expression) -> bool {
    match expression {
        Expression::StringTemplate(template) => {
            let mut elements = template.iter();
            matches!((elements.next(), elements.next()), (Some(Element::Interpolation(_)), None))
        }
        Expression::Array(items) => items.iter().any(interpolates_for_nothing),
        Expression::Object(object) => object.iter().any(|(_, value)| interpolates_for_nothing(value.expr())),
        Expression::FuncCall(call) => call.args.iter().any(interpolates_for_nothing),
        _ => false,
    }
}

#[test]
fn nothing_is_interpolated_for_nothing() {
    for (path, body) in all() {
        for block in body.blocks() {
            for attribute in block.body.attributes() {
                assert!(!interpolates_for_nothing(&attribute.value), "{path}: {}", attribute.key.as_str());
            }
        }
    }
    let old: Body = "a = \"${b.c}\"\n".parse().unwrap();
    assert!(interpolates_for_nothing(&old.get_attribute("a").unwrap().value));
}
