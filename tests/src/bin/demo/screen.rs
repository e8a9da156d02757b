//! What a person sees: numbered steps, each with its evidence.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU32, Ordering};

use e2e::Surroundings;
use fake_card::wire::CardState;

use crate::live::Live;

/// Width of the memory bar, in characters.
const BAR: u64 = 48;

fn colour(code: &str, text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() {
        text.to_owned()
    } else {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Begins a step.
pub(crate) fn step(title: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    println!("\n{}", colour("1", &format!("{number}. {title}")));
}

/// One line of evidence.
pub(crate) fn evidence(what: &str, shown: &str) {
    for (index, line) in shown.lines().enumerate() {
        let what = if index == 0 { what } else { "" };
        println!("   {} {line}", colour("2", &format!("{what:<9}")));
    }
}

/// The card's memory as a bar: who holds what, and what is free.
pub(crate) fn bar(state: &CardState) {
    let width = |part: u64| usize::try_from(part * BAR / state.total_mib.max(1)).unwrap_or(0);
    let mut drawn = colour("90", &"x".repeat(width(state.reserved_mib)));
    let mut legend = vec![format!("driver {}", state.reserved_mib)];
    for (index, holder) in state.holders.iter().enumerate() {
        let name = holder.owner.pod.split('-').next().unwrap_or("other");
        let letter = name.chars().next().unwrap_or('?').to_string();
        drawn.push_str(&colour(["35", "32", "36", "33"][index % 4], &letter.repeat(width(holder.mib))));
        legend.push(format!("{name} {}", holder.mib));
    }
    drawn.push_str(&".".repeat(width(state.free_mib)));
    legend.push(format!("free {} MiB", state.free_mib));
    evidence("card", &format!("[{drawn}] {}", legend.join(", ")));
}

/// The last lines.
pub(crate) fn next(live: &Live) {
    let kubeconfig = Surroundings::get().kubeconfig.display().to_string();
    let tools = Surroundings::get().tools.display().to_string();
    println!("\n{}", colour("1", "The night is over. What to try next:"));
    println!("   export KUBECONFIG={kubeconfig} PATH={tools}:$PATH");
    println!("   kubectl -n tts describe deployment chatterbox-tts     # every decision, as Events");
    println!("   kubectl -n gpu-tenancy get configmaps -o yaml         # what is declared, and the ledger");
    println!("   $EDITOR {}   # then `gpu-stacks generate`, and plan", live.tenant_file().display());
    println!("   cargo xtask demo --down                               # leaves nothing behind");
}

/// The error, as the last thing on the screen.
pub(crate) fn failed(why: &anyhow::Error) {
    eprintln!("\n{} {why:#}", colour("31;1", "the demo stopped:"));
}
