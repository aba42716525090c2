//! `callboard backup`: a consistent copy of the store, also while the server runs.
//!
//! It concerns a machine, so it reads the data directory itself instead of calling the server.
//! Keys are left out on purpose: a backup that can be read without `master.key` would be a leak.

use rustix::fs::Mode;
use store::BackupError;

use super::find;
use crate::args::Backup;
use crate::config::Environment;
use crate::failure::{Exit, Failure, chain};
use crate::out;

/// Runs the command.
pub fn run(args: &Backup, environment: &Environment) -> Result<(), Failure> {
    rustix::process::umask(Mode::from_bits_truncate(0o077));
    let data = find::data(&args.file, environment)?;
    let report = store::backup(&data, &args.dest).map_err(|error| refused(&error))?;
    out::line(format_args!("{} bytes in {}", report.bytes, args.dest.display()))
        .map_err(|error| Failure::stdout(&error))?;
    let bucket = find::bucket(&args.file, environment)?;
    let media = bucket.map_or_else(
        || format!("the media files in {}", data.join("objects").display()),
        |bucket| {
            format!(
                "the media files in {} (its versions or copies are yours)",
                bucket.whereabouts()
            )
        },
    );
    out::note(format_args!(
        "Not in it: {media}, and {} (keep that elsewhere; without it the copy's keys cannot be \
         opened).",
        data.join(crate::keyfile::MASTER_KEY).display()
    ));
    Ok(())
}

fn refused(error: &BackupError) -> Failure {
    let exit = match error {
        BackupError::Missing(_) | BackupError::Exists(_) => Exit::Usage,
        BackupError::Full { .. } | BackupError::Io { .. } | BackupError::Copy(_) => Exit::Io,
    };
    Failure::new(exit, chain(error))
}
