//! How a command ends when it does not succeed: one clear line and an exit code.
//!
//! The codes are those of sysexits.h, so that scripts can tell a wrong call (64) from a busy
//! directory (75) without reading text.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use client::CallError;

use crate::config::ConfigError;

/// The reasons that have an exit code of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The server refused, or something went wrong that has no code of its own.
    Refused,
    /// The command was called the wrong way.
    Usage,
    /// What was read is not what it should be.
    Data,
    /// Files or connections.
    Io,
    /// Another process uses the data directory.
    Locked,
    /// The configuration cannot be used.
    Config,
    /// `run` ends as the program that it started did.
    Program(u8),
}

/// Why a command ended.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// The line for people; empty: there is nothing to say.
    pub message: String,
}

impl Failure {
    /// A failure with that code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Reading or writing failed; `what` says of what.
    pub fn io(what: impl fmt::Display, cause: &io::Error) -> Self {
        Self::new(Exit::Io, format!("{what}: {cause}"))
    }

    /// Standard output cannot be written. That the reader went away (`| head`) needs no words.
    pub fn stdout(cause: &io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Io, "");
        }
        Self::io("standard output", cause)
    }

    /// The process's exit code.
    pub fn code(&self) -> ExitCode {
        let code = match self.exit {
            Exit::Refused => 1,
            Exit::Usage => 64,
            Exit::Data => 65,
            Exit::Io => 74,
            Exit::Locked => 75,
            Exit::Config => 78,
            Exit::Program(code) => code,
        };
        ExitCode::from(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, format!("configuration: {error}"))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let exit = match &error {
            CallError::Api { code, .. } => {
                let data = ["InvalidParameter", "MissingParameter", "UnknownParameter"];
                if data.iter().any(|prefix| code.starts_with(prefix)) {
                    Exit::Data
                } else {
                    Exit::Refused
                }
            }
            CallError::Endpoint { .. } => Exit::Usage,
            CallError::Transport { .. } | CallError::Protocol { .. } => Exit::Io,
        };
        Self::new(exit, error.to_string())
    }
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.ends_with(&words) {
            text = text + ": " + &words;
        }
        cause = next.source();
    }
    text
}
