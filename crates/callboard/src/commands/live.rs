//! `callboard live`: the live streams that the running server records.

use serde_json::json;

use super::{find, items, print, with_app};
use crate::args::{Live, LiveCommand};
use crate::config::Environment;
use crate::failure::Failure;

/// Runs the command.
pub async fn run(args: &Live, environment: &Environment) -> Result<(), Failure> {
    let client = find::client(&args.server, environment)?;
    match &args.command {
        LiveCommand::Add { stream, playlist } => {
            let params = json!({ "StreamId": stream, "Playlist": playlist });
            client.call("RegisterLiveStream", with_app(params, args.app)).await?;
            Ok(())
        }
        LiveCommand::List => {
            let answer = client.call("DescribeLiveStreams", with_app(json!({}), args.app)).await?;
            items(&answer, "LiveStreamSet").iter().try_for_each(print)
        }
        LiveCommand::Remove { stream } => {
            let params = json!({ "StreamId": stream });
            client.call("DeleteLiveStream", with_app(params, args.app)).await?;
            Ok(())
        }
    }
}
