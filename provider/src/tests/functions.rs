//! What configurations compute, called as Terraform calls it: before anything is configured.

use tfplugin::testing::Driver;
use tfplugin::{Attr, Field, FunctionError, Map, Value};

use super::flow::with_floor;
use super::{SERVICE, chatterbox, told};
use crate::functions::CronModel;
use crate::provider::Gpu;
use crate::service::ServiceModel;

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn windows(start: Value, end: &str, days: &[&str]) -> Value {
    let days =
        if days.is_empty() { Value::Null } else { Value::List(days.iter().map(|day| text(day)).collect()) };
    let zone = text("Europe/London");
    let night = [("start", start), ("end", text(end)), ("days", days), ("time_zone", zone)];
    Value::map([("night", Value::object(night))])
}

async fn call<T: Field>(name: &str, arguments: impl IntoIterator<Item = Value>) -> Result<T, FunctionError> {
    Driver::new(Gpu).call(name, arguments).await.map(|it: Attr<T>| it.into_known().unwrap())
}

#[tokio::test]
async fn an_amount_is_its_bytes_and_bytes_are_a_quantity() {
    assert_eq!(call::<i64>("bytes", [text("6GiB")]).await, Ok(6 << 30));
    assert_eq!(call::<i64>("bytes", [text("450MiB")]).await, Ok(450 << 20));
    let refused = call::<i64>("bytes", [text("6GB")]).await.unwrap_err();
    assert!(refused.path.to_string() == "amount" && refused.text.contains("decimal"), "{refused}");
    let refused = call::<i64>("bytes", [text("99999999999999TiB")]).await.unwrap_err();
    assert!(refused.text.contains("larger than"), "{refused}");
    for (amount, bytes) in [
        ("64Ki", 65_536),
        ("500M", 500_000_000),
        ("1.5MiB", 3 << 19),
        ("1e3", 1_000),
        ("1500", 1_500),
        ("500m", 1),
    ] {
        assert_eq!(call::<i64>("bytes", [text(amount)]).await, Ok(bytes), "{amount}");
    }
    for refused in ["-1Gi", "", "lots", "6 Gi"] {
        assert!(call::<i64>("bytes", [text(refused)]).await.is_err(), "{refused}");
    }
    for bytes in [0, 1_500, 1 << 10, 6 << 30, (6 << 30) + 1, i64::MAX] {
        let written = call::<String>("quantity", [Value::Number(bytes.into())]).await.unwrap();
        assert_eq!(call::<i64>("bytes", [text(&written)]).await, Ok(bytes), "{written}");
    }
    assert_eq!(call::<String>("quantity", [Value::Number((6i64 << 30).into())]).await, Ok("6Gi".to_owned()));
    assert!(call::<String>("quantity", [Value::Number((-1i64).into())]).await.is_err());
}

#[tokio::test]
async fn a_moment_is_within_a_window_as_its_gate_sees_it() {
    for (days, moment, is_in) in [
        (&[][..], "2026-11-21T02:00:00Z", true),
        (&[][..], "2026-11-21T05:59:59Z", true),
        (&[][..], "2026-11-21T06:00:00Z", false),
        // London's clocks are an hour ahead in summer.
        (&[][..], "2026-07-21T01:00:00Z", true),
        (&[][..], "2026-07-21T05:00:00Z", false),
        (&["sat"][..], "2026-11-21T03:00:00Z", true),
        (&["sun"][..], "2026-11-21T03:00:00Z", false),
        (&[][..], "2026-11-21T05:00:00+02:00", true),
    ] {
        let arguments = [windows(text("02:00"), "06:00", days), text(moment)];
        assert_eq!(call::<bool>("in_window", arguments).await, Ok(is_in), "{days:?} {moment}");
    }
}

#[tokio::test]
async fn windows_are_asked_for_by_the_lines_of_their_cronjobs() {
    let lines: Map<CronModel> = call("cron", [windows(text("02:00"), "06:00", &["mon"])]).await.unwrap();
    let night = lines["night"].known().unwrap();
    assert_eq!(night.time_zone.as_str(), Some("Europe/London"));
    assert_eq!(night.up, Attr::Known(vec!["0 2 * * 1".into()]));
    assert_eq!(night.guard, Attr::Known(vec!["*/5 2-6 * * 1".into()]));
    assert_eq!(night.down, Attr::Known(vec!["0,5,15 6,7 * * 1".into()]));
    let seldom = [windows(text("02:00"), "06:00", &["mon"]), text("30m")];
    let lines: Map<CronModel> = call("cron", seldom).await.unwrap();
    assert_eq!(lines["night"].known().unwrap().guard, Attr::Known(vec!["0,30 2-6 * * 1".into()]));
    let twice = [windows(text("02:00"), "06:00", &[]), text("5m"), text("5m")];
    assert!(call::<Map<CronModel>>("cron", twice).await.unwrap_err().text.contains("one guard interval"));
    let never = [windows(text("02:00"), "06:00", &[]), text("soon")];
    assert!(call::<Map<CronModel>>("cron", never).await.unwrap_err().text.contains("\"soon\""));
}

/// What the page says of the tenant's CronJobs: those lines, and one that belongs to no window.
#[tokio::test]
async fn a_tenant_has_the_cronjobs_of_the_lines_and_one_more() {
    let (cluster, driver, ..) = with_floor().await;
    let config = ServiceModel { guard_interval: "10m".into(), ..chatterbox() };
    let made = driver.create(SERVICE, &config).await;
    assert!(!made.diagnostics.has_errors(), "{}", told(&made.diagnostics));
    let of_tenant = cluster.paths("/namespaces/tts/cronjobs/").into_iter();
    let (beside, mut has): (Vec<String>, Vec<String>) = of_tenant
        .map(|path| cluster.get(&path).unwrap()["spec"]["schedule"].as_str().unwrap().to_owned())
        .partition(|line| line.ends_with(" * * * *"));
    assert_eq!(beside.len(), 1, "{beside:?}");
    let lines: Map<CronModel> =
        call("cron", [windows(text("02:00"), "06:00", &[]), text("10m")]).await.unwrap();
    let night = lines["night"].known().unwrap();
    let of_windows = [&night.up, &night.guard, &night.down].into_iter().flat_map(|it| it.known().unwrap());
    let mut said: Vec<String> = of_windows.map(|line| line.as_str().unwrap().to_owned()).collect();
    has.sort();
    said.sort();
    assert_eq!(has, said);
}

#[tokio::test]
async fn what_is_no_window_is_refused_by_its_name() {
    for (windows, words) in [
        (windows(Value::Null, "06:00", &[]), "one is null"),
        (windows(text("2 am"), "06:00", &[]), "\"2 am\""),
        (windows(text("06:00"), "06:00", &[]), "no length"),
        (windows(text("02:00"), "06:00", &["monday"]), "\"monday\""),
    ] {
        let refused = call::<Map<CronModel>>("cron", [windows]).await.unwrap_err();
        assert!(refused.text.contains("night") && refused.text.contains(words), "{words}: {refused}");
        assert_eq!(refused.path.to_string(), "windows");
    }
    let refused = call::<bool>("in_window", [windows(text("02:00"), "06:00", &[]), text("noon")]).await;
    assert_eq!(refused.unwrap_err().path.to_string(), "timestamp");
}
