//! The figures as a table that can stand in a document.

use std::fmt::Write;
use std::time::Duration;

use crate::Row;

/// Renders all sizes, seconds with the ratio to the reference behind them.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| tenants | objects | plan (x nothing) | apply (x raw) | plan again (x nothing + reads) | destroy (x raw) | provider peak RSS | raw apply / reads / delete | nothing plan / apply / plan | API calls, ours / raw: apply, plan again, destroy |\n|-|-|-|-|-|-|-|-|-|-|\n",
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} MiB | {} / {} / {} s | {} / {} / {} s | {} |",
            row.tenants,
            row.objects,
            ratio(row.plan, row.nothing_plan),
            ratio(row.apply, row.raw_apply),
            ratio(row.plan_again, row.nothing_plan_again + row.raw_reads),
            ratio(row.destroy, row.raw_delete),
            row.peak_rss_kib / 1024,
            seconds(row.raw_apply),
            seconds(row.raw_reads),
            seconds(row.raw_delete),
            seconds(row.nothing_plan),
            seconds(row.nothing_apply),
            seconds(row.nothing_plan_again),
            calls(row),
        );
    }
    text.push_str("\nAims at 100 tenants: plan 5x, apply 3x, plan again 3x, destroy 3x, 40 MiB.");
    text
}

/// How many calls ours made and how many were sent raw; a wait's looks are among ours alone.
fn calls(row: &Row) -> String {
    let [apply, reads, delete] = row.raw_calls;
    match row.calls {
        Some([a, r, d]) => format!("{a} / {apply}, {r} / {reads}, {d} / {delete}"),
        None => format!("not counted / {apply}, {reads}, {delete}"),
    }
}

/// Seconds, with the ratio to the reference behind them.
pub(crate) fn ratio(ours: Duration, reference: Duration) -> String {
    format!("{} s ({:.1}x)", seconds(ours), ours.as_secs_f64() / reference.as_secs_f64().max(0.001))
}

/// Seconds alone.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}
