//! Configuration: file, then environment, then flags; read once at start and checked into types
//! that the rest of the program trusts.
//!
//! What users change at run time (an application's Mode, address, switches, keys) is data in the
//! store, not configuration. The environment of the process is read in this module only.

pub mod check;
pub mod objects;
pub mod print;
pub mod settings;
pub mod source;
pub mod span;
pub mod table;

use std::io;
use std::path::{Path, PathBuf};

pub use check::Config;
pub use settings::{Declared, LogFormat, Settings};
pub use source::{Environment, Flag, environment, gather, inherited, search_path};
pub use span::Span;

/// Why the configuration cannot be used. Each names what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}, line {line}: {}", path.display(), reason.trim().replace('\n', " "))]
    File {
        /// Which file.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A setting has a value that it cannot have.
    #[error("{name}: {reason}{}", origin.as_ref().map(|s| format!(" (from {s})")).unwrap_or_default())]
    Setting {
        /// Its dotted name.
        name: String,
        /// What is wrong with it.
        reason: String,
        /// Where the value came from, if it was given.
        origin: Option<String>,
    },
    /// Something that should not happen.
    #[error("{0}")]
    Other(String),
}

/// A configuration that was read and checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program uses.
    pub config: Config,
    /// What users are shown.
    pub settings: Settings,
    /// Variables that look like settings and are none.
    pub unknown_variables: Vec<String>,
}

/// Reads and checks the whole configuration.
pub fn load(
    file: Option<&Path>,
    environment: &Environment,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let gathered = gather(file, environment, flags)?;
    let config = check::check(&gathered)?;
    let mut settings = gathered.settings;
    settings.ops.listen = config.ops_listen.to_string();
    Ok(Loaded { config, settings, unknown_variables: gathered.unknown_variables })
}
