//! `callboard demo`: the whole story in one terminal, with a real server, a real receiver and a
//! real file. Nothing in it is pretended: every step goes over HTTP, as an application's would.

mod receiver;
mod story;

use client::Client;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::receiver::Receiver;
use self::story::Story;
use crate::args::Demo;
use crate::config::{self, Config, Environment, Flag};
use crate::failure::{Exit, Failure};
use crate::out;
use crate::serve::{self, Launch, Running, announce};
use crate::telemetry;

/// The key of `Sign` in the demo.
const SIGN_KEY: &str = "demoSignKey2018";

const NEXT: &str = "
What to do next
  callboard demo --keep       the same, and try things yourself
  callboard serve             a server that keeps its data; it prints how to reach it
  callboard apps configure --mode PUSH --url http://127.0.0.1:9000/ --upload on
                              callbacks to a receiver of your own
  callboard --help            everything else";

/// Runs the command.
pub fn run(args: Demo) -> Result<(), Failure> {
    serve::prepare_process();
    let directory = serve::temporary()?;
    let launch = Launch {
        config: config(&directory.path().display().to_string())?,
        root: None,
        ephemeral: true,
        accept_clock: false,
        search_path: config::search_path(),
    };
    telemetry::start(&launch.config.log);
    let runtime =
        Runtime::new().map_err(|error| Failure::io("the runtime cannot be started", &error))?;
    let ended = runtime.block_on(demo(args, launch));
    runtime.shutdown_background();
    ended
}

/// Free ports, data that is thrown away, no logs but warnings, and little patience when pulling.
fn config(data: &str) -> Result<Config, Failure> {
    let given = [
        ("data", data),
        ("listen", "127.0.0.1:0"),
        ("ops.listen", "127.0.0.1:0"),
        ("pull.wait", "1s"),
        ("log.level", "warn"),
    ];
    let flag =
        |(name, value): (&'static str, &str)| Flag { given: name, name, value: value.to_owned() };
    Ok(config::load(None, &Environment::new(), &given.map(flag))?.config)
}

async fn demo(args: Demo, launch: Launch) -> Result<(), Failure> {
    let mut signals = serve::Signals::listen()
        .map_err(|error| Failure::io("signals cannot be received", &error))?;
    let running = Running::start(launch).await?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let told = tokio::select! {
        told = tell(args, &running, &tasks, stop.clone()) => told,
        () = signals.next() => Ok(()),
    };
    stop.cancel();
    tasks.close();
    let stopped = running.stop().await;
    tasks.wait().await;
    told.and(stopped)
}

async fn tell(
    args: Demo,
    running: &Running,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut receiver = Receiver::start(SIGN_KEY, tasks, stop)
        .await
        .map_err(|error| Failure::io("the receiver cannot listen", &error))?;
    say(&format!(
        "A server on {}, and an application that receives callbacks on {}.",
        running.endpoint(),
        receiver.url
    ))?;
    let client = Client::new(&running.endpoint(), running.root().id(), running.root().secret())
        .map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
    Story::new(&client, &mut receiver, SIGN_KEY).tell().await?;
    say(NEXT)?;
    if args.keep {
        keep(running, &mut receiver).await?;
    }
    Ok(())
}

/// Shows each callback that comes, until a signal ends it.
async fn keep(running: &Running, receiver: &mut Receiver) -> Result<(), Failure> {
    say("")?;
    announce::ready(running);
    say(&format!(
        "\nThe receiver is still there: {} (SignKey {SIGN_KEY}). Ctrl-C ends both.",
        receiver.url
    ))?;
    while let Some(callback) = receiver.callbacks.recv().await {
        say(&format!("callback: {}", callback.event))?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), Failure> {
    out::line(line).map_err(|error| Failure::stdout(&error))
}
