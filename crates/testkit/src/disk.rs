//! A disk that is really full: a small tmpfs in a mount namespace of the test's own, so that nothing
//! of it is seen outside and no privilege is needed where user namespaces are allowed.
//!
//! Each test runs itself again inside; what the inner run finds decides.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{Failure, Result};

/// Tells the inner run where the small disk is.
const DISK: &str = "CALLBOARD_TEST_SMALL_DISK";

/// The small disk of that many bytes, in the inner run, where temporary files are on it too; the
/// outer run starts that and looks at its end. `test`: the path of the test that calls.
pub fn small_disk(test: &str, bytes: u64) -> Result<Option<PathBuf>> {
    if let Some(disk) = std::env::var_os(DISK) {
        return Ok(Some(disk.into()));
    }
    let at = tempfile::tempdir()?;
    let mut failures = Vec::new();
    let ways: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];
    for way in ways {
        match on_small_disk(at.path(), bytes, way, &["true".into()]) {
            Ok(output) if output.status.success() => {
                return run_inside(at.path(), bytes, way, test).map(|()| None);
            }
            Ok(output) => failures.push(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => failures.push(format!("unshare (util-linux): {error}")),
        }
    }
    Err(Failure::new(format!(
        "this test needs a small disk of its own: either user namespaces (for `unshare --user \
         --map-root-user --mount`) or the right to mount a tmpfs: {failures:?}"
    )))
}

/// Runs a command in a mount namespace with the small disk at that place.
fn on_small_disk(
    at: &Path,
    bytes: u64,
    way: &[&str],
    command: &[OsString],
) -> std::io::Result<Output> {
    let script = format!("mount -t tmpfs -o size={bytes} small \"$1\" && shift && exec \"$@\"");
    let mut unshare = Command::new("unshare");
    unshare.args(way).args(["sh", "-c", &script, "sh"]).arg(at).args(command);
    unshare.env(DISK, at).env("TMPDIR", at).output()
}

fn run_inside(at: &Path, bytes: u64, way: &[&str], test: &str) -> Result<()> {
    let binary = std::env::current_exe()?.into_os_string();
    let args = ["--exact", test, "--nocapture"].map(OsString::from);
    let command: Vec<OsString> = std::iter::once(binary).chain(args).collect();
    let output = on_small_disk(at, bytes, way, &command)?;
    let [out, err] =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    if !output.status.success() {
        return Err(Failure::new(format!("{out}{err}")));
    }
    if out.contains("1 passed") {
        return Ok(());
    }
    Err(Failure::new(format!("{test} did not run inside: {out}{err}")))
}
