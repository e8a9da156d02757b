//! What becomes of a tenant whose stack goes: it is gone itself, or its file
//! was only renamed. Both look alike among the changes, and the advice for one
//! would ruin the other.

use std::collections::BTreeMap;

use hcl_edit::Ident;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, Body};

use crate::write::Change;

/// A stack that is no longer generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The folder of the stack.
    pub stack: String,
    /// `namespace/name` of its tenant.
    pub tenant: String,
    /// What happens to the tenant.
    pub fate: Fate,
}

/// What happens to the tenant of a stack that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It lives on in another stack.
    Moved {
        /// The folder of that stack.
        to: String,
    },
    /// It is gone.
    Gone {
        /// What its destruction does to its storage.
        claim: Claim,
    },
}

/// What becomes of a tenant's claim on storage when it is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// There is none, or it is not ours.
    None,
    /// It stays, with its data.
    Stays,
    /// It is deleted, with its data.
    Deleted,
}

/// The stacks that go with these changes, in the order of their folders.
pub fn farewells(changes: &[Change]) -> Vec<Farewell> {
    let mut arrived: BTreeMap<String, String> = BTreeMap::new();
    let mut left: Vec<(String, Tenant)> = Vec::new();
    for change in changes {
        let Some(stack) = change.path.strip_suffix("/main.tf") else { continue };
        let tenant = |text: &Option<String>| text.as_deref().and_then(tenant);
        match (tenant(&change.before), tenant(&change.after)) {
            (None, Some(new)) => drop(arrived.insert(new.id, stack.to_owned())),
            (Some(old), None) if change.after.is_none() => left.push((stack.to_owned(), old)),
            _ => {}
        }
    }
    let farewell = |(stack, tenant): (String, Tenant)| {
        let fate = match arrived.get(&tenant.id) {
            // Another layout: the state stays where it is.
            Some(to) if unit(to) == unit(&stack) => return None,
            Some(to) => Fate::Moved { to: to.clone() },
            None => Fate::Gone { claim: tenant.claim },
        };
        Some(Farewell { stack, tenant: tenant.id, fate })
    };
    left.into_iter().filter_map(farewell).collect()
}

/// The name of a stack without the folder of its layout.
fn unit(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// What to do about it, as whole sentences.
impl std::fmt::Display for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stack, tenant, fate } = self;
        match fate {
            Fate::Moved { to } => write!(
                f,
                "{tenant} moved from the stack {stack} to {to} and is the same tenant: destroy nothing. Carry its \
                 state over before the next apply: `terragrunt state pull > ../moved.tfstate` in {stack} on the commit \
                 before, then `terragrunt state push ../moved.tfstate` in {to} on this one."
            ),
            Fate::Gone { claim } => {
                write!(
                    f,
                    "{tenant} is still in the cluster: removing its stack destroys nothing. Run `terragrunt destroy` in {stack} on \
                     the commit before, then merge its removal."
                )?;
                f.write_str(match claim {
                    Claim::None => "",
                    Claim::Stays => " Its claim stays, with its data.",
                    Claim::Deleted => {
                        " That DELETES its claim with all data on it (`deletion_policy = \"delete\"`)."
                    }
                })
            }
        }
    }
}

/// What a generated `main.tf` says of its tenant.
struct Tenant {
    id: String,
    claim: Claim,
}

fn tenant(main_tf: &str) -> Option<Tenant> {
    let body: Body = main_tf.parse().ok()?;
    let service = body.get_blocks("resource").find(|block| has_type(block, "gpu_windowed_service"))?;
    let text = |name: &str| service.body.get_attribute(name)?.value.as_str().map(str::to_owned);
    let storage = service.body.get_attribute("storage").map(|storage| &storage.value);
    let claim = match storage {
        None => Claim::None,
        Some(storage) if field(storage, "existing_claim").is_some() => Claim::None,
        Some(storage) if field(storage, "deletion_policy") == Some("delete") => Claim::Deleted,
        Some(_) => Claim::Stays,
    };
    Some(Tenant { id: format!("{}/{}", text("namespace")?, text("name")?), claim })
}

fn has_type(block: &Block, name: &str) -> bool {
    block.labels.first().is_some_and(|label| label.as_str() == name)
}

fn field<'v>(object: &'v Expression, name: &str) -> Option<&'v str> {
    object.as_object()?.get(&ObjectKey::from(Ident::new(name)))?.expr().as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Origin;

    fn main_tf(id: &str, storage: &str) -> Option<String> {
        let (namespace, name) = id.split_once('/').unwrap();
        Some(format!(
            "resource \"gpu_windowed_service\" \"x\" {{\n  namespace = \"{namespace}\"\n  name = \"{name}\"\n  {storage}\n}}\n"
        ))
    }

    fn change(path: &str, before: Option<String>, after: Option<String>) -> Change {
        Change { path: path.to_owned(), before, after, origin: Origin::Generated }
    }

    #[test]
    fn a_renamed_file_moves_its_tenant_and_only_a_removed_one_ends_it() {
        let nfs = "storage = { size = \"1Gi\", mount_path = \"/d\" }";
        let delete = "storage = { size = \"1Gi\", mount_path = \"/d\", deletion_policy = \"delete\" }";
        let theirs = "storage = { existing_claim = \"c\", mount_path = \"/d\" }";
        let changes = [
            change("a/main.tf", main_tf("tts/a", nfs), None),
            change("b/main.tf", None, main_tf("tts/a", nfs)),
            change("c/main.tf", main_tf("tts/c", nfs), None),
            change("d/main.tf", main_tf("tts/d", delete), None),
            change("e/main.tf", main_tf("tts/e", theirs), None),
            change("f/main.tf", main_tf("tts/f", nfs), main_tf("tts/f", theirs)),
            change("fleet/main.tf", Some("resource \"gpu_card\" \"x\" {}\n".to_owned()), None),
        ];
        let told: Vec<String> = farewells(&changes).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
