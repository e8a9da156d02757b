//! What is deleted or replaced, and why.

use std::collections::BTreeSet;

use serde_json::Value;

use super::assemble::{Read, Seen};
use super::declared::Keeps;
use super::model::{Action, Field, Loss};

/// All losses, by stack and address.
/// `going` are the stacks that the commits remove.
pub(super) fn losses(read: &Read<'_>, going: &BTreeSet<&str>) -> Vec<Loss> {
    let mut found: Vec<Loss> = read.seen.iter().filter_map(|seen| resource(seen, read, going)).collect();
    found.extend(read.seen.iter().flat_map(storage_taken_away));
    found.sort_by(|a, b| (a.action, &a.stack, &a.address).cmp(&(b.action, &b.stack, &b.address)));
    found
}

fn resource(seen: &Seen<'_>, read: &Read<'_>, going: &BTreeSet<&str>) -> Option<Loss> {
    let action = seen.action.filter(|action| matches!(action, Action::Delete | Action::Replace))?;
    let paths: Vec<String> = seen.resource.change.replace_paths.iter().map(|path| spelled(path)).collect();
    let below = |field: &&Field| {
        paths.iter().any(|path| {
            field
                .path
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    Some(Loss {
        stack: seen.stack.to_owned(),
        address: seen.resource.address.clone(),
        action,
        attributes: seen.fields.iter().filter(below).cloned().collect(),
        cause: cause(seen, action, &paths, going.contains(seen.stack)),
        consequences: consequences(seen, action, read),
    })
}

/// A path as Terraform writes it, from its steps in JSON.
fn spelled(steps: &[Value]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Value::String(name) if path.is_empty() => path.push_str(name),
            Value::String(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                path.push('.');
                path.push_str(name);
            }
            other => path.push_str(&format!("[{other}]")),
        }
    }
    path
}

fn cause(seen: &Seen<'_>, action: Action, paths: &[String], stack_goes: bool) -> String {
    let reason = seen.resource.action_reason.as_deref().unwrap_or_default();
    let attributes = paths.join(", ");
    match (reason, action) {
        ("replace_because_tainted", _) => {
            "an earlier create failed half-way, and it is marked as tainted".to_owned()
        }
        ("replace_by_request", _) => "the plan was asked to replace it (-replace)".to_owned(),
        ("replace_by_triggers", _) => "something that it names in replace_triggered_by changes".to_owned(),
        (_, Action::Replace) if attributes.is_empty() => "it cannot be changed in place".to_owned(),
        (_, Action::Replace) => format!("{attributes} cannot change in place"),
        ("delete_because_no_resource_config", _) => "its block is no longer in the configuration".to_owned(),
        ("delete_because_no_module", _) => "its module is no longer in the configuration".to_owned(),
        ("delete_because_count_index", _) => "its index is beyond count".to_owned(),
        ("delete_because_each_key", _) => "its key is no longer in for_each".to_owned(),
        ("delete_because_wrong_repetition", _) => "its block gained or lost count or for_each".to_owned(),
        ("delete_because_no_move_target", _) => {
            "it was moved to an address that is not in the configuration".to_owned()
        }
        // Where everything is destroyed, nothing has a reason of its own.
        ("", _) if stack_goes => "these commits remove its stack".to_owned(),
        ("", _) => "the plan says no reason, as one that destroys the whole stack".to_owned(),
        (other, _) => other.replace('_', " "),
    }
}

fn consequences(seen: &Seen<'_>, action: Action, read: &Read<'_>) -> Vec<String> {
    let before = &seen.before;
    let text = |name: &str| before.get(name).and_then(Value::as_str).unwrap_or_default();
    let again = action == Action::Replace;
    match seen.resource.kind.as_str() {
        "gpu_windowed_service" => {
            let mut told = vec![
                "Its server is drained and put to sleep first, in the middle of a window too.".to_owned(),
            ];
            let id = format!("{}/{}", text("namespace"), text("name"));
            let service = id.parse().ok().and_then(|id| read.before.services.get(&id));
            match service.and_then(|service| service.storage) {
                Some(Keeps::Deletes) => {
                    told.push("Its claim on storage is deleted with it, and the data is gone (deletion_policy = \"delete\").".to_owned());
                }
                Some(Keeps::Retains) => told.push(format!(
                    "Its claim on storage stays with its data in namespace {}; delete it by hand when nobody needs it.",
                    text("namespace")
                )),
                None => {}
            }
            told.push("Its namespace goes only if we made it and nothing else is in it.".to_owned());
            if again {
                told.push("The new one sleeps until its gate admits it.".to_owned());
            }
            told
        }
        "gpu_vram_floor" => vec![format!("Its claim on card {} is released.", text("card"))],
        "gpu_card" if again => vec!["The apply is refused while tenants are entered on the card.".to_owned()],
        "gpu_card" => vec!["The apply is refused while tenants are entered on it.".to_owned()],
        "gpu_exporter" => vec![
            "Until something else measures them, its cards' figures are unknown: nobody is admitted, and who is \
             awake yields after a while."
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

/// A claim on storage that goes from a tenant that stays.
fn storage_taken_away<'s>(seen: &'s Seen<'_>) -> impl Iterator<Item = Loss> + 's {
    let kinds = ["PersistentVolumeClaim/", "PersistentVolume/"];
    let gone = seen.objects.iter().filter(move |object| {
        seen.action == Some(Action::Update)
            && object.action == Action::Delete
            && kinds.iter().any(|kind| object.object.starts_with(kind))
    });
    gone.map(|object| {
        let storage = seen.before.get("storage");
        let deletes = storage.and_then(|it| it.get("deletion_policy")).and_then(Value::as_str) == Some("delete");
        let told = if deletes {
            "It is deleted with its data (deletion_policy = \"delete\")."
        } else {
            "It stays in the cluster with its data (deletion_policy = \"retain\"), and the tenant uses it no more."
        };
        Loss {
            stack: seen.stack.to_owned(),
            address: format!("{} of {}", object.object, seen.resource.address),
            action: Action::Delete,
            attributes: seen.fields.iter().filter(|field| field.path.starts_with("storage")).cloned().collect(),
            cause: "storage is no longer what it was".to_owned(),
            consequences: vec![told.to_owned()],
        }
    })
}
