//! What the resources of a plan declare, as types of the domain: the same types
//! that a live repository becomes, so that `fit` counts both alike.

use std::collections::BTreeMap;

use serde_json::Value;
use tenancy::card::{Card, Device, DeviceSource, Resident, Source};
use tenancy::floor::{Basis, Floor};
use tenancy::names::{CardName, TenantId};
use tenancy::quantity::Mib;
use tenancy::window::{Schedule, Window};

use super::veil::COVER;
use crate::fleet::Fleet;

/// What one side, before or after, declares.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// The cards by name.
    pub(super) cards: BTreeMap<CardName, Card>,
    /// The claims by tenant.
    pub(super) floors: BTreeMap<TenantId, Claimed>,
    /// The tenants' schedules and devices.
    pub(super) services: BTreeMap<TenantId, Service>,
}

/// A floor and its card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claimed {
    /// The card.
    pub(super) card: CardName,
    /// The claim.
    pub(super) floor: Floor,
}

/// What of a tenant decides whether it may hold memory of its card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// When it may be awake.
    pub(super) schedule: Schedule,
    /// It is asleep until a person says otherwise.
    pub(super) suspend: bool,
    /// Where it computes.
    pub(super) processor: Processor,
    /// How many slices of its card it wants.
    pub(super) slices: u32,
    /// Its image.
    pub(super) image: String,
    /// What becomes of its own claim on storage when it is destroyed; nothing where it has none.
    pub(super) storage: Option<Keeps>,
}

/// Where a tenant computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Processor {
    /// On a card, with at least one slice.
    Gpu,
    /// On the CPU alone.
    Cpu,
}

/// What becomes of storage with its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// The claim stays.
    Retains,
    /// The claim and its data are deleted.
    Deletes,
}

/// The values of one resource on one side, and what of them is not known yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v> {
    values: &'v Value,
    unknown: &'v Value,
}

/// Why a resource is not counted, as a part of a sentence: `its peak is not known before apply`.
type Why = String;

impl<'v> Values<'v> {
    /// Of a resource whose values may be unknown in part.
    pub(super) fn new(values: &'v Value, unknown: &'v Value) -> Self {
        Self { values, unknown }
    }

    fn is_unknown(&self, name: &str) -> bool {
        fn any(value: &Value) -> bool {
            match value {
                Value::Bool(unknown) => *unknown,
                Value::Array(elements) => elements.iter().any(any),
                Value::Object(fields) => fields.values().any(any),
                _ => false,
            }
        }
        *self.unknown == Value::Bool(true) || self.unknown.get(name).is_some_and(any)
    }

    /// An attribute that is set, if it is.
    fn get(&self, name: &str) -> Result<Option<&'v Value>, Why> {
        if self.is_unknown(name) {
            return Err(format!("its {name} is not known before apply"));
        }
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text == COVER => Err(format!("its {name} is sensitive")),
            Some(value) => Ok(Some(value)),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'v str>, Why> {
        Ok(self.get(name)?.and_then(Value::as_str))
    }

    fn flag(&self, name: &str) -> Result<bool, Why> {
        Ok(self.get(name)?.and_then(Value::as_bool).unwrap_or(false))
    }

    fn parse<T: std::str::FromStr<Err = tenancy::Invalid>>(&self, name: &str) -> Result<Option<T>, Why> {
        self.text(name)?.map(|text| text.parse().map_err(|why: tenancy::Invalid| why.finding())).transpose()
    }

    fn must<T: std::str::FromStr<Err = tenancy::Invalid>>(&self, name: &str) -> Result<T, Why> {
        self.parse(name)?.ok_or_else(|| format!("it has no {name}"))
    }

    fn below(&self, name: &str) -> Values<'v> {
        Values {
            values: self.values.get(name).unwrap_or(&Value::Null),
            unknown: self.unknown.get(name).unwrap_or(&Value::Null),
        }
    }

    /// The values of a `gpu_card`.
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub(super) fn card(&self) -> Result<Card, Why> {
        let device = match self.text("uuid") {
            Ok(Some(uuid)) => Device::Uuid(uuid.to_owned()),
            _ => {
                let index = self.get("index")?.and_then(Value::as_u64);
                Device::Index(index.and_then(|index| u32::try_from(index).ok()).unwrap_or_default())
            }
        };
        let residents = self.get("residents")?.and_then(Value::as_object);
        let resident = |(name, value): (&String, &Value)| -> Result<_, Why> {
            let values = Values { values: value, unknown: &Value::Null };
            let resident = Resident {
                namespace: values.must("namespace")?,
                pod_prefix: values.text("pod_prefix")?.map(str::to_owned),
                peak_mib: values.parse("peak")?,
                protected: values.flag("protected")?,
            };
            Ok((name.parse().map_err(|why: tenancy::Invalid| why.finding())?, resident))
        };
        Ok(Card {
            name: self.must("name")?,
            node: self.must("node")?,
            device,
            // Where figures are read has no part in the arithmetic.
            source: Source { device: DeviceSource::Dcgm(String::new()), pods: None, secret: None },
            memory_mib: self.parse("memory")?,
            critical_mib: self.parse("critical")?,
            residents: residents.into_iter().flatten().map(resident).collect::<Result<_, _>>()?,
            watch: self.flag("watch")?,
        })
    }

    /// The values of a `gpu_vram_floor`.
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub(super) fn floor(&self) -> Result<Claimed, Why> {
        let basis = match self.get("measured")? {
            None => Basis::Guessed,
            Some(_) if self.below("measured").get("at")?.is_none() => self.read_basis()?,
            Some(_) => {
                let measured = self.below("measured");
                let at = measured.text("at")?.and_then(|at| at.parse().ok());
                Basis::Measured {
                    source: measured.text("source")?.unwrap_or_default().to_owned(),
                    at: at.ok_or("its measured.at is not a time")?,
                }
            }
        };
        let priority = self.get("priority")?.and_then(Value::as_i64);
        Ok(Claimed {
            card: self.must("card")?,
            floor: Floor {
                tenant: self.must("tenant")?,
                peak_mib: self.must::<Mib>("peak")?,
                basis,
                headroom_mib: self.must::<Mib>("headroom")?,
                priority: priority.and_then(|number| i32::try_from(number).ok()).unwrap_or_default(),
                always: self.flag("always")?,
            },
        })
    }

    /// What a peak rests on that the provider reads: it says so itself.
    fn read_basis(&self) -> Result<Basis, Why> {
        let measurement = self.below("measurement");
        if self.get("measurement")?.is_none() || measurement.text("basis")? != Some("measured") {
            return Ok(Basis::Guessed);
        }
        let at = measurement.text("measured_at")?.and_then(|at| at.parse().ok());
        Ok(Basis::Measured {
            source: measurement.text("source")?.unwrap_or_default().to_owned(),
            at: at.ok_or("its measurement.measured_at is not a time")?,
        })
    }

    /// Whose service these values are, `namespace/name`.
    ///
    /// # Errors
    /// A name that is missing or cannot be read.
    pub(super) fn service_id(&self) -> Result<TenantId, Why> {
        Ok(TenantId { namespace: self.must("namespace")?, name: self.must("name")? })
    }

    /// Whose floor these values are, `namespace/name`.
    ///
    /// # Errors
    /// A name that is missing or cannot be read.
    pub(super) fn floor_id(&self) -> Result<TenantId, Why> {
        self.must("tenant")
    }

    /// The values of a `gpu_windowed_service`.
    ///
    /// # Errors
    /// What is missing or cannot be read.
    pub(super) fn service(&self) -> Result<Service, Why> {
        Ok(Service {
            schedule: self.schedule()?,
            suspend: self.flag("suspend")?,
            processor: self.processor(),
            slices: self.slices(),
            image: self.text("image").ok().flatten().unwrap_or("an image not known yet").to_owned(),
            storage: self.storage(),
        })
    }

    fn schedule(&self) -> Result<Schedule, Why> {
        if self.flag("always")? {
            return Ok(Schedule::Always);
        }
        if let Some(windows) = self.get("windows")?.and_then(Value::as_object) {
            let window = |(name, value): (&String, &Value)| -> Result<_, Why> {
                let values = Values { values: value, unknown: &Value::Null };
                let days = values.get("days")?.and_then(Value::as_array);
                let days = days.into_iter().flatten().filter_map(Value::as_str).map(str::parse);
                let window = Window::new(
                    values.must("start")?,
                    values.must("end")?,
                    days.collect::<Result<_, tenancy::Invalid>>().map_err(|why| why.finding())?,
                    values.must("time_zone")?,
                );
                let name = name.parse().map_err(|why: tenancy::Invalid| why.finding())?;
                Ok((name, window.map_err(|why| why.finding())?))
            };
            return Ok(Schedule::Windows(windows.iter().map(window).collect::<Result<_, _>>()?));
        }
        // Also `on_demand`, and whatever a newer provider may call it: it may be awake at any time.
        Ok(Schedule::OnDemand)
    }

    /// Where it computes. What the objects say counts before what the
    /// attributes say: the scheduler sees nothing else.
    fn processor(&self) -> Processor {
        let named = match self.values.get("device").and_then(Value::as_str) {
            Some("cpu") => Some(Processor::Cpu),
            Some("gpu") => Some(Processor::Gpu),
            _ => None,
        };
        let no_slices = self.values.get("slices").and_then(Value::as_u64) == Some(0);
        let no_floor =
            self.values.get("vram_floor").is_some_and(Value::is_null) && !self.is_unknown("vram_floor");
        let by_attributes = if no_slices || no_floor { Processor::Cpu } else { Processor::Gpu };
        self.limits_of_server().or(named).unwrap_or(by_attributes)
    }

    /// Whether the server's limits hold a slice, where the plan shows its Deployment's fields.
    fn limits_of_server(&self) -> Option<Processor> {
        let objects = self.values.get("objects")?.as_object()?;
        let (_, text) = objects.iter().find(|(key, _)| key.starts_with("Deployment/"))?;
        let leaves: serde_json::Map<String, Value> = serde_json::from_str(text.as_str()?).ok()?;
        let resource = self.values.get("slice_resource").and_then(Value::as_str);
        let resource = resource.unwrap_or(tenancy::defaults::SLICE_RESOURCE);
        let limit = format!("spec.template.spec.containers[server].resources.limits[{resource}]");
        Some(if leaves.contains_key(&limit) { Processor::Gpu } else { Processor::Cpu })
    }

    /// How many slices it wants; what a plan leaves out is the provider's default.
    fn slices(&self) -> u32 {
        let said = self.values.get("slices").and_then(Value::as_u64);
        said.and_then(|slices| u32::try_from(slices).ok()).unwrap_or(tenancy::defaults::SLICES)
    }

    fn storage(&self) -> Option<Keeps> {
        let storage = self.values.get("storage").filter(|storage| storage.is_object())?;
        if !storage.get("existing_claim").is_none_or(Value::is_null) {
            return None;
        }
        let deletes = storage.get("deletion_policy").and_then(Value::as_str) == Some("delete");
        Some(if deletes { Keeps::Deletes } else { Keeps::Retains })
    }
}

impl Declared {
    /// Adds what is not declared here.
    pub(super) fn add_missing(&mut self, other: Self) {
        for (name, card) in other.cards {
            self.cards.entry(name).or_insert(card);
        }
        for (tenant, claimed) in other.floors {
            self.floors.entry(tenant).or_insert(claimed);
        }
        for (tenant, service) in other.services {
            self.services.entry(tenant).or_insert(service);
        }
    }

    /// Adds what no plan speaks of from the files of the live repository.
    pub(super) fn fill_from(
        &mut self,
        fleet: &Fleet,
        spoken_of: &dyn Fn(&TenantId) -> bool,
        card: &dyn Fn(&CardName) -> bool,
    ) {
        for (name, declared) in fleet.cards.iter().filter(|(name, _)| !card(name)) {
            self.cards.entry(name.clone()).or_insert_with(|| declared.clone());
        }
        for stack in fleet.stacks.values().filter(|stack| !spoken_of(&stack.tenant.id)) {
            let id = stack.tenant.id.clone();
            if let Some(claim) = &stack.claim {
                self.floors
                    .entry(id.clone())
                    .or_insert_with(|| Claimed { card: claim.card.clone(), floor: claim.floor.clone() });
            }
            self.services.entry(id).or_insert_with(|| Service {
                schedule: stack.tenant.schedule.clone(),
                suspend: stack.tenant.suspend,
                processor: if stack.tenant.is_on_cpu() { Processor::Cpu } else { Processor::Gpu },
                slices: stack.tenant.server.slices,
                image: stack.tenant.server.image.clone(),
                storage: None,
            });
        }
    }
}
