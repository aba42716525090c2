//! Logs: to standard error, as text for people or JSON for machines.
//!
//! Bodies, keys and signatures are never logged; that is the duty of whoever logs. The request id
//! is a field of the events that belong to a request. Tracing export is deliberately absent.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::config::settings::Log;

/// Starts logging for the process. Called again (tests run two servers in one process) it does
/// nothing: the first configuration stands.
pub fn start(log: &Log) {
    let filter = EnvFilter::builder().parse_lossy(&log.level);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => {
            let ansi = io::IsTerminal::is_terminal(&io::stderr());
            builder.with_ansi(ansi).try_init()
        }
        // a request is the only span, so a list of spans would say the same twice
        LogFormat::Json => {
            builder.json().flatten_event(true).with_span_list(false).with_ansi(false).try_init()
        }
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging had been started before");
    }
}
