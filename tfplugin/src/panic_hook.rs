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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_first_line_is_one_that_the_host_looks_for() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        std::panic::set_hook(Box::new(move |info| seen.lock().unwrap().push(headline(info))));
        let _ = std::panic::catch_unwind(|| panic!("two\nlines"));
        let _ = std::panic::take_hook();
        let lines = lines.lock().unwrap();
        assert!(lines[0].starts_with("panic: two lines at tfplugin/src/panic_hook.rs:"), "{lines:?}");
    }
}
