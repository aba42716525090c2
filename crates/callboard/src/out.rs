//! Standard output and standard error, without the macros that panic when a pipe is closed.

use std::fmt;
use std::io::{self, Write as _};

/// Writes one line to standard output and flushes it, so that a script that waits for it sees it.
pub fn line(text: impl fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes text as it is to standard output.
pub fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes one line to standard error. That it cannot be written is nobody's to know.
pub fn note(text: impl fmt::Display) {
    let _nobody_reads_it = writeln!(io::stderr().lock(), "{text}");
}
