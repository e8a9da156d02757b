//! What must be there before a tenant, looked at before anything is made.

use futures::future::join_all;
use tenancy::tenant::{Backing, Tenant, VolumeSource};
use tenancy::window::Schedule;
use tfplugin::{Diagnostic, Diagnostics, Path};

use crate::api::{Api, Ref};
use crate::card::declared_floor;
use crate::ledger::Pointer;

/// The warnings about what a tenant refers to and the cluster does not have.
///
/// # Errors
/// The tenant's claim on a card is missing: its gate would refuse for ever.
pub(super) async fn check(api: &Api, tenant: &Tenant) -> Result<Diagnostics, Diagnostics> {
    let mut remarks = match tenant.is_on_cpu() {
        true => Diagnostics::new(),
        false => claimed(api, tenant).await?,
    };
    let missing = missing(api, tenant).await;
    for (name, path, what) in missing {
        remarks.warn(
            path,
            format!("{name} does not exist"),
            format!(
                "{name} is not in the cluster. {what} Nothing here makes it; make it before the tenant wakes."
            ),
        );
    }
    Ok(remarks)
}

/// Whether a card knows of the tenant, and of one that is always awake that it is.
async fn claimed(api: &Api, tenant: &Tenant) -> Result<Diagnostics, Diagnostics> {
    let floor = Path::attribute("vram_floor");
    let pointer = Pointer::of(api, &tenant.id).await.map_err(|failure| failure.diagnostic(floor.clone()))?;
    if pointer.is_there() {
        // One that is suspended holds nothing, and wants no room.
        let wants_room = tenant.schedule == Schedule::Always && !tenant.suspend;
        let is_kept = !wants_room || is_kept_always(api, &pointer, tenant).await;
        let detail = format!(
            "{} is awake at all times and no gate enters it, so the card keeps its memory for it only where \
             the claim says so too. Set `always = true` in its gpu_vram_floor.",
            tenant.id
        );
        let warning =
            Diagnostic::warning(format!("The claim of {} is not kept", tenant.id), detail).at(floor);
        return Ok((!is_kept).then_some(warning).into_iter().collect());
    }
    let detail = format!(
        "{} is not there, so no card knows of {}. Apply its gpu_vram_floor first; when that is in \
         another configuration, make this one depend on it.",
        pointer.object, tenant.id
    );
    Err(Diagnostic::error("The tenant has no claim on a card", detail).at(floor).into())
}

/// Whether the card that the pointer names keeps the tenant's memory at all times. Where that cannot be read, we
/// say nothing against it.
async fn is_kept_always(api: &Api, pointer: &Pointer, tenant: &Tenant) -> bool {
    let Some(Ok(card)) = pointer.card().map(str::parse) else { return true };
    match declared_floor(api, &card, &tenant.id).await {
        Ok(Some(floor)) => floor.always,
        Ok(None) | Err(_) => true,
    }
}

/// The named objects of others that are absent. Where we may not look, we say nothing.
async fn missing(api: &Api, tenant: &Tenant) -> Vec<(Ref, Path, &'static str)> {
    let namespace = Some(tenant.namespace().as_str());
    let mut named: Vec<(Ref, Path, &'static str)> = Vec::new();
    for secret in &tenant.pod.image_pull_secrets {
        let name = Ref::new("v1", "Secret", namespace, secret.as_str());
        let what = "Without it the image can be pulled only if it is public.";
        named.push((name, Path::attribute("image_pull_secrets"), what));
    }
    if let Some(secret) = &tenant.gate.source_secret {
        let name = Ref::new("v1", "Secret", namespace, secret.as_str());
        let what = "Without it an https source does not tell the gate of the card, and nobody is admitted.";
        named.push((name, Path::attribute("source_secret"), what));
    }
    for (variable, key) in &tenant.server.env_from_secrets {
        if !key.optional {
            let name = Ref::new("v1", "Secret", namespace, key.secret.as_str());
            let path = Path::attribute("env_from_secrets").key(variable.as_str());
            named.push((name, path, "Without it the server's container cannot start."));
        }
    }
    for (sidecar, it) in &tenant.sidecars {
        for key in it.env_from_secrets.values().filter(|key| !key.optional) {
            let name = Ref::new("v1", "Secret", namespace, key.secret.as_str());
            let path = Path::attribute("sidecars").key(sidecar.as_str());
            named.push((name, path, "Without it the sidecar cannot start."));
        }
    }
    if let Some(Backing::ExistingClaim(claim)) = tenant.storage.as_ref().map(|it| &it.backing) {
        let name = Ref::new("v1", "PersistentVolumeClaim", namespace, claim.as_str());
        named.push((name, Path::attribute("storage"), "Without it the pod stays Pending."));
    }
    for (key, volume) in &tenant.volumes {
        let (kind, name) = match &volume.source {
            VolumeSource::Claim(name) => ("PersistentVolumeClaim", name),
            VolumeSource::ConfigMap { name, optional: false } => ("ConfigMap", name),
            VolumeSource::Secret { name, optional: false } => ("Secret", name),
            _ => continue,
        };
        let path = Path::attribute("volumes").key(key.as_str());
        named.push((
            Ref::new("v1", kind, namespace, name.as_str()),
            path,
            "Without it the pod does not start.",
        ));
    }
    let found = join_all(named.iter().map(|(name, ..)| api.get(name))).await;
    named
        .into_iter()
        .zip(found)
        .filter(|(_, found)| matches!(found, Ok(None)))
        .map(|(named, _)| named)
        .collect()
}
