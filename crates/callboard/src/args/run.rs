//! `callboard run` and `callboard trust`.

use std::ffi::OsString;

use clap::Args;

use super::{ConfigFile, Server};

const RUN_HELP: &str = "\
Tencent's upload clients compute their host names and speak TLS only; no setting leads them to
another server. `run` starts a program behind a proxy on this machine that takes the place of those
hosts: vod.tencentcloudapi.com and its regions, *.myqcloud.com, vod2.qcloud.com, vod2.dnsv1.com. The
program is given the proxy and a certificate bundle in the variables that its runtime reads; nothing
of it is changed.

Its SecretId and SecretKey must be a key of this server: callboard keys create, or the root key.

Examples:
  callboard run -- python upload.py
  callboard run -- node upload.js
  callboard run -- bash                    a shell in which every program reaches Callboard
  callboard run --endpoint http://10.0.0.5:8800 -- ./upload

The exit code is that of the program; 128 and the signal's number if a signal ended it; 126 and 127
if it cannot be started.";

/// `callboard run`.
#[derive(Clone, Debug, Args)]
#[command(after_help = RUN_HELP)]
pub struct Run {
    /// The server.
    #[command(flatten)]
    pub server: Server,
    /// Address of the proxy, on this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub proxy: String,
    /// Let the program reach other hosts too, instead of refusing them
    #[arg(long)]
    pub pass_through: bool,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub command: Vec<OsString>,
}

const TRUST_HELP: &str = "\
Prints the certificate that `run` signs with and how programs are made to trust it and to use the
proxy: for browsers, Java, and whatever reads none of the variables that `run` sets.";

/// `callboard trust`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = TRUST_HELP)]
pub struct Trust {
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print only the number by which Chromium believes in the local authority
    #[arg(long)]
    pub spki: bool,
}
