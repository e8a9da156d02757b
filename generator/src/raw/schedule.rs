//! When a tenant may be awake, as typed.

use tenancy::demand::{HttpUrl, JsonPath};
use tenancy::duration::Seconds;
use tenancy::window::{Day, TimeOfDay, Zone};

use crate::read::At;
use crate::record;

record! {
    /// A window. One whose end is not after its start ends on the next day.
    pub struct RawWindow {
        /// When it opens, `HH:MM`.
        pub start: At<TimeOfDay>,
        /// When it closes, `HH:MM`.
        pub end: At<TimeOfDay>,
        /// The days on which it opens. Every day unless given.
        pub days: Option<Vec<At<Day>>>,
        /// Its IANA time zone. The fleet's unless given.
        pub time_zone: Option<At<Zone>>,
    }
}

record! {
    /// The gate's bounds in time, beside `guard_interval` and `grace_period`.
    pub struct RawTiming {
        /// From admission until the model answers, as a person expects it. `3m` unless given.
        pub start_estimate: Option<At<Seconds>>,
        /// Less time awake than this is not worth a start. `10m` unless given.
        pub useful_minimum: Option<At<Seconds>>,
        /// How long the card may be short before one tenant yields. `30s` unless given.
        pub shortage_grace: Option<At<Seconds>>,
        /// How long running tenants hold while the card's source does not answer. `10m` unless given.
        pub unknown_hold: Option<At<Seconds>>,
        /// How long a pod may be Pending without a node. `2m` unless given.
        pub pending_limit: Option<At<Seconds>>,
        /// How long an admitted pod may take until it is ready. `20m` unless given.
        pub loading_limit: Option<At<Seconds>>,
        /// The pause after a yield, a failed start or three crashes in a row. `10m` unless given.
        pub backoff: Option<At<Seconds>>,
    }
}

record! {
    /// Where the gate sees whether there is work: one of `http` and `prometheus`.
    pub struct RawDemand {
        /// A GET that is answered with JSON.
        pub http: Option<RawDemandHttp>,
        /// An instant query to a Prometheus.
        pub prometheus: Option<RawDemandPrometheus>,
        /// How long there must be no work before it is put to sleep. Ten minutes unless given.
        pub idle_after: Option<At<Seconds>>,
    }
}

record! {
    /// A GET that is answered with JSON.
    pub struct RawDemandHttp {
        /// The address, as a pod of the tenant's namespace reaches it.
        pub url: At<HttpUrl>,
        /// The JSONPath (RFC 9535) of a number, a truth value or a list: above 0, `true` and not
        /// empty mean work.
        pub json_path: At<JsonPath>,
    }
}

record! {
    /// An instant query to a Prometheus.
    pub struct RawDemandPrometheus {
        /// The server, without `/api/v1/query`.
        pub url: At<HttpUrl>,
        /// The query; above 0 means work, and no series means nothing.
        pub query: At<String>,
    }
}

record! {
    /// How long Terraform waits.
    pub struct RawTimeouts {
        /// For a new tenant.
        pub create: Option<At<Seconds>>,
        /// For a changed one.
        pub update: Option<At<Seconds>>,
        /// For one that goes.
        pub delete: Option<At<Seconds>>,
    }
}
