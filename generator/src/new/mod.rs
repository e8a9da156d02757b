//! A new tenant file, from flags in a pipeline or from a person's answers.

mod ask;
mod sets;

use std::fmt::Write as _;

use tenancy::names::{CardName, Namespace, TenantName};
use tenancy::quantity::Mib;

pub use ask::{Asked, Ground, ask};
pub use sets::Set;

use crate::leaf::Device;

/// What is known of the tenant to be.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Draft {
    /// Its name, which is its file's too.
    pub name: Option<TenantName>,
    /// The model server, by its name in the catalogue.
    #[arg(long)]
    pub server: Option<String>,
    /// Its namespace.
    #[arg(long)]
    pub namespace: Option<Namespace>,
    /// The card it lives on.
    #[arg(long)]
    pub card: Option<CardName>,
    /// The most video memory it ever holds, such as 4GiB.
    #[arg(long)]
    pub peak: Option<Mib>,
    /// What it computes on.
    #[arg(long, value_enum)]
    pub device: Option<Device>,
    /// A window, as `night=02:00-06:00` or `day=09:00-17:00@mon,fri`. May be given several times.
    #[arg(long = "window", value_name = "NAME=START-END[@DAYS]", conflicts_with_all = ["always", "on_demand"])]
    pub windows: Vec<WindowFlag>,
    /// Awake at all times.
    #[arg(long, conflicts_with = "on_demand")]
    pub always: bool,
    /// Awake whenever there is work and room. `--set demand.…` says where work is seen.
    #[arg(long)]
    pub on_demand: bool,
    /// Any other key, as `env.LOG_LEVEL=debug`. The value is YAML. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<Set>,
}

/// A window as a flag says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowFlag {
    name: String,
    start: String,
    end: String,
    days: Option<String>,
}

impl std::str::FromStr for WindowFlag {
    type Err = tenancy::Invalid;

    fn from_str(text: &str) -> Result<Self, tenancy::Invalid> {
        let refuse = || {
            tenancy::Invalid::new(
                "window",
                text,
                "it is not a name with a start and an end",
                "Write `night=02:00-06:00` or `day=09:00-17:00@mon,tue`.",
            )
        };
        let (name, hours) = text.split_once('=').ok_or_else(refuse)?;
        let (hours, days) = match hours.split_once('@') {
            Some((hours, days)) => (hours, Some(days)),
            None => (hours, None),
        };
        let (start, end) = hours.split_once('-').ok_or_else(refuse)?;
        name.parse::<tenancy::names::WindowName>()?;
        for time in [start, end] {
            time.parse::<tenancy::window::TimeOfDay>()?;
        }
        for day in days.iter().flat_map(|days| days.split(',')) {
            day.parse::<tenancy::window::Day>()?;
        }
        Ok(Self {
            name: name.to_owned(),
            start: start.to_owned(),
            end: end.to_owned(),
            days: days.map(str::to_owned),
        })
    }
}

impl Draft {
    /// What a tenant cannot be without and nobody has said, as flags.
    pub fn missing(&self) -> Vec<&'static str> {
        let on_cpu = self.device == Some(Device::Cpu);
        let said = |key: &str| self.sets.iter().any(|set| set.top() == key);
        [
            ("NAME", self.name.is_some()),
            ("--server (or --set image=…)", self.server.is_some() || said("image")),
            ("--namespace", self.namespace.is_some() || said("namespace")),
            ("--card (or --device cpu)", self.card.is_some() || on_cpu || said("card")),
            ("--peak", self.peak.is_some() || on_cpu || said("peak")),
            ("--window, --always or --on-demand", self.has_schedule() || on_cpu),
        ]
        .into_iter()
        .filter(|(_, given)| !given)
        .map(|(flag, _)| flag)
        .collect()
    }

    fn has_schedule(&self) -> bool {
        let said = |key: &str| self.sets.iter().any(|set| set.top() == key);
        self.always
            || self.on_demand
            || !self.windows.is_empty()
            || ["windows", "always", "on_demand"].into_iter().any(said)
    }

    /// The tenant file.
    pub fn text(&self) -> String {
        let mut text = String::from("# yaml-language-server: $schema=../schema/tenant.json\n\n");
        // A key that --set gives is the one that counts.
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value.filter(|_| !self.sets.iter().any(|set| set.top() == key)) {
                let _ = writeln!(text, "{key}: {value}");
            }
        };
        line("namespace", self.namespace.as_ref().map(ToString::to_string));
        line("server", self.server.clone());
        line("device", self.device.filter(|device| *device == Device::Cpu).map(|_| "cpu".to_owned()));
        line("card", self.card.as_ref().map(ToString::to_string));
        line(
            "peak",
            self.peak
                .map(|peak| format!("{} # a guess; say `measured:` when you have seen it", peak.spelled())),
        );
        let always = self.always || (!self.has_schedule() && self.device == Some(Device::Cpu));
        line("always", always.then(|| "true".to_owned()));
        line("on_demand", self.on_demand.then(|| "true".to_owned()));
        if !self.windows.is_empty() && !self.sets.iter().any(|set| set.top() == "windows") {
            text.push_str("\nwindows:\n");
            for WindowFlag { name, start, end, days } in &self.windows {
                let days = days.as_ref().map(|days| format!(", days: [{}]", days.replace(',', ", ")));
                let _ = writeln!(
                    text,
                    "  {name}: {{ start: \"{start}\", end: \"{end}\"{} }}",
                    days.unwrap_or_default()
                );
            }
        }
        if !self.sets.is_empty() {
            text.push('\n');
            text.push_str(&sets::text(&self.sets));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_make_a_file_and_set_goes_over_them() {
        let draft = Draft {
            name: Some("voice".parse().unwrap()),
            server: Some("kokoro".to_owned()),
            namespace: Some("tts".parse().unwrap()),
            card: Some("gpu-1-0".parse().unwrap()),
            peak: Some(Mib(4096)),
            windows: vec!["night=02:00-06:00".parse().unwrap(), "day=09:00-17:00@mon,fri".parse().unwrap()],
            sets: [
                "peak=2GiB",
                "env.A=1.10",
                "env.B=\"a: b\"",
                "env.C=x # y",
                "labels.Pod.example\\.org/x=a",
                "args=[-v, '3']",
            ]
            .map(|set| set.parse().unwrap())
            .to_vec(),
            ..Draft::default()
        };
        assert_eq!(draft.missing(), [""; 0]);
        insta::assert_snapshot!(draft.text());
    }

    #[test]
    fn what_is_missing_is_named_by_its_flag() {
        assert_eq!(Draft::default().missing().len(), 6);
        let cpu = Draft { device: Some(Device::Cpu), server: Some("piper".into()), ..Draft::default() };
        assert_eq!(cpu.missing(), ["NAME", "--namespace"]);
        for wrong in ["night", "night=02:00", "night=2-6", "Night=02:00-06:00", "n=02:00-06:00@monday"] {
            assert!(wrong.parse::<WindowFlag>().is_err(), "{wrong}");
        }
        for wrong in ["env", "=x", "a..b=x", "a={", "a=[", ".a=x"] {
            assert!(wrong.parse::<Set>().is_err(), "{wrong}");
        }
    }
}
