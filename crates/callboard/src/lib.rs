//! Callboard's program: commands, configuration, telemetry, health, metrics, wiring, shutdown.
//!
//! What the server does is in the crates below this one; here its parts are brought together and
//! given a command line. Nothing here is global, so two servers can run in one process.

pub mod args;
pub mod clock;
pub mod commands;
pub mod config;
pub mod demo;
pub mod failure;
pub mod keyfile;
pub mod metrics;
pub mod ops;
pub mod out;
pub mod serve;
pub mod telemetry;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::args::{Cli, Command};
use crate::config::Environment;
use crate::failure::{Exit, Failure};

/// Runs the program with those arguments (the first is its name) and the process's environment.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match command(cli.command, &config::environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                out::note(format_args!("callboard: {failure}"));
            }
            failure.code()
        }
    }
}

/// Help and version are no failures; everything else that clap refuses is a wrong call.
fn usage(error: &clap::Error) -> ExitCode {
    // that the message cannot be written is nobody's to know
    let _nobody_reads_it = error.print();
    if error.use_stderr() { Failure::new(Exit::Usage, "").code() } else { ExitCode::SUCCESS }
}

fn command(command: Command, environment: &Environment) -> Result<(), Failure> {
    let runtime =
        || Runtime::new().map_err(|error| Failure::io("the runtime cannot be started", &error));
    match command {
        Command::Publish(args) => runtime()?.block_on(commands::publish::run(&args, environment)),
        Command::Pull(args) => runtime()?.block_on(commands::pull::run(&args, environment)),
        Command::Events(args) => runtime()?.block_on(commands::events::run(&args, environment)),
        Command::Tail(args) => runtime()?.block_on(commands::tail::run(&args, environment)),
        Command::Listen(args) => runtime()?.block_on(commands::listen::run(&args, environment)),
        Command::Drill(args) => runtime()?.block_on(commands::drill::run(&args)),
        Command::Replay(args) => runtime()?.block_on(commands::replay::run(&args, environment)),
        Command::Keys(args) => runtime()?.block_on(commands::keys::run(&args, environment)),
        Command::Apps(args) => runtime()?.block_on(commands::apps::run(&args, environment)),
        Command::Live(args) => runtime()?.block_on(commands::live::run(&args, environment)),
        Command::Run(args) => runtime()?.block_on(commands::run::run(&args, environment)),
        Command::Trust(args) => commands::trust::run(&args, environment),
        Command::Config(args) => commands::config::run(&args, environment),
        Command::Backup(args) => commands::backup::run(&args, environment),
        Command::Serve(args) => serve::run(&args, environment),
        Command::Demo(args) => demo::run(args),
    }
}
