//! `callboard events`: what became of events, over DescribeEvents and DescribeEventDetail.

mod list;
mod show;

use crate::args::{Events, EventsCommand};
use crate::config::Environment;
use crate::failure::Failure;

/// Runs the command.
pub async fn run(args: &Events, environment: &Environment) -> Result<(), Failure> {
    match &args.command {
        EventsCommand::List(args) => list::run(args, environment).await,
        EventsCommand::Show(args) => show::run(args, environment).await,
    }
}
