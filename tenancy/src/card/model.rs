//! What NVIDIA's cards can do, as far as a tenant file must know it.
//!
//! Sizes are what `nvidia-smi` printed on machines that people published. They
//! vary with the driver and with ECC: a size that a fleet declares, and the
//! node's label `nvidia.com/gpu.memory`, are nearer to the truth and win.
//!
//! Compute capabilities are those of developer.nvidia.com/cuda-gpus and
//! /cuda-legacy-gpus, precisions those of the support matrix of NVIDIA's
//! TransformerEngine, MIG is by NVIDIA's MIG guide.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;
use crate::quantity::Mib;
use crate::spelling::nearest;

/// One model of card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardModel {
    /// What people call it, such as `T4`.
    pub name: &'static str,
    /// Its size as its driver reports it.
    pub memory_mib: Mib,
    /// Where that size was seen.
    pub memory_source: &'static str,
    /// Its compute capability, major and minor.
    pub compute: (u8, u8),
    /// The family it belongs to, such as `Turing`.
    pub architecture: &'static str,
    /// Whether it can be divided by MIG.
    pub mig: bool,
    /// What its products are called by the driver, and so by the label `nvidia.com/gpu.product` of
    /// GPU feature discovery, without `NVIDIA-`.
    pub products: &'static [&'static str],
}

const PUBLISHED: &str = "a published nvidia-smi listing";
const MODAL: &str = "modal-client issue 2797";

const fn model(
    name: &'static str,
    memory_mib: u64,
    memory_source: &'static str,
    compute: (u8, u8),
    architecture: &'static str,
    mig: bool,
    products: &'static [&'static str],
) -> CardModel {
    CardModel { name, memory_mib: Mib(memory_mib), memory_source, compute, architecture, mig, products }
}

/// Every model that is known here, oldest family first.
pub const MODELS: [CardModel; 16] = [
    model("P40", 24451, "a published nvidia-smi listing, ECC off", (6, 1), "Pascal", false, &["TESLA-P40"]),
    model(
        "V100-16",
        16160,
        PUBLISHED,
        (7, 0),
        "Volta",
        false,
        &["TESLA-V100-SXM2-16GB", "TESLA-V100-PCIE-16GB", "TESLA-V100-FHHL-16GB", "TESLA-V100-DGXS-16GB"],
    ),
    model(
        "V100-32",
        32510,
        PUBLISHED,
        (7, 0),
        "Volta",
        false,
        &[
            "TESLA-V100-SXM2-32GB",
            "TESLA-V100-PCIE-32GB",
            "TESLA-V100-SXM3-32GB",
            "TESLA-V100-DGXS-32GB",
            "TESLA-V100S-PCIE-32GB",
        ],
    ),
    model("T4", 15360, MODAL, (7, 5), "Turing", false, &["TESLA-T4"]),
    model(
        "A30",
        24258,
        "a published nvidia-smi listing of an older driver",
        (8, 0),
        "Ampere",
        true,
        &["A30"],
    ),
    model("A100-40", 40960, MODAL, (8, 0), "Ampere", true, &["A100-SXM4-40GB", "A100-PCIE-40GB"]),
    model(
        "A100-80",
        81920,
        MODAL,
        (8, 0),
        "Ampere",
        true,
        &["A100-SXM4-80GB", "A100-80GB-PCIE", "A100-PCIE-80GB"],
    ),
    model("A2", 15356, PUBLISHED, (8, 6), "Ampere", false, &["A2"]),
    model("A10", 23028, "modal-client issue 2797; 24258 was seen too", (8, 6), "Ampere", false, &["A10"]),
    model("RTX-3090", 24576, "not seen, by its data sheet", (8, 6), "Ampere", false, &["GEFORCE-RTX-3090"]),
    model("L4", 23034, MODAL, (8, 9), "Ada", false, &["L4"]),
    model("L40S", 46068, MODAL, (8, 9), "Ada", false, &["L40S"]),
    model("RTX-4090", 24564, PUBLISHED, (8, 9), "Ada", false, &["GEFORCE-RTX-4090"]),
    model("H100-80", 81559, MODAL, (9, 0), "Hopper", true, &["H100-80GB-HBM3", "H100-PCIE"]),
    model("H200", 143_771, MODAL, (9, 0), "Hopper", true, &["H200"]),
    model("RTX-5090", 32607, PUBLISHED, (12, 0), "Blackwell", false, &["GEFORCE-RTX-5090"]),
];

/// The numbers that a model computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Precision {
    Fp32,
    Fp16,
    Bf16,
    Fp8,
    Int8,
    Int4,
}

impl Precision {
    /// Every precision, the most exact first.
    pub const ALL: [Precision; 6] =
        [Precision::Fp32, Precision::Fp16, Precision::Bf16, Precision::Fp8, Precision::Int8, Precision::Int4];

    /// As it is written, such as `bf16`.
    pub fn as_str(self) -> &'static str {
        match self {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
            Precision::Bf16 => "bf16",
            Precision::Fp8 => "fp8",
            Precision::Int8 => "int8",
            Precision::Int4 => "int4",
        }
    }

    /// The lowest compute capability that has it in hardware, and the family
    /// that brought it. Weights in int8 and int4 are unpacked to fp16 first,
    /// which every card here can do.
    fn since(self) -> Option<((u8, u8), &'static str)> {
        match self {
            Precision::Bf16 => Some(((8, 0), "Ampere")),
            Precision::Fp8 => Some(((8, 9), "Ada")),
            Precision::Fp32 | Precision::Fp16 | Precision::Int8 | Precision::Int4 => None,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a model in a sentence, as it is read aloud: `a T4`, `an L4`.
pub fn with_article(model: &str) -> String {
    let article = if model.starts_with(['A', 'H', 'L', 'R']) { "an" } else { "a" };
    format!("{article} {model}")
}

impl CardModel {
    /// Whether it computes in this precision; if not, why.
    ///
    /// # Errors
    /// The reason, without a full stop.
    pub fn computes(&self, precision: Precision) -> Result<(), String> {
        match precision.since() {
            Some((least, family)) if self.compute < least => Err(format!(
                "{} ({}, compute capability {}.{}) has no {precision}; it came with {family} ({}.{})",
                with_article(self.name),
                self.architecture,
                self.compute.0,
                self.compute.1,
                least.0,
                least.1
            )),
            _ => Ok(()),
        }
    }

    /// The precisions it computes in.
    pub fn precisions(&self) -> impl Iterator<Item = Precision> + '_ {
        Precision::ALL.into_iter().filter(|precision| self.computes(*precision).is_ok())
    }
}

/// A model by its name, with or without the words that NVIDIA puts before it, or as the label
/// `nvidia.com/gpu.product` spells it: `T4`, `NVIDIA L4`, `NVIDIA-A100-SXM4-80GB`, `Tesla-T4-SHARED`.
impl FromStr for &'static CardModel {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut name = text.to_uppercase().replace([' ', '_'], "-");
        // Where a card is shared and its slices keep their name, the label says so.
        name = name.strip_suffix("-SHARED").unwrap_or(&name).to_owned();
        name = name.strip_prefix("NVIDIA-").unwrap_or(&name).to_owned();
        if let Some(found) = MODELS.iter().find(|model| model.products.contains(&name.as_str())) {
            return Ok(found);
        }
        for word in ["TESLA-", "GEFORCE-"] {
            name = name.strip_prefix(word).unwrap_or(&name).to_owned();
        }
        if let Some(found) = MODELS.iter().find(|model| model.name == name) {
            return Ok(found);
        }
        let names = || MODELS.iter().map(|model| model.name);
        let alike =
            names().find(|known| known.strip_prefix("RTX-") == Some(&name) || known.starts_with(&name));
        let nearest = alike.map(str::to_owned).or_else(|| nearest(&name, names().map(str::to_owned)));
        let reason = match nearest.filter(|_| !name.is_empty()) {
            Some(model) => format!("it is not in the table; `{model}` is the nearest"),
            None => "it is not in the table".to_owned(),
        };
        let known: Vec<&str> = names().collect();
        let accepted = format!("Write one of {}, or leave it out and give `memory`.", known.join(", "));
        Err(Invalid::new("model of card", text, reason, accepted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str) -> &'static CardModel {
        name.parse().unwrap()
    }

    #[test]
    fn precisions_follow_the_families() {
        let precisions = |name| card(name).precisions().map(Precision::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(precisions("P40"), "fp32 fp16 int8 int4");
        assert_eq!(precisions("T4"), "fp32 fp16 int8 int4");
        assert_eq!(precisions("A100-80"), "fp32 fp16 bf16 int8 int4");
        assert_eq!(precisions("L4"), "fp32 fp16 bf16 fp8 int8 int4");
        assert_eq!(
            card("T4").computes(Precision::Bf16).unwrap_err(),
            "a T4 (Turing, compute capability 7.5) has no bf16; it came with Ampere (8.0)"
        );
    }

    #[test]
    fn names_are_found_as_people_and_labels_spell_them() {
        for spelled in ["T4", "t4", "Tesla-T4", "NVIDIA Tesla T4"] {
            assert_eq!(card(spelled).name, "T4", "{spelled}");
        }
        assert_eq!(card("NVIDIA GeForce RTX 4090").name, "RTX-4090");
        for (label, name) in [
            ("NVIDIA-A100-SXM4-80GB", "A100-80"),
            ("NVIDIA-A100-PCIE-40GB", "A100-40"),
            ("NVIDIA-A100-80GB-PCIe-SHARED", "A100-80"),
            ("NVIDIA-H100-80GB-HBM3", "H100-80"),
            ("Tesla-V100-SXM2-16GB", "V100-16"),
            ("Tesla-T4-SHARED", "T4"),
            ("NVIDIA-GeForce-RTX-3090", "RTX-3090"),
        ] {
            assert_eq!(card(label).name, name, "{label}");
        }
        let near = |text: &str| text.parse::<&CardModel>().unwrap_err().reason;
        assert_eq!(near("4090"), "it is not in the table; `RTX-4090` is the nearest");
        assert_eq!(near("A100"), "it is not in the table; `A100-40` is the nearest");
        assert_eq!(near(""), "it is not in the table");
        assert_eq!(near("Radeon"), "it is not in the table");
    }

    #[test]
    fn every_product_of_the_table_is_found_by_its_label_shared_or_not() {
        for model in MODELS {
            assert!(!model.products.is_empty(), "{}", model.name);
            for product in model.products {
                for label in
                    [format!("NVIDIA-{product}"), format!("{product}-SHARED"), product.to_lowercase()]
                {
                    assert_eq!(card(&label).name, model.name, "{label}");
                }
            }
        }
    }

    #[test]
    fn a_model_is_named_as_it_is_read_aloud() {
        let named = ["T4", "L4", "A100-40", "H200", "RTX-5090", "P40", "V100-16"].map(with_article);
        assert_eq!(named, ["a T4", "an L4", "an A100-40", "an H200", "an RTX-5090", "a P40", "a V100-16"]);
    }

    #[test]
    fn the_table_names_each_model_once_and_only_divides_what_mig_can() {
        for (index, model) in MODELS.iter().enumerate() {
            assert!(!MODELS[..index].iter().any(|other| other.name == model.name), "{}", model.name);
            assert!(!model.mig || model.compute.1 == 0, "{}", model.name);
        }
    }
}
