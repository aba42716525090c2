//! `callboard config`: prints or checks the configuration.

use super::find;
use crate::args;
use crate::config::{self, Environment, Flag, Settings, print};
use crate::failure::{Exit, Failure};
use crate::out;

/// Runs the command.
pub fn run(args: &args::Config, environment: &Environment) -> Result<(), Failure> {
    if args.example {
        return write(&Settings::default());
    }
    let data = args.file.data.iter();
    let flags: Vec<_> =
        data.map(|value| Flag { given: "--data", name: "data", value: value.clone() }).collect();
    let path = find::config_path(&args.file, environment);
    let loaded = config::load(path.as_deref(), environment, &flags)?;
    for name in loaded.unknown_variables {
        out::note(format_args!("note: {name} is no setting and is ignored"));
    }
    if args.check {
        return out::line("the configuration can be used").map_err(|error| stdout(&error));
    }
    write(&loaded.settings)
}

fn write(settings: &Settings) -> Result<(), Failure> {
    let text =
        print::render(settings).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
    out::text(&text).map_err(|error| stdout(&error))
}

fn stdout(error: &std::io::Error) -> Failure {
    Failure::stdout(error)
}
