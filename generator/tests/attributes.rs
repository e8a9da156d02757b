//! Everything that the provider's resources can say, a fleet file and tenant
//! files can say: the list comes from the provider's own pages.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use gpu_stacks::{load, render};
use hcl_edit::expr::{Expression, Object, ObjectKey};
use hcl_edit::structure::Body;

/// What no file can say, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("provider.token", "a secret, which comes by KUBE_TOKEN or from `exec`"),
    ("provider.client_key", "a secret, which comes by KUBE_CLIENT_KEY_DATA or from a kubeconfig"),
    ("provider.client_certificate", "it goes with the key, by KUBE_CLIENT_CERT_DATA or a kubeconfig"),
];

/// An attribute of a page: what its type makes of the values below it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Value,
    Object,
    Map,
    List,
}

/// The attributes of one page that a person writes, by the path of their block.
fn page(path: &str) -> BTreeMap<String, Vec<(String, Shape)>> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path)).unwrap();
    let (_, schema) = text.split_once("## Schema").unwrap();
    // What comes behind tells of imports, and the attributes of an identity are none of a block.
    let schema = schema.split_once("\n## Import").map_or(schema, |(schema, _)| schema);
    let mut blocks: BTreeMap<String, Vec<(String, Shape)>> = BTreeMap::new();
    let (mut block, mut written) = (String::new(), false);
    for line in schema.lines() {
        if let Some(name) = line.strip_prefix("### Nested Schema for `") {
            block = name.trim_end_matches('`').to_owned();
        }
        match line.trim_start_matches("### ").trim_end_matches(':') {
            "Required" | "Optional" => written = true,
            "Read-Only" => written = false,
            _ => {}
        }
        let Some((name, rest)) = line.strip_prefix("- `").and_then(|line| line.split_once("` (")) else {
            continue;
        };
        let shape = match rest.split([')', ',']).next().unwrap() {
            "Attributes" => Shape::Object,
            "Attributes Map" => Shape::Map,
            "Attributes List" | "Attributes Set" => Shape::List,
            _ => Shape::Value,
        };
        if written {
            blocks.entry(block.clone()).or_default().push((name.to_owned(), shape));
        }
    }
    assert!(blocks[""].len() > 3, "{path} has no attributes");
    blocks
}

fn field<'o>(object: &'o Object, name: &str) -> Option<&'o Expression> {
    object.iter().find_map(|(key, value)| {
        let text = match key {
            ObjectKey::Ident(ident) => ident.as_str(),
            ObjectKey::Expression(key) => key.as_str()?,
        };
        (text == name).then(|| value.expr())
    })
}

/// The paths of a page's attributes that none of these blocks sets.
fn unsaid(
    page: &BTreeMap<String, Vec<(String, Shape)>>,
    at: &str,
    title: &str,
    blocks: &[Object],
) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, shape) in page.get(at).into_iter().flatten() {
        let values: Vec<&Expression> = blocks.iter().filter_map(|block| field(block, name)).collect();
        if values.is_empty() {
            missing.push(format!("{title}.{name}"));
            continue;
        }
        let objects = |value: &&Expression| -> Vec<Object> {
            match (shape, value) {
                (Shape::Object, Expression::Object(object)) => vec![object.clone()],
                (Shape::Map, Expression::Object(map)) => {
                    map.iter().filter_map(|(_, value)| value.expr().as_object().cloned()).collect()
                }
                (Shape::List, Expression::Array(list)) => {
                    list.iter().filter_map(|item| item.as_object().cloned()).collect()
                }
                _ => Vec::new(),
            }
        };
        if *shape != Shape::Value {
            let below: Vec<Object> = values.iter().flat_map(objects).collect();
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            missing.extend(unsaid(page, &path, &format!("{title}.{name}"), &below));
        }
    }
    missing
}

/// The blocks of a kind in a file, as objects.
fn blocks(text: &str, kind: &str, label: &str) -> Vec<Object> {
    let body: Body = text.parse().unwrap();
    let found =
        body.get_blocks(kind).filter(|block| block.labels.first().is_some_and(|it| it.as_str() == label));
    found
        .map(|block| {
            let attributes = block.body.attributes();
            attributes
                .map(|it| {
                    (
                        ObjectKey::from(it.key.value().clone()),
                        hcl_edit::expr::ObjectValue::from(it.value.clone()),
                    )
                })
                .collect()
        })
        .collect()
}

/// The provider's block, which stands in a heredoc of root.hcl.
fn provider(root_hcl: &str) -> String {
    let (_, heredoc) = root_hcl.split_once("<<-EOF\n").unwrap();
    let (text, _) = heredoc.split_once("\n  EOF").unwrap();
    text.to_owned()
}

#[test]
fn whatever_the_provider_takes_a_file_can_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole");
    let fleet = load(&root)
        .unwrap_or_else(|problems| panic!("{:?}", problems.iter().map(|it| it.line()).collect::<Vec<_>>()));
    let files = render(&fleet).unwrap();
    let mains: Vec<&String> =
        files.iter().filter(|(path, _)| path.ends_with("/main.tf")).map(|(_, text)| text).collect();
    let mut missing = Vec::new();
    for (path, resource) in [
        ("resources/card.md", "gpu_card"),
        ("resources/exporter.md", "gpu_exporter"),
        ("resources/vram_floor.md", "gpu_vram_floor"),
        ("resources/windowed_service.md", "gpu_windowed_service"),
    ] {
        let all: Vec<Object> = mains.iter().flat_map(|text| blocks(text, "resource", resource)).collect();
        missing.extend(unsaid(&page(path), "", resource, &all));
    }
    let mut own = blocks(&provider(&files["root.hcl"]), "provider", "gpu");
    // One kubeconfig and several exclude each other.
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stacks/root.hcl");
    own.extend(blocks(&provider(&std::fs::read_to_string(committed).unwrap()), "provider", "gpu"));
    missing.extend(unsaid(&page("index.md"), "", "provider", &own));
    missing.sort();
    let mut left_out = LEFT_OUT.map(|(path, _)| path.to_owned());
    left_out.sort();
    // Also the other way round: what a file can say by now is not left out any more.
    assert_eq!(missing, left_out);
}
