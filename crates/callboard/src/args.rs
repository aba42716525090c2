//! The command line: what can be said, and the help that teaches it.
//!
//! Environment variables are not read here: `config::environment` does that, once.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::config::Flag;

mod apps;
mod drill;
mod history;
mod live;
mod run;

pub use apps::{Apps, AppsCommand, Configure, ModeArg, Secrets, SecretsCommand, SwitchArg, Test};
pub use drill::Drill;
pub use history::{Events, EventsCommand, ListEvents, Listen, ShowEvent, Tail};
pub use live::{Live, LiveCommand};
pub use run::{Run, Trust};

const ABOUT: &str = "Event notifications for video platforms, speaking Tencent Cloud's VOD API";

const LONG_ABOUT: &str = "\
Callboard keeps the events of a video platform durably and brings them to applications by PUSH (a
signed HTTP callback) or PULL (PullEvents, ConfirmEvents). It speaks Tencent Cloud's VOD API
2018-07-17, so the official SDKs work against it by changing only the endpoint.";

const EXAMPLES: &str = "\
First steps:
  callboard demo                 the whole story in one terminal, in a few seconds
  callboard serve                start the server; it says how to reach it
  callboard apps show            how events reach the default application
  callboard publish --help       state an event of your own
  callboard events list          what became of events
  callboard run -- COMMAND       start an upload client, unmodified, against this server

Exit codes: 64 wrong call, 65 bad data, 74 input or output, 75 data directory in use,
78 configuration; 1 when the server refused. `run` ends as the program that it started.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "callboard", version, about = ABOUT, long_about = LONG_ABOUT)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server
    Serve(Serve),
    /// Show the whole story in one terminal: upload, callbacks, deletion, pulling
    Demo(Demo),
    /// State events
    Publish(Publish),
    /// Pull events, one JSON object a line
    Pull(Pull),
    /// List events and show what became of them
    Events(Events),
    /// Follow events and attempts as they happen, a line a change
    Tail(Tail),
    /// Bring events to a receiver on this machine, without a public address
    Listen(Listen),
    /// Try your receiver with right and wrong callbacks, and say what it got wrong
    Drill(Drill),
    /// Deliver events again that were confirmed, given up or ignored
    Replay(Replay),
    /// Start a program so that it reaches Callboard instead of Tencent
    Run(Run),
    /// Say what to do by hand where `run` does not reach
    Trust(Trust),
    /// Make, list and delete API keys
    Keys(Keys),
    /// Make applications and say how events reach them
    Apps(Apps),
    /// Record live streams, to be clipped
    Live(Live),
    /// Print or check the configuration
    Config(Config),
    /// Copy the store of a data directory, also while it is in use
    Backup(Backup),
}

/// Which configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigFile {
    /// Configuration file (TOML); also CALLBOARD_CONFIG
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Data directory
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<String>,
}

const SERVE_HELP: &str = "\
Without any flag the server listens on 127.0.0.1:8800, keeps its data in ./callboard-data and makes
a root key there on its first start. On a loopback address callbacks may go to this machine.

Examples:
  callboard serve
  callboard serve --ephemeral --listen 127.0.0.1:0      for a test suite: free port, nothing kept
  callboard serve --config /etc/callboard.toml
  CALLBOARD_SECRET_ID=id CALLBOARD_SECRET_KEY=key callboard serve      a root key of your own

Every setting: callboard config --print";

/// `callboard serve`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = SERVE_HELP)]
pub struct Serve {
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Address of the API, uploads and media; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Address of /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDR")]
    pub ops_listen: Option<String>,
    /// Keep the data in a temporary directory that is removed at the end
    #[arg(long, conflicts_with = "data")]
    pub ephemeral: bool,
    /// Believe the machine's clock although it jumped since the last run
    #[arg(long)]
    pub accept_clock: bool,
}

impl Serve {
    /// The settings that flags stand for.
    pub fn flags(&self) -> Vec<Flag> {
        let given = [
            ("--data", "data", &self.file.data),
            ("--listen", "listen", &self.listen),
            ("--ops-listen", "ops.listen", &self.ops_listen),
        ];
        given
            .into_iter()
            .filter_map(|(given, name, value)| {
                let value = value.clone()?;
                Some(Flag { given, name, value })
            })
            .collect()
    }
}

const DEMO_HELP: &str = "\
Starts a server on free ports with data that is thrown away, and a receiver for its callbacks. Then
uploads a real video through the official upload flow, receives the callback and checks its Sign,
deletes the video, switches to PULL, publishes, pulls and confirms. Needs nothing but this program.";

/// `callboard demo`.
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = DEMO_HELP)]
pub struct Demo {
    /// Leave server and receiver running until Ctrl-C, to try things yourself
    #[arg(long)]
    pub keep: bool,
}

/// Which server, as whom.
#[derive(Clone, Debug, Default, Args)]
pub struct Server {
    /// The server, http(s)://host:port; else CALLBOARD_ENDPOINT, else the file `endpoint` in the data
    /// directory. The key: CALLBOARD_SECRET_ID and CALLBOARD_SECRET_KEY, else the file `root.key`
    #[arg(long, value_name = "URL", global = true)]
    pub endpoint: Option<String>,
    /// PEM file of authorities, or of the server's own certificate, to trust besides the public
    /// authorities, for https; else CALLBOARD_CA_FILE
    #[arg(long, value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
}

/// Which server and which application.
#[derive(Clone, Debug, Default, Args)]
pub struct Target {
    /// The server.
    #[command(flatten)]
    pub server: Server,
    /// The application's SubAppId; the default application if absent
    #[arg(long, value_name = "ID")]
    pub app: Option<u64>,
}

const PUBLISH_HELP: &str = "\
With --type the input is the object of that type's member; without it the input is one event or a
list of events, each with EventType, optionally EventKey, and its member.

Examples:
  echo '{\"FileId\": \"528589\", \"MediaBasicInfo\": {\"Name\": \"a\"}}' |
      callboard publish --type NewFileUpload --key upload-528589
  callboard publish --type FileDeleted --file deleted.json --app 1250000001
  echo '{\"EventType\": \"FileDeleted\", \"FileDeleteEvent\": {\"FileIdSet\": [\"528589\"]}}' |
      callboard publish
  callboard publish --sample NewFileUpload               a realistic one, to try a receiver with
  callboard publish --sample NewFileUpload --print       only print it, to be changed and published

Prints what became of each event: READY, or IGNORED and why.";

/// `callboard publish`.
#[derive(Clone, Debug, Args)]
#[command(after_help = PUBLISH_HELP, group = ArgGroup::new("one").args(["kind", "sample"]))]
pub struct Publish {
    /// Where to.
    #[command(flatten)]
    pub target: Target,
    /// The EventType of what is read, such as NewFileUpload
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Read nothing: publish a realistic event of this type, whichever of the 37 it is
    #[arg(long, value_name = "TYPE", conflicts_with_all = ["kind", "file"])]
    pub sample: Option<String>,
    /// Publish nothing: print the sample as it would be published
    #[arg(long, requires = "sample")]
    pub print: bool,
    /// Read from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// EventKey: publishing the same again within 24 hours makes no second event
    #[arg(long, value_name = "KEY", requires = "one")]
    pub key: Option<String>,
}

const PULL_HELP: &str = "\
Needs Mode=PULL (callboard apps configure --mode PULL). An event that is not confirmed comes again
when its lease has ended. Without --confirm nothing is confirmed: confirm with the EventHandle.

Examples:
  callboard pull                      what waits now, at most 16
  callboard pull --confirm            the same, and confirm it
  callboard pull --follow --confirm | jq .EventType

With --confirm an event is confirmed after its line was written.";

/// `callboard pull`.
#[derive(Clone, Debug, Args)]
#[command(after_help = PULL_HELP)]
pub struct Pull {
    /// From where.
    #[command(flatten)]
    pub target: Target,
    /// Go on until interrupted
    #[arg(long)]
    pub follow: bool,
    /// Confirm what was written
    #[arg(long)]
    pub confirm: bool,
}

const REPLAY_HELP: &str = "\
A replayed event waits again, behind all others, whatever the switches say. It keeps its EventId,
and its attempts stay in its history. Events that still wait are skipped.

Examples:
  callboard replay 9f2c61aa-42                        this one
  callboard replay --state DEAD                       all that were given up
  callboard replay --state DEAD --since 2h            those that were stated in the last 2 hours
  callboard replay --state IGNORED --type NewFileUpload --since 2026-01-31T00:00:00Z
  callboard replay --state DONE --since 2026-01-31T08:00:00Z --until 2026-01-31T09:00:00Z --dry-run

Prints how many there were.";

/// `callboard replay`.
#[derive(Clone, Debug, Args)]
#[command(after_help = REPLAY_HELP)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["ids", "states"])))]
pub struct Replay {
    /// Whose events.
    #[command(flatten)]
    pub target: Target,
    /// EventIds, as publish and DescribeEvents show them
    #[arg(value_name = "EVENT_ID", conflicts_with_all = ["states", "types", "since", "until"])]
    pub ids: Vec<String>,
    /// Events that have ended so; may be repeated
    #[arg(long = "state", value_name = "DONE|DEAD|IGNORED")]
    pub states: Vec<String>,
    /// Only events of this EventType; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Only events stated at or after this: a time such as 2026-01-31T08:00:00Z, or how long ago,
    /// such as 90s, 15m, 2h, 3d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events stated before this, written the same way
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only say how many there are
    #[arg(long)]
    pub dry_run: bool,
}

const KEYS_HELP: &str = "\
Examples:
  callboard keys create --name ci
  callboard keys create --name worker --action PullEvents --action ConfirmEvents --app 1250000000
  callboard keys list
  callboard keys delete AKIDxxxxxxxx";

/// `callboard keys`.
#[derive(Clone, Debug, Args)]
#[command(after_help = KEYS_HELP)]
pub struct Keys {
    /// The server.
    #[command(flatten)]
    pub server: Server,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; its SecretKey is shown this once
    Create {
        /// A name for people
        #[arg(long)]
        name: Option<String>,
        /// An action that the key may call; may be repeated; all if absent
        #[arg(long = "action", value_name = "ACTION")]
        actions: Vec<String>,
        /// An application that the key may name; may be repeated; all if absent
        #[arg(long = "app", value_name = "ID")]
        apps: Vec<u64>,
    },
    /// List the keys, without their secrets
    List,
    /// Delete a key; it is refused from then on
    Delete {
        /// Its SecretId
        id: String,
    },
}

const CONFIG_HELP: &str = "\
Settings come from the file, then the environment (pull.lease is CALLBOARD_PULL_LEASE), then flags
of serve; later ones win.

Examples:
  callboard config --example > callboard.toml      every setting with its default
  callboard config --print                         what would be used here and now
  callboard config --check --config callboard.toml";

/// `callboard config`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CONFIG_HELP)]
pub struct Config {
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print the effective configuration (this is also what no flag does)
    #[arg(long)]
    pub print: bool,
    /// Only say whether it can be used
    #[arg(long, conflicts_with = "print")]
    pub check: bool,
    /// Print an example file: every setting with its default
    #[arg(long, conflicts_with_all = ["print", "check", "config"])]
    pub example: bool,
}

const BACKUP_HELP: &str = "\
The copy is consistent, also while the server runs. It holds events, applications, keys (sealed) and
the records of media. It does not hold media files, and neither master.key nor root.key: keep
master.key elsewhere, because without it the keys in the copy cannot be opened.

To restore: put the copy as callboard.db into an empty directory, together with master.key, and
start `callboard serve --data DIR`.

Example:
  callboard backup --data ./callboard-data /backup/callboard-2026-01-31.db";

/// `callboard backup`.
#[derive(Clone, Debug, Args)]
#[command(after_help = BACKUP_HELP)]
pub struct Backup {
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// The file to write; must not exist
    pub dest: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    /// The width at which clap breaks lines, which would leave the rest of a longer one alone.
    const WIDTH: usize = 100;

    fn fits(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let long = help.lines().find(|line| line.chars().count() > WIDTH);
        assert_eq!(long, None, "{}", command.get_name());
        command.get_subcommands().for_each(fits);
    }

    #[test]
    fn no_line_of_a_help_is_broken() {
        fits(&Cli::command());
    }
}
