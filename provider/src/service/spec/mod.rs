//! From what a user wrote of a tenant to the domain's tenant.

mod bounds;
mod front;
mod gate;
mod pod;
mod server;
mod storage;
mod volumes;

pub(crate) use pod::tolerations;

use std::collections::BTreeMap;

use tenancy::duration::Seconds;
use tenancy::names::{TenantId, WindowName};
use tenancy::quantity::Quantity;
use tenancy::tenant::Tenant;
use tenancy::window::{Day, Schedule, Window};
use tfplugin::{Attr, Diagnostic, Diagnostics, Map, Path};

use super::model::ServiceModel;
use super::parts::WindowModel;
use crate::fill::{Fill, Sample};

fn at(name: &str) -> Path {
    Path::attribute(name)
}

/// The tenant of a model; problems and unknowns are in `fill`.
fn convert(model: &ServiceModel, agent_image: &Attr<String>, fill: &mut Fill) -> Option<Tenant> {
    let namespace = fill.parse(&model.namespace, &at("namespace"));
    let name = fill.parse(&model.name, &at("name"));
    let schedule = schedule(model, fill);
    let suspend = fill.flag(&model.suspend).unwrap_or(false);
    let server = server::server(model, fill);
    let service = front::service(model, fill);
    let storage = storage::storage(model, fill);
    let volumes = volumes::volumes(model, fill);
    let shm_size = fill.parse(&model.shm_size, &at("shm_size"));
    let config = fill.texts(&model.config, &at("config"));
    for (key, _) in model.config.known().into_iter().flatten().filter(|(_, content)| content.is_null()) {
        let path = at("config").key(key);
        fill.wrong(&path, "No content", format!("{path} is null. Give it a content, or leave the file out."));
    }
    let config_mode = storage::config_mode(model, fill);
    let init_containers = server::init_containers(model, fill);
    let prefetch = server::prefetch(model, fill);
    let sidecars = server::sidecars(model, fill);
    let evictable = fill.flag(&model.evictable).unwrap_or(true);
    let (quota, network) = (bounds::quota(model, fill), bounds::network(model, fill));
    let pod = pod::pod(model, fill);
    let metadata = pod::metadata(model, fill);
    let gate = gate::gate(model, agent_image, fill);
    let pod_patch = fill.json(&model.pod_patch, &at("pod_patch"));
    let handed_over = gate::handed_over(model, fill);
    // Not the tenant's own, but what a user wrote of it: wrong here is wrong now.
    fill.adopted(&model.adopt);
    timeouts(model, fill);
    let tenant = Tenant {
        id: TenantId { namespace: namespace?, name: name? },
        schedule: schedule?,
        suspend,
        server: server?,
        service: service?,
        storage: storage?,
        volumes,
        shm_size,
        config,
        config_mode,
        init_containers,
        prefetch,
        sidecars,
        evictable,
        quota,
        network,
        pod,
        metadata,
        gate,
        pod_patch,
        handed_over,
    };
    floor_is_its_own(model, &tenant, fill);
    Some(tenant)
}

fn timeouts(model: &ServiceModel, fill: &mut Fill) {
    let Some(timeouts) = model.timeouts.known() else { return };
    for (name, attr) in
        [("create", &timeouts.create), ("update", &timeouts.update), ("delete", &timeouts.delete)]
    {
        fill.parse::<Seconds>(attr, &at("timeouts").field(name));
    }
}

/// A tenant rests on its own claim: another's would promise its memory twice.
fn floor_is_its_own(model: &ServiceModel, tenant: &Tenant, fill: &mut Fill) {
    let Some(floor) = model.vram_floor.as_str() else {
        if model.vram_floor.is_unknown() {
            fill.met_unknown();
        } else if !fill.unknown && !tenant.is_on_cpu() {
            let detail = "A tenant of a card needs a claim on it, or its memory would be promised to nobody. Refer to \
                 its gpu_vram_floor; a server that runs on the CPU says `slices = 0` and `always = true`.";
            fill.wrong(&at("vram_floor"), "No claim on a card", detail);
        }
        return;
    };
    if tenant.is_on_cpu() {
        let detail = "It has no slice of a card, so it runs on the CPU and its claim would keep memory from others \
             for nothing. Leave `vram_floor` out.";
        fill.wrong(&at("vram_floor"), "A claim of a tenant without a card", detail);
        return;
    }
    if fill.unknown || floor == tenant.id.to_string() {
        return;
    }
    let detail = format!(
        "vram_floor is {floor:?}, but this tenant is \"{}\". Refer to the gpu_vram_floor whose `tenant` is this one.",
        tenant.id
    );
    fill.wrong(&at("vram_floor"), "A claim of another tenant", detail);
}

fn schedule(model: &ServiceModel, fill: &mut Fill) -> Option<Schedule> {
    let always = fill.flag(&model.always).unwrap_or(false);
    let on_demand = fill.flag(&model.on_demand).unwrap_or(false);
    if model.windows.is_null() {
        return match (always, on_demand) {
            (true, _) => Some(Schedule::Always),
            (_, true) => Some(Schedule::OnDemand),
            _ => {
                let detail = "always or on_demand is set, but to false. Set one to true, or give windows.";
                fill.wrong(&at("windows"), "No schedule", detail);
                None
            }
        };
    }
    if model.windows.is_unknown() {
        let window = unknown_window(fill)?;
        return Some(Schedule::Windows(BTreeMap::from([window])));
    }
    let mut windows: BTreeMap<WindowName, Window> = BTreeMap::new();
    if has_open_times(model) {
        // How many CronJobs a window takes depends on its times.
        windows.extend(unknown_window(fill));
    }
    for (key, attr) in fill.map(&model.windows) {
        let path = at("windows").key(key);
        let name = fill.text(key, &path);
        let stand_in = WindowModel {
            start: Attr::Unknown,
            end: "23:59".into(),
            time_zone: Attr::Unknown,
            ..WindowModel::default()
        };
        let window = fill.any(attr, &stand_in, &stand_in).and_then(|one| window(one, &path, fill));
        if let (Some(name), Some(window)) = (name, window) {
            windows.insert(name, window);
        }
    }
    if model.windows.known().is_some_and(BTreeMap::is_empty) {
        let detail = "windows is empty, so the tenant would never be awake. Give at least one, or set always or on_demand.";
        fill.wrong(&at("windows"), "No windows", detail);
    }
    (!windows.is_empty()).then_some(Schedule::Windows(windows))
}

/// A window whose name differs between the samples, so that their objects do.
fn unknown_window(fill: &mut Fill) -> Option<(WindowName, Window)> {
    fill.met_unknown();
    let path = at("windows");
    let name = fill.text(fill.sample.of("unknown-a", "unknown-b"), &path)?;
    let (start, end) = fill.text("00:00", &path).zip(fill.text("01:00", &path))?;
    let window = Window::new(start, end, Vec::new(), fill.text("UTC", &path)?).ok()?;
    Some((name, window))
}

/// Whether a window's times are not known yet, or whether it is there at all.
fn has_open_times(model: &ServiceModel) -> bool {
    let mut windows = model.windows.known().into_iter().flat_map(|all| all.values());
    windows.any(|one| match one {
        Attr::Known(window) => window.start.is_unknown() || window.end.is_unknown(),
        one => one.is_unknown(),
    })
}

/// One window of a tenant, or of a function's argument.
pub(crate) fn window(model: &WindowModel, path: &Path, fill: &mut Fill) -> Option<Window> {
    let start = fill.parse(&model.start, &path.field("start"));
    let end = fill.parse(&model.end, &path.field("end"));
    let zone = fill.parse(&model.time_zone, &path.field("time_zone"));
    let mut days: Vec<Day> = Vec::new();
    if model.days.is_unknown() {
        fill.met_unknown();
        days.push(fill.sample.of(Day::Mon, Day::Tue));
    }
    // Empty would count as every day, and whoever computes a list means it otherwise.
    if model.days.known().is_some_and(|days| days.is_empty()) {
        let path = path.field("days");
        fill.wrong(&path, "No days", format!("{path} is empty. Name a day, or leave it out for every day."));
    }
    for (index, day) in model.days.known().into_iter().flatten().enumerate() {
        let path = path.field("days").index(index);
        match day {
            Attr::Unknown => {
                fill.met_unknown();
                days.push(fill.sample.of(Day::Mon, Day::Tue));
            }
            day => days.extend(day.as_str().and_then(|text| fill.text::<Day>(text, &path))),
        }
    }
    match Window::new(start?, end?, days, zone?) {
        Ok(window) => Some(window),
        // Two unknown times may be the same sample, which says nothing.
        Err(_) if model.start.is_unknown() || model.end.is_unknown() => None,
        Err(invalid) => {
            fill.invalid(path, &invalid);
            None
        }
    }
}

fn checked(model: &ServiceModel, agent_image: &Attr<String>, sample: Sample) -> (Option<Tenant>, Fill) {
    let mut fill = Fill::new(sample);
    let tenant = convert(model, agent_image, &mut fill);
    if let Some(tenant) = &tenant {
        fill.check(tenant.check());
    }
    (tenant, fill)
}

/// The tenant with either sample in the place of what is unknown; nothing
/// where too much is unknown to say.
///
/// # Errors
/// Everything that is wrong with what is known: with unknowns, what is wrong
/// whichever sample stands for them.
pub(crate) fn both(
    model: &ServiceModel,
    agent_image: &Attr<String>,
) -> Result<Option<(Tenant, Tenant)>, Diagnostics> {
    let (a, in_a) = checked(model, agent_image, Sample::A);
    if !in_a.unknown {
        in_a.problems.into_result()?;
        return Ok(a.clone().zip(a));
    }
    let (b, in_b) = checked(model, agent_image, Sample::B);
    let told: Vec<Diagnostic> = in_b.problems.into_iter().collect();
    let common: Diagnostics = in_a.problems.into_iter().filter(|problem| told.contains(problem)).collect();
    common.into_result()?;
    Ok(a.zip(b))
}

/// The tenant of a model that is wholly known.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn tenant(model: &ServiceModel, agent_image: &Attr<String>) -> Result<Tenant, Diagnostics> {
    let (tenant, fill) = checked(model, agent_image, Sample::A);
    fill.problems.into_result()?;
    tenant.ok_or_else(|| {
        let detail = "namespace, name, image, a port and one of windows, on_demand and always must be set.";
        Diagnostic::error("Incomplete tenant", detail).into()
    })
}

/// Whether two texts mean the same Kubernetes amount.
pub(in crate::service) fn same_amount(a: &str, b: &str) -> bool {
    matches!((a.parse::<Quantity>(), b.parse::<Quantity>()), (Ok(a), Ok(b)) if a == b)
}

/// Whether two maps say the same amounts of the same resources.
pub(in crate::service) fn same_amounts(a: &Map<String>, b: &Map<String>) -> bool {
    let same = |a: &Attr<String>, b: &Attr<String>| match (a, b) {
        (Attr::Known(a), Attr::Known(b)) => same_amount(a, b),
        _ => a == b && !a.is_unknown(),
    };
    a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| same(a, b))
}

/// Whether two texts mean the same length of time.
pub(in crate::service) fn same_length(a: &str, b: &str) -> bool {
    matches!((a.parse::<Seconds>(), b.parse::<Seconds>()), (Ok(a), Ok(b)) if a == b)
}
