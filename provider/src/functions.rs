//! What a configuration computes in the words of tenants: amounts, and times within windows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tenancy::cron::{self, Line};
use tenancy::defaults::GUARD_INTERVAL_S;
use tenancy::duration::Seconds;
use tenancy::names::WindowName;
use tenancy::quantity::{Mib, Quantity};
use tenancy::window::{Schedule, Window};
use tfplugin::{Attr, Function, FunctionError, Functions, List, Map, Path, model};

use crate::fill::{Fill, Sample};
use crate::service::parts::WindowModel;
use crate::service::spec::window;

/// All of them.
pub(crate) fn all() -> Functions {
    Functions::new().with(Bytes).with(AsQuantity).with(InWindow).with(Cron)
}

model! {
    /// Bytes of an amount of memory
    ///
    /// `bytes("6GiB")` is 6442450944. An amount is written as `peak` and `headroom` are, in `MiB`, `GiB` or
    /// `TiB`, or as any quantity of Kubernetes: `64Ki`, `500M`, `1e9` or `1500`. A fraction of a byte is
    /// rounded up, as Kubernetes does.
    pub(crate) struct BytesParameters {
        /// The amount, such as `6GiB` or `6Gi`.
        pub(crate) amount: Attr<String> = required(),
    }
}

struct Bytes;

impl Function for Bytes {
    type Parameters = BytesParameters;
    type Returns = i64;
    const NAME: &'static str = "bytes";

    fn call(&self, arguments: BytesParameters) -> Result<Attr<i64>, FunctionError> {
        let path = Path::attribute("amount");
        let text = arguments.amount.as_str().unwrap_or_default();
        // `6GiB` is how people write what Kubernetes calls `6Gi`.
        let spelled = text.strip_suffix('B').filter(|rest| rest.ends_with('i')).unwrap_or(text);
        let amount: Quantity = spelled.parse().map_err(|why| match text.parse::<Mib>() {
            // It says of `6GB` what is wrong with it.
            Err(amount) if text.ends_with('B') && spelled == text => wrong(&path, &amount),
            _ => wrong(&path, &why),
        })?;
        match i64::try_from(amount.units()) {
            Ok(bytes) if bytes >= 0 => Ok(Attr::Known(bytes)),
            _ => {
                Err(wrong(&path, &format!("{text:?} is no amount: it is below 0. Write one such as `6GiB`.")))
            }
        }
    }
}

model! {
    /// Bytes as Kubernetes writes them
    ///
    /// `quantity(6442450944)` is `6Gi`: the largest binary unit in which the number is whole, for
    /// `limits`, `requests` and `storage.size`.
    pub(crate) struct QuantityParameters {
        /// The number of bytes.
        pub(crate) bytes: Attr<i64> = required().range(0..),
    }
}

struct AsQuantity;

impl Function for AsQuantity {
    type Parameters = QuantityParameters;
    type Returns = String;
    const NAME: &'static str = "quantity";

    fn call(&self, arguments: QuantityParameters) -> Result<Attr<String>, FunctionError> {
        let bytes = arguments.bytes.into_known().and_then(|bytes| u64::try_from(bytes).ok());
        Ok(bytes.map(|bytes| Quantity::bytes(bytes).to_string()).into())
    }
}

model! {
    /// Whether a moment lies in one of a tenant's windows
    ///
    /// As the gate sees it: from a window's start, included, to its end, excluded, on the days and in
    /// the time zone of the window, across midnight and across changes of the clock.
    ///
    /// `windows` is what a `gpu_windowed_service` has. Where you write it yourself, every window
    /// needs its `days`; `days = null` is every day.
    pub(crate) struct InWindowParameters {
        /// The windows by name.
        pub(crate) windows: Attr<Map<WindowModel>> = required(),
        /// The moment, RFC 3339, such as `2026-11-21T02:00:00Z` or what `plantimestamp()` gives.
        pub(crate) timestamp: Attr<String> = required(),
    }
}

struct InWindow;

impl Function for InWindow {
    type Parameters = InWindowParameters;
    type Returns = bool;
    const NAME: &'static str = "in_window";

    fn call(&self, arguments: InWindowParameters) -> Result<Attr<bool>, FunctionError> {
        let windows = windows(&arguments.windows)?;
        let text = arguments.timestamp.as_str().unwrap_or_default();
        let now: Timestamp = text.parse().map_err(|_| {
            let text = format!("{text:?} is not a moment. Write one such as `2026-11-21T02:00:00Z`.");
            FunctionError::new(text).at(Path::attribute("timestamp"))
        })?;
        Ok(Attr::Known(Schedule::Windows(windows).open_at(now).is_some()))
    }
}

model! {
    /// The cron lines of a tenant's windows
    ///
    /// When the CronJobs of a tenant with these windows ask its gate, by window: at its start, every
    /// `guard_interval` until an hour past its end, and at its end. The lines count in `time_zone`.
    /// A tenant with windows has one CronJob beside these, which belongs to no window: it asks every half
    /// hour round the clock, at minutes of the tenant's own, for whatever the others left awake.
    ///
    /// `windows` is what a `gpu_windowed_service` has. Where you write it yourself, every window
    /// needs its `days`; `days = null` is every day. Where the tenant has a `guard_interval`, give it as a
    /// second argument.
    pub(crate) struct CronParameters {
        /// The windows by name.
        pub(crate) windows: Attr<Map<WindowModel>> = required(),
        /// The tenant's `guard_interval`, such as `10m`; `5m` unless given.
        pub(crate) guard_interval: Attr<List<String>> = optional(),
    }
}

model! {
    /// The cron lines of one window.
    pub(crate) struct CronModel {
        /// The time zone in which they count.
        pub(crate) time_zone: Attr<String> = computed(),
        /// At the start.
        pub(crate) up: Attr<List<String>> = computed(),
        /// While it is open, and an hour longer.
        pub(crate) guard: Attr<List<String>> = computed(),
        /// At the end, and again soon after.
        pub(crate) down: Attr<List<String>> = computed(),
    }
}

struct Cron;

impl Function for Cron {
    type Parameters = CronParameters;
    type Returns = Map<CronModel>;
    const NAME: &'static str = "cron";
    const VARIADIC: bool = true;

    fn call(&self, arguments: CronParameters) -> Result<Attr<Map<CronModel>>, FunctionError> {
        let windows = windows(&arguments.windows)?;
        let interval_s = guard_interval_s(&arguments.guard_interval)?;
        let lines = |lines: Vec<Line>| {
            Attr::Known(lines.into_iter().map(|line| line.to_string().into()).collect::<Vec<Attr<String>>>())
        };
        let asked = |window: &Window| CronModel {
            time_zone: window.time_zone().name().into(),
            up: lines(cron::up(window)),
            guard: lines(cron::guard(window, interval_s)),
            down: lines(cron::down(window)),
        };
        let asked = windows.iter().map(|(name, window)| (name.to_string(), Attr::Known(asked(window))));
        Ok(Attr::Known(asked.collect()))
    }
}

/// The one length that may follow the windows.
fn guard_interval_s(given: &Attr<List<String>>) -> Result<u32, FunctionError> {
    let path = Path::attribute("guard_interval");
    let given: Vec<&str> = given.known().into_iter().flatten().filter_map(Attr::as_str).collect();
    match given[..] {
        [] => Ok(GUARD_INTERVAL_S),
        [text] => text.parse::<Seconds>().map(|it| it.0).map_err(|why| wrong(&path, &why)),
        _ => Err(wrong(&path, &"a tenant has one guard interval. Give one, or none.")),
    }
}

/// The windows of an argument.
fn windows(attr: &Attr<Map<WindowModel>>) -> Result<BTreeMap<WindowName, Window>, FunctionError> {
    let path = Path::attribute("windows");
    let mut fill = Fill::new(Sample::A);
    let mut found = BTreeMap::new();
    for (key, attr) in attr.known().into_iter().flatten() {
        let at = path.key(key);
        let name: Option<WindowName> = fill.text(key, &at);
        let window = attr.known().and_then(|one| window(one, &at, &mut fill));
        if let Some(problem) = std::mem::take(&mut fill.problems).into_iter().next() {
            return Err(FunctionError::new(problem.detail).at(path));
        }
        match name.zip(window) {
            Some((name, window)) => found.insert(name, window),
            None => {
                let text = format!("{at}: start, end and time_zone are all needed, and one is null. Set it.");
                return Err(FunctionError::new(text).at(path));
            }
        };
    }
    Ok(found)
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> FunctionError {
    FunctionError::new(why.to_string()).at(path.clone())
}
