//! Registry pages from schemas, in the layout that the registry's own tool writes.

use std::fmt::Write;

use crate::schema::{Attribute, Kind, Mode};
use crate::{Schema, Type};

/// The page of a resource, `docs/resources/NAME.md`.
///
/// `type_name` is the resource's, `example` its HCL and `import` the shell
/// lines of `terraform import`; empty ones leave their sections out.
pub fn resource_page(
    provider: &str,
    type_name: &str,
    schema: &Schema,
    example: &str,
    import: &str,
) -> String {
    let mut page = front(&format!("{type_name} Resource - {provider}"), schema);
    line(&mut page, &format!("# {type_name} (Resource)\n\n{}\n", schema.description));
    section(&mut page, "Example Usage", "terraform", example);
    page.push_str(&markdown(schema));
    if !import.trim().is_empty() {
        section(&mut page, "Import", "shell", import);
    }
    tidy(page)
}

/// The page of a data source, `docs/data-sources/NAME.md`.
pub fn data_source_page(provider: &str, type_name: &str, schema: &Schema, example: &str) -> String {
    let mut page = front(&format!("{type_name} Data Source - {provider}"), schema);
    line(&mut page, &format!("# {type_name} (Data Source)\n\n{}\n", schema.description));
    section(&mut page, "Example Usage", "terraform", example);
    page.push_str(&markdown(schema));
    tidy(page)
}

/// The page of the provider, `docs/index.md`.
pub fn provider_page(provider: &str, schema: &Schema, example: &str) -> String {
    let mut page = front(&format!("{provider} Provider"), schema);
    line(&mut page, &format!("# {provider} Provider\n\n{}\n", schema.description));
    section(&mut page, "Example Usage", "terraform", example);
    page.push_str(&markdown(schema));
    tidy(page)
}

/// The schema section of a page: attributes by who sets them, nested ones below with anchors.
pub fn markdown(schema: &Schema) -> String {
    let mut page = "## Schema\n\n".to_owned();
    let mut nested = Vec::new();
    attributes(&mut page, "###", schema, "", &mut nested);
    while !nested.is_empty() {
        for (path, schema) in std::mem::take(&mut nested) {
            line(&mut page, &format!("<a id=\"{}\"></a>\n### Nested Schema for `{path}`\n", anchor(&path)));
            attributes(&mut page, "", &schema, &path, &mut nested);
        }
    }
    tidy(page)
}

type Nested = Vec<(String, std::sync::Arc<Schema>)>;

/// Lists the attributes of one object and leaves the objects nested in it in `nested`.
fn attributes(page: &mut String, heading: &str, schema: &Schema, parent: &str, nested: &mut Nested) {
    for (title, modes) in [
        ("Required", &[Mode::Required][..]),
        ("Optional", &[Mode::Optional, Mode::OptionalComputed][..]),
        ("Read-Only", &[Mode::Computed][..]),
    ] {
        let mut group: Vec<&Attribute> =
            schema.attributes.iter().filter(|it| modes.contains(&it.mode)).collect();
        if group.is_empty() {
            continue;
        }
        group.sort_by(|a, b| a.name.cmp(&b.name));
        line(page, &if heading.is_empty() { format!("{title}:\n") } else { format!("{heading} {title}\n") });
        for attribute in group {
            let path = if parent.is_empty() {
                attribute.name.clone()
            } else {
                format!("{parent}.{}", attribute.name)
            };
            line(page, &item(attribute, &path));
            if let Kind::Single(schema) | Kind::List(schema) | Kind::Set(schema) | Kind::Map(schema) =
                &attribute.kind
            {
                nested.push((path, schema.clone()));
            }
        }
        page.push('\n');
    }
}

/// One line: name, type, meaning, and what else a user must know.
fn item(attribute: &Attribute, path: &str) -> String {
    let mut kind = kind_name(&attribute.kind);
    if attribute.sensitive {
        kind.push_str(", Sensitive");
    }
    if attribute.deprecation.is_some() {
        kind.push_str(", Deprecated");
    }
    // A list item ends at a line of its own, and the meaning may have several.
    let meaning = attribute.description.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut item = format!("- `{}` ({kind}) {meaning}", attribute.name).trim_end().to_owned();
    if let Some(default) = &attribute.default {
        let _ = write!(item, " Default: `{}`.", crate::codec::json::encode(default));
    }
    if attribute.rules.replaces.is_some() {
        item.push_str(" A change may need a new resource.");
    }
    if let Some(instead) = &attribute.deprecation {
        let _ = write!(item, " Deprecated: {instead}");
    }
    if !matches!(attribute.kind, Kind::Plain(_)) {
        let _ = write!(item, " (see [below for nested schema](#{}))", anchor(path));
    }
    item
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Plain(ty) => type_name(ty),
        Kind::Single(_) => "Attributes".to_owned(),
        Kind::List(_) => "Attributes List".to_owned(),
        Kind::Set(_) => "Attributes Set".to_owned(),
        Kind::Map(_) => "Attributes Map".to_owned(),
    }
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Object(_) => "Object".to_owned(),
    }
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

/// The page's front matter.
fn front(title: &str, schema: &Schema) -> String {
    let description = schema.description.lines().next().unwrap_or_default();
    format!("---\npage_title: \"{title}\"\nsubcategory: \"\"\ndescription: |-\n  {description}\n---\n\n")
}

fn section(page: &mut String, title: &str, language: &str, text: &str) {
    if !text.trim().is_empty() {
        line(page, &format!("## {title}\n\n```{language}\n{}\n```\n", text.trim()));
    }
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

/// Ends the page with one newline.
fn tidy(page: String) -> String {
    format!("{}\n", page.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, Map, Model, model};

    model! {
        /// When to open.
        struct Window {
            /// The time, `HH:MM`.
            start: Attr<String> = required(),
        }
    }

    model! {
        /// A shop.
        ///
        /// It sells.
        struct Shop {
            /// The name
            /// on the door.
            name: Attr<String> = required().requires_replace(),
            /// The number.
            number: Attr<i64> = optional().default(7).sensitive(),
            /// Opening times by name.
            windows: Attr<Map<Window>> = optional(),
            /// Labels.
            labels: Attr<Map<String>> = computed(),
        }
    }

    #[test]
    fn a_page_says_everything_that_the_schema_does() {
        let page = resource_page("town", "town_shop", &Shop::schema(), "resource \"town_shop\" \"a\" {}", "");
        let expected = r##"---
page_title: "town_shop Resource - town"
subcategory: ""
description: |-
  A shop.
---

# town_shop (Resource)

A shop.

It sells.

## Example Usage

```terraform
resource "town_shop" "a" {}
```

## Schema

### Required

- `name` (String) The name on the door. A change may need a new resource.

### Optional

- `number` (Number, Sensitive) The number. Default: `7`.
- `windows` (Attributes Map) Opening times by name. (see [below for nested schema](#nestedatt--windows))

### Read-Only

- `labels` (Map of String) Labels.

<a id="nestedatt--windows"></a>
### Nested Schema for `windows`

Required:

- `start` (String) The time, `HH:MM`.
"##;
        assert_eq!(page, expected);
    }
}
