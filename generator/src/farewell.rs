//! What becomes of a tenant that a stack describes no longer: it is gone, its
//! file was renamed, or another took its place. These look alike among the
//! changes, and the advice for one would ruin the other.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::Ident;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, Body};

use crate::leaf::{MADE_UNITS, UNITS};
use crate::load::TENANTS;
use crate::write::Change;

/// A tenant that a stack described until now, or a claim of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The folder of the stack.
    pub stack: String,
    /// `namespace/name` of its tenant.
    pub tenant: String,
    /// What happens to the tenant.
    pub fate: Fate,
}

/// What happens to a tenant that its stack describes no longer, or not as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It lives on in another stack.
    Moved {
        /// The folder of that stack.
        to: String,
        /// Whether that stack has a state of another tenant.
        over: bool,
    },
    /// It is gone, and so is its stack, or a tenant from elsewhere moves in.
    Gone {
        /// What its destruction does to its storage.
        claim: Claim,
        /// The file of the one new tenant in its namespace, where it is the one that goes from there: perhaps
        /// somebody renamed a file that says no `name`.
        renamed: Option<String>,
    },
    /// The stack stays and describes a tenant that nobody had before.
    Replaced {
        /// `namespace/name` of that tenant.
        by: String,
        /// What the replacement does to the old one's storage.
        claim: Claim,
    },
    /// It stays, and its claim is wanted no more and would be deleted.
    Unstored,
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

/// What these changes end, in the order of the stacks' folders.
pub fn farewells(changes: &[Change]) -> Vec<Farewell> {
    let mut arrived: BTreeMap<String, String> = BTreeMap::new();
    let mut left: Vec<(String, Tenant, Option<String>)> = Vec::new();
    let mut told: Vec<Farewell> = Vec::new();
    for change in changes {
        let Some(stack) = change.path.strip_suffix("/main.tf") else { continue };
        let tenant = |text: &Option<String>| text.as_deref().and_then(tenant);
        match (tenant(&change.before), tenant(&change.after)) {
            (Some(old), Some(new)) if old.id == new.id => {
                if old.claim == Claim::Deleted && new.claim == Claim::None {
                    told.push(Farewell { stack: stack.to_owned(), tenant: old.id, fate: Fate::Unstored });
                }
            }
            (old, new) => {
                let new = new.map(|new| new.id);
                arrived.extend(new.clone().map(|new| (new, stack.to_owned())));
                left.extend(old.map(|old| (stack.to_owned(), old, new)));
            }
        }
    }
    let leavers: BTreeSet<&String> = left.iter().map(|(_, tenant, _)| &tenant.id).collect();
    let had_a_tenant: BTreeSet<&String> = left.iter().map(|(stack, ..)| stack).collect();
    let gone: Vec<&str> =
        leavers.iter().filter(|id| !arrived.contains_key(**id)).map(|id| id.as_str()).collect();
    let newcomers: Vec<(&str, &str)> = arrived
        .iter()
        .filter(|(id, stack)| !leavers.contains(id) && !had_a_tenant.contains(stack))
        .map(|(id, stack)| (id.as_str(), unit(stack)))
        .collect();
    for (stack, tenant, next) in &left {
        let fate = match (arrived.get(&tenant.id), next) {
            // Another layout: the state stays where it is.
            (Some(to), _) if unit(to) == unit(stack) => continue,
            (Some(to), _) => Fate::Moved { to: to.clone(), over: had_a_tenant.contains(to) },
            // Whoever moves in brings a state along, so the one that is here cannot be left to the next apply.
            (None, Some(by)) if !leavers.contains(by) => {
                Fate::Replaced { by: by.clone(), claim: tenant.claim }
            }
            (None, _) => {
                let renamed = renamed(&tenant.id, &gone, &newcomers);
                Fate::Gone { claim: tenant.claim, renamed }
            }
        };
        told.push(Farewell { stack: stack.clone(), tenant: tenant.id.clone(), fate });
    }
    told.sort_by(|a, b| a.stack.cmp(&b.stack));
    told
}

/// The file that a tenant's may have become: of the one that is new where only this one goes.
fn renamed(tenant: &str, gone: &[&str], newcomers: &[(&str, &str)]) -> Option<String> {
    let namespace = |id: &str| id.split('/').next().map(str::to_owned);
    let here = namespace(tenant);
    let mut others = gone.iter().filter(|id| **id != tenant && namespace(id) == here);
    let mut new = newcomers.iter().filter(|(id, _)| namespace(id) == here);
    match (others.next(), new.next(), new.next()) {
        (None, Some((_, stack)), None) => Some(format!("{TENANTS}/{stack}.yaml")),
        _ => None,
    }
}

/// The name of a stack without the folder of its layout.
fn unit(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// Where a stack runs, and what makes that place. A unit that was only written has no state of its own.
fn place(folder: &str) -> (String, &'static str) {
    match folder.split_once('/') {
        Some((UNITS, unit)) => (format!("{MADE_UNITS}/{unit}"), "`terragrunt stack generate`, then "),
        _ => (folder.to_owned(), ""),
    }
}

/// What to do about it, as whole sentences.
impl std::fmt::Display for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stack, tenant, fate } = self;
        let (here, first) = place(stack);
        match fate {
            Fate::Moved { to, over } => {
                let (there, _) = place(to);
                // Out of every stack's folder, of which some are made anew and some go with this commit. Pushed from
                // the standard input, since terragrunt runs the CLI in a folder of its own.
                let file =
                    format!("{}moved-{}.tfstate", "../".repeat(1 + here.matches('/').count()), unit(stack));
                let force = if *over { "-force " } else { "" };
                write!(
                    f,
                    "{tenant} moved from the stack {stack} to {to} and is the same tenant: destroy nothing of it. Carry \
                     its state over before the next apply: {first}`terragrunt state pull > {file}` in {here} on the \
                     commit before, then {first}`terragrunt state push {force}- < {file}` in {there} on this one."
                )?;
                f.write_str(match over {
                    true => " `-force` because a state of another tenant is there: go on only after that one has been \
                              destroyed or carried away.",
                    false => "",
                })
            }
            Fate::Gone { claim, renamed } => {
                write!(
                    f,
                    "{tenant} leaves its stack, which destroys nothing in the cluster. If it was ever applied, run \
                     {first}`terragrunt destroy` in {here} on the commit before, then merge its removal.{claim}"
                )?;
                let Some(file) = renamed else { return Ok(()) };
                let name = tenant.rsplit('/').next().unwrap_or(tenant);
                write!(
                    f,
                    " If it is only the file that was renamed, write `name: {name}` into {file}, and it stays the \
                     tenant that it is."
                )
            }
            Fate::Replaced { by, claim } => {
                write!(
                    f,
                    "{tenant} becomes {by} in the stack {stack}: the next apply destroys the one and makes the other. A \
                     tenant keeps what it has only under its own `namespace` and `name`.{claim}"
                )
            }
            Fate::Unstored => write!(
                f,
                "{tenant} has no storage of its own any more: the next apply DELETES its claim with all data on it \
                 (`deletion_policy = \"delete\"`). To keep it, apply `deletion_policy: retain` before."
            ),
        }
    }
}

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Claim::None => "",
            Claim::Stays => " Its claim stays, with its data.",
            Claim::Deleted => " That DELETES its claim with all data on it (`deletion_policy = \"delete\"`).",
        })
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

    /// The file's name is the tenant's, so this makes another one unless the file says `name`.
    #[test]
    fn a_file_that_was_renamed_without_a_name_is_told_how_to_keep_its_tenant() {
        let renamed = [
            change("old/main.tf", main_tf("tts/old", NFS), None),
            change("new/main.tf", None, main_tf("tts/new", NFS)),
        ];
        let said = told(&renamed);
        assert!(
            said.contains("only the file that was renamed, write `name: old` into tenants/new.yaml"),
            "{said}"
        );
        // Of two nobody knows which became which, and of another namespace it is another tenant.
        let two = [&renamed[..], &[change("more/main.tf", None, main_tf("tts/more", NFS))]].concat();
        let elsewhere = [renamed[0].clone(), change("new/main.tf", None, main_tf("stt/new", NFS))];
        for changes in [&two[..], &elsewhere] {
            assert!(!told(changes).contains("renamed"), "{}", told(changes));
        }
    }

    const NFS: &str = "storage = { size = \"1Gi\", mount_path = \"/d\" }";
    const DELETE: &str = "storage = { size = \"1Gi\", mount_path = \"/d\", deletion_policy = \"delete\" }";

    fn told(changes: &[Change]) -> String {
        farewells(changes).iter().map(|told| format!("{told}\n")).collect()
    }

    /// `git mv -f tenants/a.yaml tenants/b.yaml`, after which `a` lives and `b` is gone.
    #[test]
    fn a_tenant_that_was_renamed_over_another_lives_and_the_other_is_gone() {
        insta::assert_snapshot!(told(&[
            change("a/main.tf", main_tf("tts/a", DELETE), None),
            change("b/main.tf", main_tf("tts/b", DELETE), main_tf("tts/a", DELETE)),
        ]));
    }

    #[test]
    fn tenants_that_swap_their_files_both_live() {
        let changes = [
            change("a/main.tf", main_tf("tts/a", NFS), main_tf("tts/b", NFS)),
            change("b/main.tf", main_tf("tts/b", NFS), main_tf("tts/a", NFS)),
        ];
        let fates: Vec<Fate> = farewells(&changes).into_iter().map(|told| told.fate).collect();
        let moved = |to: &str| Fate::Moved { to: to.to_owned(), over: true };
        assert_eq!(fates, [moved("b"), moved("a")]);
    }

    #[test]
    fn what_changes_in_place_says_what_the_next_apply_deletes() {
        insta::assert_snapshot!(told(&[
            change("name/main.tf", main_tf("tts/a", DELETE), main_tf("tts/z", DELETE)),
            change("namespace/main.tf", main_tf("tts/b", NFS), main_tf("stt/b", NFS)),
            change("storage/main.tf", main_tf("tts/c", DELETE), main_tf("tts/c", "")),
            change("kept/main.tf", main_tf("tts/d", NFS), main_tf("tts/d", "")),
        ]));
    }

    #[test]
    fn units_are_destroyed_and_moved_where_their_states_are() {
        insta::assert_snapshot!(told(&[
            change("units/a/main.tf", main_tf("tts/a", NFS), None),
            change("units/b/main.tf", main_tf("tts/b", NFS), None),
            change("units/c/main.tf", None, main_tf("tts/b", NFS)),
        ]));
    }

    #[test]
    fn another_layout_ends_nobody() {
        assert_eq!(
            told(&[
                change("a/main.tf", main_tf("tts/a", NFS), None),
                change("units/a/main.tf", None, main_tf("tts/a", NFS)),
            ]),
            ""
        );
    }
}
