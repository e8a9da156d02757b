//! What the NVIDIA driver says of a node's cards, through NVML.
//!
//! The library is loaded when a [`Driver`] is opened and let go when it is
//! dropped: a driver that was reloaded answers only to who asks afresh.

use std::path::{Path, PathBuf};

use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::{Device, Nvml};

use crate::cause::chain;

/// The library's name where none is given: the loader finds it where the NVIDIA
/// container runtime mounts it.
pub const LIBRARY: &str = "libnvidia-ml.so.1";

/// An initialised NVML.
pub struct Driver {
    nvml: Nvml,
}

/// Why the driver as a whole did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {cause}. {remedy}")]
pub struct DriverError {
    /// What was tried.
    pub what: String,
    /// What NVML or the loader said.
    pub cause: String,
    /// What helps, as a sentence.
    pub remedy: &'static str,
    /// Whether only another container can see the driver again: the runtime
    /// mounts the driver's library when it makes one, and never later.
    pub needs_new_container: bool,
}

/// What the driver said of all cards at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The driver's version, such as `570.124.06`.
    pub driver_version: String,
    /// The cards in the driver's order.
    pub cards: Vec<CardReading>,
}

/// What the driver said of one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardReading {
    /// Its index, as `nvidia-smi` counts.
    pub index: u32,
    /// Its figures, or what NVML answered instead.
    pub figures: Result<CardFigures, String>,
}

/// The figures of one card, all in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFigures {
    /// The UUID, `GPU-…`.
    pub uuid: String,
    /// The product's name, such as `Tesla T4`.
    pub model: String,
    /// The card's memory.
    pub total_bytes: u64,
    /// What processes hold, without the driver's reserve.
    pub used_bytes: u64,
    /// What can be allocated.
    pub free_bytes: u64,
    /// What the driver and firmware keep.
    pub reserved_bytes: u64,
    /// Share of the last moments in which a kernel ran, in percent; `None`
    /// where the card does not say, as in MIG mode.
    pub utilisation_percent: Option<u32>,
    /// The MIG instances; `None` when MIG is off or unknown to the card.
    pub instances: Option<Vec<Instance>>,
    /// The processes on it, each once per MIG instance; `None` where the driver
    /// does not list them.
    pub processes: Option<Vec<Process>>,
}

/// A MIG instance of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The UUID, `MIG-…`.
    pub uuid: String,
    /// Its memory in bytes.
    pub total_bytes: u64,
    /// What processes hold of it in bytes.
    pub used_bytes: u64,
    /// What can be allocated in it in bytes.
    pub free_bytes: u64,
}

/// A process on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id, in the exporter's own PID namespace.
    pub pid: u32,
    /// Its GPU instance in MIG mode.
    pub gpu_instance: Option<u32>,
    /// Its compute instance in MIG mode.
    pub compute_instance: Option<u32>,
    /// What it holds; `None` where the driver does not say, as for some virtual GPUs.
    pub bytes: Option<u64>,
}

impl Driver {
    /// Loads the library and initialises it.
    ///
    /// # Errors
    /// The library is not there, or the driver behind it does not answer.
    pub fn open(library: Option<&Path>) -> Result<Self, DriverError> {
        let library: PathBuf = library.map_or_else(|| LIBRARY.into(), Path::to_path_buf);
        let nvml = Nvml::builder().lib_path(library.as_os_str()).init();
        let nvml = nvml.map_err(|error| match error {
            NvmlError::LibloadingError(cause) => DriverError {
                what: format!("{} cannot be loaded", library.display()),
                cause: chain(&cause),
                remedy: "The NVIDIA container runtime mounts it: give the pod that runtime class and \
                         NVIDIA_VISIBLE_DEVICES=all, and see that the node has a driver. A pod that is older \
                         than the driver has to be deleted, so that its successor gets the library.",
                needs_new_container: true,
            },
            error => whole("initialising NVML", &error),
        })?;
        Ok(Self { nvml })
    }

    /// Reads every card.
    ///
    /// # Errors
    /// The driver as a whole does not answer. A single card that does not is
    /// told in its [`CardReading`].
    pub fn read(&self) -> Result<Reading, DriverError> {
        let driver_version = self
            .nvml
            .sys_driver_version()
            .map_err(|error| whole("asking for the driver's version", &error))?;
        let count = self.nvml.device_count().map_err(|error| whole("counting the cards", &error))?;
        let mut cards = Vec::new();
        for index in 0..count {
            let figures = match self.nvml.device_by_index(index).and_then(|device| figures(&device)) {
                Ok(figures) => Ok(figures),
                Err(error) if is_whole(&error) => {
                    return Err(whole(&format!("reading the card of index {index}"), &error));
                }
                Err(error) => Err(chain(&error)),
            };
            cards.push(CardReading { index, figures });
        }
        Ok(Reading { driver_version, cards })
    }
}

/// Whether an error of one card is an error of the driver.
fn is_whole(error: &NvmlError) -> bool {
    matches!(
        error,
        NvmlError::Uninitialized
            | NvmlError::DriverNotLoaded
            | NvmlError::LibRmVersionMismatch
            | NvmlError::LibraryNotFound
    )
}

fn whole(what: &str, error: &NvmlError) -> DriverError {
    let (remedy, needs_new_container) = match error {
        NvmlError::LibRmVersionMismatch => (
            "The driver was changed under this container, which has the library of the old one; a new container gets the new one.",
            true,
        ),
        NvmlError::DriverNotLoaded => {
            ("It is asked again until the driver is loaded; `nvidia-smi` on the node says more.", false)
        }
        NvmlError::NoPermission => (
            "The container may not open the node's /dev/nvidia devices; set NVIDIA_VISIBLE_DEVICES=all.",
            false,
        ),
        _ => ("It is asked again; `nvidia-smi` on the node and the kernel's log say more.", false),
    };
    DriverError { what: what.to_owned(), cause: chain(error), remedy, needs_new_container }
}

fn figures(device: &Device<'_>) -> Result<CardFigures, NvmlError> {
    let memory = device.memory_info()?;
    // What not every card has is left out; a lost card has failed before.
    let instances = match device.mig_mode() {
        Ok(mode) if mode.current != 0 => Some(migs(device)?),
        _ => None,
    };
    Ok(CardFigures {
        uuid: device.uuid()?,
        model: device.name()?,
        total_bytes: memory.total,
        used_bytes: memory.used,
        free_bytes: memory.free,
        reserved_bytes: memory.reserved,
        utilisation_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
        processes: processes(device, instances.as_ref().map(|(_, handles)| handles.as_slice()))?,
        instances: instances.map(|(instances, _)| instances),
    })
}

type Migs<'d> = (Vec<Instance>, Vec<Device<'d>>);

fn migs<'d>(device: &Device<'d>) -> Result<Migs<'d>, NvmlError> {
    let (mut instances, mut handles) = (Vec::new(), Vec::new());
    for index in 0..device.mig_device_count()? {
        let handle = match device.mig_device_by_index(index) {
            Ok(handle) => handle,
            // The count is of places, and most of them are empty.
            Err(NvmlError::NotFound | NvmlError::InvalidArg) => continue,
            Err(error) => return Err(error),
        };
        let memory = handle.memory_info()?;
        instances.push(Instance {
            uuid: handle.uuid()?,
            total_bytes: memory.total,
            used_bytes: memory.used,
            free_bytes: memory.free,
        });
        handles.push(handle);
    }
    Ok((instances, handles))
}

/// All processes of a card, each once. The driver lists a process that computes
/// and draws in both lists, and a MIG instance's again on the whole card.
fn processes(
    device: &Device<'_>,
    instances: Option<&[Device<'_>]>,
) -> Result<Option<Vec<Process>>, NvmlError> {
    let mut listed: Vec<Process> = Vec::new();
    let mut any = false;
    for handle in std::iter::once(device).chain(instances.into_iter().flatten()) {
        let lists = [
            handle.running_compute_processes(),
            handle.running_graphics_processes(),
            handle.mps_running_compute_processes(),
        ];
        for list in lists {
            match list {
                Ok(list) => {
                    any = true;
                    list.into_iter().map(process).for_each(|process| add(&mut listed, process));
                }
                // Which lists there are differs by driver, card and rights.
                Err(
                    NvmlError::NotSupported
                    | NvmlError::NoPermission
                    | NvmlError::InvalidArg
                    | NvmlError::FailedToLoadSymbol(_)
                    | NvmlError::FunctionNotFound,
                ) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(any.then_some(listed))
}

fn process(info: ProcessInfo) -> Process {
    Process {
        pid: info.pid,
        gpu_instance: info.gpu_instance_id,
        compute_instance: info.compute_instance_id,
        bytes: match info.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        },
    }
}

fn add(listed: &mut Vec<Process>, process: Process) {
    let place = |it: &Process| (it.pid, it.gpu_instance, it.compute_instance);
    match listed.iter_mut().find(|it| place(it) == place(&process)) {
        Some(known) => known.bytes = known.bytes.max(process.bytes),
        None => listed.push(process),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(pid: u32, gpu_instance: Option<u32>, bytes: Option<u64>) -> Process {
        Process { pid, gpu_instance, compute_instance: gpu_instance.map(|_| 0), bytes }
    }

    #[test]
    fn a_process_in_two_lists_counts_once_and_on_two_instances_twice() {
        let mut listed = Vec::new();
        for process in [
            on(7, None, Some(100)),
            on(7, None, Some(120)),
            on(8, None, None),
            on(8, None, Some(5)),
            on(9, Some(1), Some(10)),
            on(9, Some(2), Some(20)),
        ] {
            add(&mut listed, process);
        }
        assert_eq!(
            listed,
            [
                on(7, None, Some(120)),
                on(8, None, Some(5)),
                on(9, Some(1), Some(10)),
                on(9, Some(2), Some(20))
            ]
        );
    }
}
