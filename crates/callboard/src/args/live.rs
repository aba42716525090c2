//! The command about live streams: `live`.

use clap::{Args, Subcommand};

use super::Server;

const LIVE_HELP: &str = "\
Examples:
  callboard live add camera-1 --playlist https://live.example.com/camera-1/index.m3u8
  callboard live add camera-2 --playlist /srv/live/camera-2/index.m3u8
                                   a file of the server, below its media.live_directory
  callboard live list
  callboard live remove camera-1

The playlist must have EXT-X-PROGRAM-DATE-TIME. Of a master playlist the variant of the highest
BANDWIDTH is recorded that has its sound in itself, for as long as it is there. What is recorded is
clipped by LiveRealTimeClip.";

/// `callboard live`.
#[derive(Clone, Debug, Args)]
#[command(after_help = LIVE_HELP)]
pub struct Live {
    /// The server.
    #[command(flatten)]
    pub server: Server,
    /// SubAppId; the default application if absent
    #[arg(long, value_name = "ID", global = true)]
    pub app: Option<u64>,
    /// What to do.
    #[command(subcommand)]
    pub command: LiveCommand,
}

/// What can be done with live streams.
#[derive(Clone, Debug, Subcommand)]
pub enum LiveCommand {
    /// Record a stream, or go on recording it from another playlist
    Add {
        /// The StreamId that LiveRealTimeClip takes
        stream: String,
        /// Its playlist: a URL, or the absolute path of a file of the server; of a master playlist the variant
        /// of the highest BANDWIDTH is recorded that has its sound in itself
        #[arg(long, value_name = "URL-or-FILE")]
        playlist: String,
    },
    /// List the streams, one JSON object a line
    List,
    /// Stop recording a stream and remove what was recorded
    Remove {
        /// Its StreamId
        stream: String,
    },
}
