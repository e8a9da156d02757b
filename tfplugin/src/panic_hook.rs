//! Panics in words that the host understands.

use std::io::Write;
use std::panic::PanicHookInfo;

/// Prints panics so that the host shows them: it recognises a crash by a line
/// that starts with `panic: `.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let backtrace = std::backtrace::Backtrace::force_capture();
        // Without stderr there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{}\n\n{backtrace}", headline(info));
    }));
}

fn headline(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a value that is no text");
    let message = message.replace('\n', " ");
    match info.location() {
        Some(place) => format!("panic: {message} at {place}"),
        None => format!("panic: {message}"),
    }
}
