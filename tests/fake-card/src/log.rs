//! Log lines on standard output.

use std::fmt::Arguments;
use std::io::Write;

/// Writes one line, and goes on where nobody reads it: the test that started
/// this process may have closed its end, and `println!` would panic then.
pub fn write_line(line: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Logs a line, formatted as by `println!`. It begins with the program's name.
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => {
        $crate::log::write_line(format_args!($($line)*))
    };
}
