use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::board::Board;
use crate::wire::{AllocationRequest, Owner, ResidentRequest};

const T0: Duration = Duration::ZERO;

/// A T4 on which llama and a hidden process are resident and chatterbox runs.
fn reading(fault: Fault) -> [Reading; 1] {
    let mut board = Board::default();
    let card = "name=t4,uuid=GPU-6D5C,total-mib=15360,reserved-mib=450,model=Tesla T4,node=gpu-1";
    board.add_card(card.parse().unwrap()).unwrap();
    for (name, mib, hidden) in [("llama", 4096, false), ("xorg", 4, true)] {
        let resident = ResidentRequest { name: name.into(), mib, scripted: false, hidden, owner: None };
        board.set_resident("t4", resident, T0).unwrap();
    }
    let owner = Owner {
        namespace: "tts".into(),
        pod: "chatterbox-0".into(),
        container: "server".into(),
        process_name: "/opt/\"py\"".into(),
        pid: Some(41),
        pod_uid: Some("u-1".into()),
    };
    let request = AllocationRequest { owner, mib: 3000, scripted: false, lease_s: 2.0, leaves_leak: false };
    board.allocate("t4", request, T0).unwrap();
    board.set_fault("t4", fault, T0).unwrap();
    [board.reading("t4", T0).unwrap()]
}

fn dcgm(fault: Fault, settings: dcgm::Settings) -> String {
    dcgm::page(&reading(fault), settings)
}

/// The lines of a page that are samples, each as `value` with its distinguishing labels cut off.
fn values(page: &str, metric: &str) -> Vec<String> {
    let samples = page.lines().filter(|line| line.starts_with(metric));
    samples.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn dcgm_by_default() {
    assert_snapshot!(dcgm(Fault::None, dcgm::Settings::default()), @r#"
    # HELP DCGM_FI_DEV_FB_FREE Framebuffer memory free (in MiB).
    # TYPE DCGM_FI_DEV_FB_FREE gauge
    DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama"} 7810
    # HELP DCGM_FI_DEV_FB_USED Framebuffer memory used (in MiB).
    # TYPE DCGM_FI_DEV_FB_USED gauge
    DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama"} 7100
    # HELP DCGM_FI_DEV_FB_RESERVED Framebuffer memory reserved (in MiB).
    # TYPE DCGM_FI_DEV_FB_RESERVED gauge
    DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama"} 450
    "#);
}

#[test]
fn dcgm_per_process_counts_twice() {
    let settings = dcgm::Settings { per_process: true, ..Default::default() };
    let page = dcgm(Fault::None, settings);
    assert_snapshot!(page, @r#"
    # HELP DCGM_FI_DEV_FB_FREE Framebuffer memory free (in MiB).
    # TYPE DCGM_FI_DEV_FB_FREE gauge
    DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake"} 7810
    # HELP DCGM_FI_DEV_FB_USED Framebuffer memory used (in MiB).
    # TYPE DCGM_FI_DEV_FB_USED gauge
    DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake"} 7100
    DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="server",namespace="tts",pod="chatterbox-0",pod_uid="u-1",vgpu="0"} 3000
    DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama",vgpu="1"} 4096
    # HELP DCGM_FI_DEV_FB_RESERVED Framebuffer memory reserved (in MiB).
    # TYPE DCGM_FI_DEV_FB_RESERVED gauge
    DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake"} 450
    "#);
    let used: u64 = values(&page, "DCGM_FI_DEV_FB_USED{").iter().map(|v| v.parse::<u64>().unwrap()).sum();
    assert_eq!(used, 7100 + 7096, "the device's figure and, without the hidden process, the pods'");
}

#[test]
fn dcgm_with_virtual_gpus_and_the_old_host_label() {
    let settings = dcgm::Settings { r#virtual: true, old_hostname: true, ..Default::default() };
    assert_snapshot!(dcgm(Fault::None, settings), @r#"
    # HELP DCGM_FI_DEV_FB_FREE Framebuffer memory free (in MiB).
    # TYPE DCGM_FI_DEV_FB_FREE gauge
    DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="server",namespace="tts",pod="chatterbox-0",pod_uid="u-1",vgpu="0"} 7810
    DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama",vgpu="1"} 7810
    # HELP DCGM_FI_DEV_FB_USED Framebuffer memory used (in MiB).
    # TYPE DCGM_FI_DEV_FB_USED gauge
    DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="server",namespace="tts",pod="chatterbox-0",pod_uid="u-1",vgpu="0"} 7100
    DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama",vgpu="1"} 7100
    # HELP DCGM_FI_DEV_FB_RESERVED Framebuffer memory reserved (in MiB).
    # TYPE DCGM_FI_DEV_FB_RESERVED gauge
    DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="server",namespace="tts",pod="chatterbox-0",pod_uid="u-1",vgpu="0"} 450
    DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-6D5C",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="Tesla T4",Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="fake",container="llama",namespace="residents",pod="llama",vgpu="1"} 450
    "#);
}

#[test]
fn virtual_gpus_hide_an_idle_card() {
    let [(mut card, fault)] = reading(Fault::None);
    card.holders.clear();
    let settings = dcgm::Settings { r#virtual: true, ..Default::default() };
    assert_eq!(dcgm::page(&[(card.clone(), fault)], settings), "");
    let settings = dcgm::Settings { per_process: true, ..Default::default() };
    assert_eq!(values(&dcgm::page(&[(card, fault)], settings), "DCGM_FI_DEV_FB_USED{").len(), 1);
}

#[test]
fn the_three_figures_of_dcgm_make_the_card() {
    let page = dcgm(Fault::None, dcgm::Settings::default());
    let figures = ["FREE", "USED", "RESERVED"].map(|what| values(&page, &format!("DCGM_FI_DEV_FB_{what}{{")));
    let sum: u64 = figures.concat().iter().map(|value| value.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 15_360);
}

#[test]
fn nvidia_smi() {
    assert_snapshot!(nvidia_smi::page(&reading(Fault::None)), @r#"
    # HELP nvidia_smi_gpu_info A metric with a constant '1' value labeled by gpu uuid, name, driver_version, pci_bus_id, index.
    # TYPE nvidia_smi_gpu_info gauge
    nvidia_smi_gpu_info{driver_version="fake",name="Tesla T4",uuid="6d5c",pci_bus_id="00000000:01:00.0",index="0"} 1
    # HELP nvidia_smi_memory_free_bytes memory.free [MiB]
    # TYPE nvidia_smi_memory_free_bytes gauge
    nvidia_smi_memory_free_bytes{uuid="6d5c"} 8.18937856e+09
    # HELP nvidia_smi_memory_total_bytes memory.total [MiB]
    # TYPE nvidia_smi_memory_total_bytes gauge
    nvidia_smi_memory_total_bytes{uuid="6d5c"} 1.610612736e+10
    # HELP nvidia_smi_memory_used_bytes memory.used [MiB]
    # TYPE nvidia_smi_memory_used_bytes gauge
    nvidia_smi_memory_used_bytes{uuid="6d5c"} 7.4448896e+09
    "#);
}

#[test]
fn pods() {
    assert_snapshot!(super::pods::page(&reading(Fault::None)), @r#"
    # HELP gpu_pod_memory_used_bytes GPU memory used by pod
    # TYPE gpu_pod_memory_used_bytes gauge
    gpu_pod_memory_used_bytes{namespace="tts",pod="chatterbox-0",container="server",process_name="/opt/\"py\"",pid="41"} 3145728000
    gpu_pod_memory_used_bytes{namespace="residents",pod="llama",container="llama",process_name="llama",pid="70001"} 4294967296
    "#);
}

#[test]
fn an_empty_page_is_empty() {
    assert_eq!(dcgm(Fault::Empty200, dcgm::Settings { per_process: true, ..Default::default() }), "");
    assert_eq!(nvidia_smi::page(&reading(Fault::Empty200)), "");
    assert_eq!(super::pods::page(&reading(Fault::Empty200)), "");
}

#[test]
fn a_duplicate_contradicts_itself() {
    let page = dcgm(Fault::Duplicate, dcgm::Settings::default());
    assert_eq!(values(&page, "DCGM_FI_DEV_FB_FREE{"), ["7810", "14910"]);
    let page = nvidia_smi::page(&reading(Fault::Duplicate));
    assert_eq!(values(&page, "nvidia_smi_memory_used_bytes{"), ["7.4448896e+09", "0"]);
    assert_eq!(values(&super::pods::page(&reading(Fault::Duplicate)), "gpu_pod").len(), 4);
}

#[test]
fn absurd_figures_are_no_card_s() {
    let page = dcgm(Fault::Absurd, dcgm::Settings::default());
    assert_eq!(values(&page, "DCGM_FI_DEV_FB_FREE{"), ["9223372036854775794"]);
    assert_eq!(values(&super::pods::page(&reading(Fault::Absurd)), "gpu_pod"), ["-1", "-1"]);
}

#[test]
fn only_pods_has_no_device_series() {
    let page = dcgm(Fault::OnlyPods, dcgm::Settings::default());
    assert!(values(&page, "DCGM_FI_DEV_FB_FREE{").is_empty());
    assert_eq!(values(&page, "DCGM_FI_DEV_FB_USED{"), ["3000", "4096"]);
    let page = nvidia_smi::page(&reading(Fault::OnlyPods));
    assert!(values(&page, "nvidia_smi_memory").is_empty());
    assert_eq!(values(&page, "nvidia_smi_gpu_info{").len(), 1);
}

#[test]
fn cards_of_one_page_share_its_comments() {
    let [one] = reading(Fault::None);
    let mut two = one.clone();
    two.0.spec.index = 1;
    let page = dcgm::page(&[one, two], dcgm::Settings::default());
    assert_eq!(page.matches("# TYPE DCGM_FI_DEV_FB_FREE gauge").count(), 1);
    assert_eq!(values(&page, "DCGM_FI_DEV_FB_FREE{").len(), 2);
}
