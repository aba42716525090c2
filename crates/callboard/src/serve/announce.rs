//! What the server says once it accepts connections: the ready line for scripts, then how to reach
//! it for people. Secrets are not printed, only where they are.

use std::fmt::Write as _;
use std::io;

use super::Running;
use crate::keyfile::ROOT_KEY;
use crate::out;

/// Prints the announcement. That nobody reads standard output is no reason to stop.
pub fn ready(running: &Running) {
    if let Err(error) = out::line(format_args!("callboard ready on {}", running.endpoint()))
        .and_then(|()| details(running))
    {
        tracing::warn!(%error, "the announcement could not be written");
    }
    if running.address().ip().is_unspecified() && !running.has_public_url() {
        let begins = running.endpoint();
        tracing::warn!(begins, "public_url is not set: other machines cannot follow a MediaUrl");
    }
}

fn details(running: &Running) -> io::Result<()> {
    let address = running.address();
    // absolute, because it is read in other terminals
    let data = std::path::absolute(running.data())?;
    let key_file = data.join(ROOT_KEY);
    let callbacks = if address.ip().is_loopback() {
        "may go to this machine, because the server listens on a loopback address"
    } else {
        "may go to public addresses and to push.allow_targets only"
    };
    let rows = [
        ("endpoint", running.endpoint()),
        ("SecretId", running.root().id().to_owned()),
        ("SecretKey", format!("in {}", key_file.display())),
        ("application", format!("{} (the default)", running.app())),
        ("data", data.display().to_string()),
        ("metrics", format!("http://{}/metrics", running.ops_address())),
        ("callbacks", callbacks.to_owned()),
    ];
    let mut text = String::from("\n");
    for (name, value) in rows {
        // writing to a String cannot fail
        let _infallible = writeln!(text, "  {name:<12} {value}");
    }
    // by the data directory the commands find the certificate, too, whatever name it is for
    let shell = match running.scheme() {
        "https" => format!("CALLBOARD_DATA={}", data.display()),
        _ => format!("CALLBOARD_ENDPOINT={}", running.endpoint()),
    };
    let _infallible = write!(
        text,
        "\nPython SDK:  HttpProfile(protocol=\"{scheme}\", endpoint=\"{host}\")\n\
         Shell:       set -a; . {key}; export {shell}\n\
         Try:         callboard apps show; callboard publish --help\n",
        host = running.reach(),
        key = key_file.display(),
        scheme = running.scheme(),
    );
    out::text(&text)
}
