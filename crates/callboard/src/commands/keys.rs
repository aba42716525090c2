//! `callboard keys`: API keys of the running server.

use serde_json::json;

use super::{find, items, print, with};
use crate::args::{Keys, KeysCommand};
use crate::config::Environment;
use crate::failure::Failure;
use crate::out;

/// Runs the command.
pub async fn run(args: &Keys, environment: &Environment) -> Result<(), Failure> {
    let client = find::client(&args.server, environment)?;
    match &args.command {
        KeysCommand::Create { name, actions, apps } => {
            let params = with(json!({}), "Name", name.as_ref());
            let params = with(params, "Actions", (!actions.is_empty()).then_some(actions));
            let params = with(params, "SubAppIds", (!apps.is_empty()).then_some(apps));
            let mut key = client.call("CreateKey", params).await?;
            super::without_request_id(&mut key);
            print(&key)?;
            out::note("This is the only time that the SecretKey is shown.");
        }
        KeysCommand::List => {
            let answer = client.call("DescribeKeys", json!({})).await?;
            for key in items(&answer, "KeySet") {
                print(key)?;
            }
        }
        KeysCommand::Delete { id } => {
            client.call("DeleteKey", json!({ "KeyId": id })).await?;
        }
    }
    Ok(())
}
