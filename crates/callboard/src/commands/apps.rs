//! `callboard apps`: applications of the running server and how events reach them.

use client::Client;
use serde_json::{Map, Value, json};

use super::{find, items, print, with, with_app, without_request_id};
use crate::args::{
    Apps, AppsCommand, Configure, ModeArg, Secrets, SecretsCommand, SwitchArg, Test,
};
use crate::config::Environment;
use crate::failure::{Exit, Failure};
use crate::out;

/// Applications on a page of DescribeSubAppIds (documented maximum: 200).
const PAGE: u64 = 200;

/// Runs the command.
pub async fn run(args: &Apps, environment: &Environment) -> Result<(), Failure> {
    let client = find::client(&args.server, environment)?;
    match &args.command {
        AppsCommand::List => list(&client).await,
        AppsCommand::Create { name, description } => {
            let params = with(json!({ "Name": name }), "Description", description.as_ref());
            let mut made = client.call("CreateSubAppId", params).await?;
            without_request_id(&mut made);
            print(&made)
        }
        AppsCommand::Rename { id, name } => {
            call(&client, "ModifySubAppIdInfo", json!({ "SubAppId": id, "Name": name })).await
        }
        AppsCommand::On { id } => status(&client, *id, "On").await,
        AppsCommand::Off { id } => status(&client, *id, "Off").await,
        AppsCommand::Destroy { id } => status(&client, *id, "Destroyed").await,
        AppsCommand::Show { id } => show(&client, *id).await,
        AppsCommand::Configure(configure) => {
            call(&client, "ModifyEventConfig", changes(configure)?).await?;
            show(&client, configure.id).await
        }
        AppsCommand::Secrets(secrets) => signing_secrets(&client, secrets).await,
        AppsCommand::Test(test) => try_out(&client, test).await,
        AppsCommand::Delivery { id } => {
            let mut state = client.call("DescribeDelivery", with_app(json!({}), *id)).await?;
            without_request_id(&mut state);
            print(&state)
        }
        AppsCommand::Resume { id } => {
            call(&client, "ResumeDelivery", with_app(json!({}), *id)).await
        }
    }
}

/// Sends a sample; a receiver that did not take it is a failure of the command.
async fn try_out(client: &Client, args: &Test) -> Result<(), Failure> {
    let params = with(json!({}), "NotificationUrl", args.url.as_ref());
    let params = with(params, "EventType", args.kind.as_ref());
    let mut told = client.call("TestNotification", with_app(params, args.id)).await?;
    without_request_id(&mut told);
    print(&told)?;
    if told.get("Delivered").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    let reason = told.get("Reason").and_then(Value::as_str).unwrap_or_default();
    Err(Failure::new(Exit::Refused, format!("not delivered: {reason}")))
}

/// The secrets of Webhook-Signature.
async fn signing_secrets(client: &Client, args: &Secrets) -> Result<(), Failure> {
    let params = with_app(json!({}), args.app);
    match &args.command {
        SecretsCommand::Create => {
            let mut secret = client.call("CreateSigningSecret", params).await?;
            without_request_id(&mut secret);
            print(&secret)?;
            out::note("This is the only time that the Secret is shown.");
            Ok(())
        }
        SecretsCommand::List => {
            let answer = client.call("DescribeSigningSecrets", params).await?;
            items(&answer, "SigningSecretSet").iter().try_for_each(print)
        }
        SecretsCommand::Delete { id } => {
            let params = with(params, "SigningSecretId", Some(id));
            call(client, "DeleteSigningSecret", params).await
        }
    }
}

async fn call(client: &Client, action: &str, params: Value) -> Result<(), Failure> {
    client.call(action, params).await?;
    Ok(())
}

async fn status(client: &Client, id: u64, status: &str) -> Result<(), Failure> {
    call(client, "ModifySubAppIdStatus", json!({ "SubAppId": id, "Status": status })).await
}

async fn list(client: &Client) -> Result<(), Failure> {
    let mut offset = 0;
    loop {
        let params = json!({ "Offset": offset, "Limit": PAGE });
        let answer = client.call("DescribeSubAppIds", params).await?;
        let page = items(&answer, "SubAppIdInfoSet");
        for application in page {
            print(application)?;
        }
        offset += PAGE;
        let total = answer.get("TotalCount").and_then(Value::as_u64).unwrap_or(0);
        if page.is_empty() || offset >= total {
            return Ok(());
        }
    }
}

/// The configuration and the number of events that wait, as one object.
async fn show(client: &Client, id: Option<u64>) -> Result<(), Failure> {
    let params = with_app(json!({}), id);
    let mut shown = client.call("DescribeEventConfig", params.clone()).await?;
    let state = client.call("DescribeEventsState", params).await?;
    without_request_id(&mut shown);
    let count = "CountOfEventsToPull";
    print(&with(shown, count, state.get(count)))
}

/// The members of ModifyEventConfig that were named.
fn changes(configure: &Configure) -> Result<Value, Failure> {
    let mode = configure.mode.map(|mode| match mode {
        ModeArg::Push => "PUSH",
        ModeArg::Pull => "PULL",
    });
    let switch = |switch: Option<SwitchArg>| {
        switch.map(|switch| match switch {
            SwitchArg::On => "ON",
            SwitchArg::Off => "OFF",
        })
    };
    let members = [
        ("Mode", mode),
        ("NotificationUrl", configure.url.as_deref()),
        ("UploadMediaCompleteEventSwitch", switch(configure.upload)),
        ("DeleteMediaCompleteEventSwitch", switch(configure.delete)),
        ("PersistenceCompleteEventSwitch", switch(configure.persistence)),
        ("SignKey", configure.sign_key.as_deref()),
    ];
    let params: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), json!(value))))
        .collect();
    if params.is_empty() {
        let hint = "nothing to configure: name at least one of --mode, --url, --upload, --delete, \
                    --persistence, --sign-key";
        return Err(Failure::new(Exit::Usage, hint));
    }
    Ok(with_app(Value::Object(params), configure.id))
}
