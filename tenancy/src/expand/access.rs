//! What a tenant's gate may do, and as whom: nothing but this.

use serde_json::{Value, json};

use super::{labels, object, of_tenant};
use crate::declared::{SYSTEM_NAMESPACE, WATCHER_ACCOUNT, gate_account};
use crate::gate::ScaleTarget;
use crate::names::{SUBDOMAIN_LIMIT, TenantId, fit};
use crate::objects::{Kind, Object, Tenure, identity};
use crate::tenant::{ObjectKind, Tenant};

/// The gate's ServiceAccount, and Roles with their RoleBindings: one in the
/// tenant's namespace and one beside each Deployment that makes room.
pub(super) fn objects(tenant: &Tenant) -> Vec<Object> {
    let name = gate_account(&tenant.id);
    let account = json!({"automountServiceAccountToken": false});
    let mut objects = vec![
        of_tenant(tenant, Kind::ServiceAccount, ObjectKind::ServiceAccount, &name, account),
        of_tenant(tenant, Kind::Role, ObjectKind::Role, &name, own_rights(tenant)),
        of_tenant(tenant, Kind::RoleBinding, ObjectKind::RoleBinding, &name, binding(&name, &tenant.id)),
    ];
    for target in &tenant.gate.pauses {
        objects.extend(rights_on(tenant, target));
    }
    objects
}

fn own_rights(tenant: &Tenant) -> Value {
    let name = tenant.id.name.as_str();
    role(&[
        scale(name),
        json!({"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [name], "verbs": ["get"]}),
        // The gate has it mounted; a watcher has to read it.
        json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [gate_account(&tenant.id)], "verbs": ["get"]}),
        json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}),
        json!({"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}),
    ])
}

/// Role and RoleBinding in the namespace of a Deployment that makes room.
/// Their name tells tenant and target, because both share one key space in
/// plan and state whatever their namespaces.
fn rights_on(tenant: &Tenant, target: &ScaleTarget) -> [Object; 2] {
    let long = format!("pause.{}.{}.{}", tenant.id.key(), target.namespace, target.deployment);
    let name = fit(&long, "", SUBDOMAIN_LIMIT);
    let make = |kind: Kind, decorated: ObjectKind, content: Value| {
        let mut body = identity(kind, Some(&target.namespace), &name);
        labels::decorate(&mut body, labels::of_tenant(&tenant.id), tenant.metadata.get(&decorated));
        crate::leaves::merge(&mut body, &content);
        object(kind, Some(&target.namespace), &name, Tenure::Own, body)
    };
    [
        make(Kind::Role, ObjectKind::Role, role(&[scale(target.deployment.as_str())])),
        make(Kind::RoleBinding, ObjectKind::RoleBinding, binding(&name, &tenant.id)),
    ]
}

fn scale(deployment: &str) -> Value {
    json!({
        "apiGroups": ["apps"],
        "resources": ["deployments/scale"],
        "resourceNames": [deployment],
        "verbs": ["get", "patch"],
    })
}

/// The content of a Role.
pub(super) fn role(rules: &[Value]) -> Value {
    json!({ "rules": rules })
}

/// The content of a RoleBinding that gives a Role to a tenant's gate, and to
/// the watchers, which do the same for it where its card has one.
pub(super) fn binding(role: &str, tenant: &TenantId) -> Value {
    binding_of(
        role,
        &[(&gate_account(tenant), tenant.namespace.as_str()), (WATCHER_ACCOUNT, SYSTEM_NAMESPACE)],
    )
}

/// The content of a RoleBinding that gives a Role to ServiceAccounts, each by name and namespace.
pub(super) fn binding_of(role: &str, accounts: &[(&str, &str)]) -> Value {
    let subject = |(name, namespace): &(&str, &str)| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
    json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": accounts.iter().map(subject).collect::<Vec<Value>>(),
    })
}
