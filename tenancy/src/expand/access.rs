//! What a tenant's gate may do, and as whom: nothing but this.

use serde_json::{Value, json};

use super::{labels, object, of_tenant};
use crate::declared::gate_account;
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

/// The content of a RoleBinding that gives a Role to a tenant's gate.
pub(super) fn binding(role: &str, tenant: &TenantId) -> Value {
    json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [{
            "kind": "ServiceAccount",
            "name": gate_account(tenant),
            "namespace": tenant.namespace.as_str(),
        }],
    })
}
