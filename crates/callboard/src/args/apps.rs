//! The commands about applications and the way to their receivers: `apps`.

use clap::{Args, Subcommand, ValueEnum};

use super::Server;

const APPS_HELP: &str = "\
Examples:
  callboard apps list
  callboard apps create shop
  callboard apps show                                    the default application
  callboard apps configure --mode PULL --upload on --delete on
  callboard apps configure 1250000001 --mode PUSH --url http://127.0.0.1:9000/vod --sign-key a1b2c3
  callboard apps off 1250000001
  callboard apps destroy 1250000001
  callboard apps secrets --help                          Webhook-Signature, which covers the body
  callboard apps test                                    send a sample to the receiver, now
  callboard apps delivery 1250000001                     why nothing goes out
  callboard apps resume 1250000001                       the receiver is well again: do not wait";

/// `callboard apps`.
#[derive(Clone, Debug, Args)]
#[command(after_help = APPS_HELP)]
pub struct Apps {
    /// The server.
    #[command(flatten)]
    pub server: Server,
    /// What to do.
    #[command(subcommand)]
    pub command: AppsCommand,
}

/// What can be done with applications.
#[derive(Clone, Debug, Subcommand)]
pub enum AppsCommand {
    /// List the applications
    List,
    /// Make an application; prints its SubAppId
    Create {
        /// At most 40 characters
        name: String,
        /// At most 300 characters
        #[arg(long)]
        description: Option<String>,
    },
    /// Give an application another name
    Rename {
        /// Its SubAppId
        id: u64,
        /// The new name
        name: String,
    },
    /// Let an application upload and serve media again
    On {
        /// Its SubAppId
        id: u64,
    },
    /// Stop uploads and media of an application; its events go on
    Off {
        /// Its SubAppId
        id: u64,
    },
    /// Destroy an application that is off; what waits in its queue is given up
    Destroy {
        /// Its SubAppId
        id: u64,
    },
    /// Show how events reach an application and how many wait
    Show {
        /// Its SubAppId; the default application if absent
        id: Option<u64>,
    },
    /// Say how events reach an application; what is not named keeps its value
    Configure(Configure),
    /// Sign callbacks with Webhook-Signature: make, list and delete its secrets
    Secrets(Secrets),
    /// Send a sample to the receiver at once and show its answer; exit code 1 if it failed
    Test(Test),
    /// Show whether events go out, and when the next attempt may if they do not
    Delivery {
        /// Its SubAppId; the default application if absent
        id: Option<u64>,
    },
    /// Let events go out at once, because the receiver is well again
    Resume {
        /// Its SubAppId; the default application if absent
        id: Option<u64>,
    },
}

/// `callboard apps test`.
#[derive(Clone, Debug, Args)]
pub struct Test {
    /// Its SubAppId; the default application if absent
    pub id: Option<u64>,
    /// Send it there instead of to the application's address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The EventType of the sample; NewFileUpload if absent
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
}

const SECRETS_HELP: &str = "\
Sign covers the time T only. With a signing secret every callback also carries Webhook-Signature,
which covers Webhook-Id, Webhook-Timestamp and the whole body; receivers check it with a library of
Standard Webhooks (docs/receivers.md).

To change a secret without losing a callback:
  callboard apps secrets create          from now on callbacks carry both signatures
                                         give the new secret to every receiver
  callboard apps secrets list            newest first
  callboard apps secrets delete ss-...   the old one

Callbacks of another application: --app ID.";

/// `callboard apps secrets`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SECRETS_HELP)]
pub struct Secrets {
    /// The application's SubAppId; the default application if absent
    #[arg(long, value_name = "ID", global = true)]
    pub app: Option<u64>,
    /// What to do.
    #[command(subcommand)]
    pub command: SecretsCommand,
}

/// What can be done with signing secrets.
#[derive(Clone, Debug, Subcommand)]
pub enum SecretsCommand {
    /// Make a secret, which signs from now on; it is shown this once. At most two
    Create,
    /// List the secrets, newest first, without what is secret
    List,
    /// Delete a secret; nothing is signed with it from then on
    Delete {
        /// Its SigningSecretId
        id: String,
    },
}

/// `callboard apps configure`.
#[derive(Clone, Debug, Args)]
pub struct Configure {
    /// Its SubAppId; the default application if absent
    pub id: Option<u64>,
    /// Who brings events: Callboard (PUSH) or the application itself (PULL)
    #[arg(long, ignore_case = true)]
    pub mode: Option<ModeArg>,
    /// Where PUSH goes; an empty value clears it
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Whether NewFileUpload is wanted
    #[arg(long, value_name = "on|off")]
    pub upload: Option<SwitchArg>,
    /// Whether FileDeleted is wanted
    #[arg(long, value_name = "on|off")]
    pub delete: Option<SwitchArg>,
    /// Whether PersistenceComplete is wanted
    #[arg(long, value_name = "on|off")]
    pub persistence: Option<SwitchArg>,
    /// The key of Sign in callbacks, letters and digits, at most 32; an empty value clears it
    #[arg(long, value_name = "KEY")]
    pub sign_key: Option<String>,
}

/// PUSH or PULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum ModeArg {
    /// Callboard sends.
    Push,
    /// The application asks.
    Pull,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SwitchArg {
    /// Wanted.
    On,
    /// Not wanted.
    Off,
}
