//! Terraform's rules for schemas, and ours for what goes with them.
//!
//! A schema that breaks one makes Terraform refuse the whole provider, or
//! declares a rule that can never apply. Checked like [`super::consistency`].

use crate::codec::msgpack;
use crate::schema::{Attribute, Kind};
use crate::{Diagnostic, Diagnostics, Path, Schema, Type};

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The provider block.
    Provider,
    /// A resource.
    Resource,
    /// What identifies a resource.
    Identity,
    /// What is looked up or opened and not kept.
    Data,
    /// The parameters of a function.
    Parameters,
}

/// What is wrong with a schema; `name` says whose it is.
pub(crate) fn problems(name: &str, schema: &Schema, used: Use) -> Diagnostics {
    let mut found = Found { name, used, diagnostics: Diagnostics::new() };
    for attribute in &schema.attributes {
        if used.reserves(&attribute.name) {
            found.problem(&Path::attribute(&attribute.name), "has a name that Terraform keeps for itself");
        }
    }
    object(schema, &Path::root(), Within::default(), &mut found);
    found.diagnostics
}

/// What is wrong with the name of a resource, a data source or an ephemeral resource of that provider.
pub(crate) fn name_problems(provider: &str, type_name: &str) -> Diagnostics {
    let mut found = Found { name: type_name, used: Use::Data, diagnostics: Diagnostics::new() };
    if !is_name(type_name) {
        found.problem(&Path::root(), "has a name with other than lower-case letters, digits and underscores");
    }
    let rest = type_name.strip_prefix(provider);
    if rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('_')) {
        let problem = format!("has a name that does not start with {provider}_, by which Terraform finds it");
        found.problem(&Path::root(), &problem);
    }
    found.diagnostics
}

/// The problems of a function, beside those of its parameters.
pub(crate) fn call_problems(name: &str, problems: Vec<String>) -> Diagnostics {
    let mut found = Found { name, used: Use::Parameters, diagnostics: Diagnostics::new() };
    if !is_name(name) {
        found.problem(&Path::root(), "has a name with other than lower-case letters, digits and underscores");
    }
    for problem in problems {
        found.problem(&Path::root(), &problem);
    }
    found.diagnostics
}

impl Use {
    fn reserves(self, name: &str) -> bool {
        match self {
            Use::Provider => ["alias", "version"].contains(&name),
            Use::Resource | Use::Data => {
                ["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"]
                    .contains(&name)
            }
            Use::Identity | Use::Parameters => false,
        }
    }
}

struct Found<'a> {
    name: &'a str,
    used: Use,
    diagnostics: Diagnostics,
}

impl Found<'_> {
    fn problem(&mut self, path: &Path, problem: &str) {
        let place = if path.is_root() { String::new() } else { format!(" {path}") };
        let detail = format!(
            "{}:{place} {problem}. This is a bug of the provider; report it to the provider's authors.",
            self.name
        );
        self.diagnostics.push(Diagnostic::error("Provider bug", detail));
    }
}

/// What is around an attribute.
#[derive(Clone, Copy, Default)]
struct Within {
    a_set: bool,
    a_write_only: bool,
}

fn object(schema: &Schema, path: &Path, within: Within, found: &mut Found<'_>) {
    for attribute in &schema.attributes {
        let path = path.field(&attribute.name);
        for problem in of_attribute(attribute, within, found.used) {
            found.problem(&path, &problem);
        }
        for sibling in &attribute.rules.siblings {
            if schema.attribute(sibling).is_none() {
                found.problem(&path, &format!("has a rule about {sibling}, and there is no such attribute"));
            }
        }
        let within = Within {
            a_set: within.a_set || matches!(attribute.kind, Kind::Set(_)),
            a_write_only: within.a_write_only || attribute.write_only,
        };
        match &attribute.kind {
            Kind::Single(nested) | Kind::List(nested) | Kind::Map(nested) | Kind::Set(nested) => {
                object(nested, &path, within, found);
            }
            Kind::Plain(_) => {}
        }
    }
}

fn of_attribute(attribute: &Attribute, within: Within, used: Use) -> Vec<String> {
    let mut problems: Vec<String> = attribute.rules.problems.clone();
    let mut when = |wrong: bool, problem: &str| {
        if wrong {
            problems.push(problem.to_owned());
        }
    };
    let write_only = attribute.write_only;
    when(!is_name(&attribute.name), "has a name with other than lower-case letters, digits and underscores");
    when(
        write_only && used != Use::Resource,
        "is only written, which makes sense in a resource alone: nothing else has a state to keep it out of",
    );
    when(write_only && attribute.mode.is_computed(), "is only written and yet computed or with a default");
    when(write_only && within.a_set, "is only written and within a set, whose elements it cannot tell apart");
    when(
        within.a_set && attribute.default.is_some(),
        "has a default within a set: it can make two elements equal, and Terraform refuses a plan with fewer",
    );
    when(
        write_only && (attribute.rules.replaces.is_some() || attribute.rules.keeps),
        "is only written and yet compared with a prior value, which it never has",
    );
    when(within.a_write_only && !write_only, "is not only written, and within what is");
    when(
        used == Use::Identity && !identifies(&attribute.kind),
        "is part of an identity, which has only text, numbers, bools and lists of them",
    );
    let computed = attribute.mode.is_computed() && attribute.default.is_none();
    when(used == Use::Parameters && computed, "is computed, but an argument comes from the caller alone");
    when(
        used == Use::Provider && computed,
        "is computed, but a provider's configuration comes from the user alone",
    );
    when(
        attribute.rules.keeps && !attribute.mode.is_computed(),
        "keeps its prior value instead of unknown, but the provider never computes it",
    );
    if let Some(default) = &attribute.default {
        if let Err(error) = msgpack::encode(default, &attribute.kind.value_type()) {
            problems.push(format!("has a default of another type: {error}"));
        }
        let refused = attribute.rules.checks.iter().flat_map(|check| check(default, &Path::root(), false));
        problems
            .extend(refused.map(|one| format!("has a default that it refuses: it {}", one.detail.trim())));
    }
    problems
}

fn identifies(kind: &Kind) -> bool {
    let plain = |ty: &Type| matches!(ty, Type::Bool | Type::Number | Type::String);
    match kind {
        Kind::Plain(Type::List(element)) => plain(element),
        Kind::Plain(ty) => plain(ty),
        _ => false,
    }
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attr, List, Map, Model, Set, model};

    model! {
        /// A part.
        struct Part {
            /// Only written.
            secret: Attr<String> = optional().write_only(),
        }
    }

    model! {
        /// A part with a size.
        struct Sized {
            /// The size.
            size: Attr<String> = optional().default("1"),
        }
    }

    model! {
        /// Everything wrong.
        struct Wrong {
            /// Reserved.
            count: Attr<i64> = optional().default(0).range(1..=9),
            /// A rule about nothing.
            about: Attr<String> = optional().conflicts_with(&["lower"]),
            /// Written, and made.
            made: Attr<String> = computed().write_only(),
            /// Written, and compared.
            compared: Attr<String> = optional().write_only().requires_replace(),
            /// In a set.
            parts: Attr<Set<Part>> = optional(),
            /// In a set, with a default.
            sized: Attr<Set<Sized>> = optional(),
            /// Kept, and never computed.
            kept: Attr<String> = optional().use_state_for_unknown(),
            /// A pattern that is none.
            pattern: Attr<String> = optional().matches("(", "must be open"),
        }
    }

    fn texts(schema: &Schema, used: Use) -> Vec<String> {
        let texts = problems("town_shop", schema, used).into_iter().map(|one| one.detail);
        texts.map(|text| text.split(". This is a bug").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn each_problem_is_found_and_named() {
        assert_eq!(
            texts(&Wrong::schema(), Use::Resource),
            [
                "town_shop: count has a name that Terraform keeps for itself",
                "town_shop: count has a default that it refuses: it must be from 1 to 9, but is 0.",
                "town_shop: about has a rule about lower, and there is no such attribute",
                "town_shop: made is only written and yet computed or with a default",
                "town_shop: compared is only written and yet compared with a prior value, which it never has",
                "town_shop: parts.secret is only written and within a set, whose elements it cannot tell apart",
                "town_shop: sized.size has a default within a set: it can make two elements equal, and \
                 Terraform refuses a plan with fewer",
                "town_shop: kept keeps its prior value instead of unknown, but the provider never computes it",
                "town_shop: pattern has a pattern that is none: found open group without closing ')'",
            ]
        );
    }

    #[test]
    fn a_name_is_made_of_few_characters() {
        let mut schema = Part::schema();
        schema.attributes[0].name = "Secret".to_owned();
        assert!(texts(&schema, Use::Resource)[0].contains("has a name with other than lower-case letters"));
    }

    #[test]
    fn what_is_only_written_belongs_in_resources() {
        assert_eq!(texts(&Part::schema(), Use::Resource), Vec::<String>::new());
        assert!(texts(&Part::schema(), Use::Data)[0].contains("makes sense in a resource alone"));
    }

    model! {
        /// What Terraform would be told of as it is.
        struct Bare {
            /// A word.
            word: Attr<String> = required(),
        }
    }

    model! {
        /// Collections of collections.
        struct Deep {
            /// A default within.
            sized: Attr<Map<List<Sized>>> = optional(),
            /// The same, one deeper.
            deeper: Attr<Set<List<Map<Part>>>> = optional(),
            /// Nothing that could be lost.
            bare: Attr<Map<List<Bare>>> = optional(),
            /// No objects.
            words: Attr<Map<Map<String>>> = optional(),
            /// One collection.
            one: Attr<Map<Part>> = optional(),
        }
    }

    #[test]
    fn rules_within_two_collections_would_be_lost() {
        let lost = |name: &str, inner: &str| {
            format!(
                "town_shop: {name} has objects within two collections, of which Terraform knows the type alone: \
                 what {inner} declares beyond required() would be lost, so put the inner collection into an object"
            )
        };
        assert_eq!(texts(&Deep::schema(), Use::Resource), [lost("sized", "size"), lost("deeper", "secret")]);
    }

    model! {
        /// A provider block.
        struct Settings {
            /// A default.
            tries: Attr<i64> = optional().default(3),
            /// Made by nobody.
            made: Attr<String> = optional_computed(),
        }
    }

    #[test]
    fn nothing_computes_a_provider_block() {
        let computed = "is computed, but a provider's configuration comes from the user alone";
        assert_eq!(texts(&Settings::schema(), Use::Provider), [format!("town_shop: made {computed}")]);
        assert!(texts(&Settings::schema(), Use::Resource).is_empty());
    }

    model! {
        /// An identity.
        struct Wide {
            /// A map.
            labels: Attr<Map<String>> = required(),
        }
    }

    #[test]
    fn an_identity_is_made_of_plain_values() {
        assert!(texts(&Wide::schema(), Use::Identity)[0].contains("part of an identity"));
    }

    #[test]
    fn a_type_name_starts_with_the_provider() {
        assert!(name_problems("gpu", "gpu_card").is_empty());
        assert!(name_problems("gpu", "gpu").is_empty());
        assert_eq!(name_problems("gpu", "gpux_card").iter().count(), 1);
        assert_eq!(name_problems("gpu", "Card").iter().count(), 2);
    }
}
