//! CreateKey, DescribeKeys and DeleteKey: keys that can do no more than the key that made them.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::{ApiKey, AppId, Policy, limits};
use queue::{Commit, CommitError, Record, RecordKey, RecordKind, RecordPut, RecordQuery};
use sign::seal::Purpose;
use wire::action::CreateKey;
use wire::reply::{KeyInfo, KeyReply, KeysReply};
use wire::{ApiError, Code, Reply, Secret};

use super::applications;
use crate::caller::Caller;
use crate::{Gateway, faults, secret};

/// Keys read at once.
const PAGE: usize = 500;

pub(super) async fn create(
    gateway: &Gateway,
    caller: &Caller,
    request: CreateKey,
) -> Result<Reply, ApiError> {
    if request.name.chars().count() > limits::KEY_NAME_CHARS_MAX {
        let text = format!("`Name` must have at most {} characters.", limits::KEY_NAME_CHARS_MAX);
        return Err(ApiError::new(Code::InvalidParameterValue, text));
    }
    let policy = meant(gateway, &request.policy);
    // before existence, so that a key learns nothing of what it may not see
    if !caller.policy.covers(&policy) {
        return Err(caller.refusal("CreateKey", None));
    }
    check_applications(gateway, &request.policy).await?;
    if all(gateway).await?.len() >= limits::KEYS_MAX {
        let text = format!("There are {} keys already.", limits::KEYS_MAX);
        return Err(ApiError::new(Code::LimitExceeded, text));
    }
    let drawn = || Ok((format!("AKID{}", secret::random_text(32)?), secret::random_text(32)?));
    let (secret_id, secret_key) =
        drawn().map_err(|error: std::io::Error| ApiError::internal(error))?;
    let sealed = secret::seal(gateway.master(), Purpose::secret_key(&secret_id), &secret_key);
    let key = ApiKey {
        secret_id: secret_id.clone(),
        secret_key: sealed.map_err(ApiError::internal)?,
        name: request.name,
        policy,
        created: gateway.now().wall,
        root: false,
    };
    let commit = Commit {
        expect: vec![(RecordKey::key(&*secret_id), None)],
        put: vec![put(&key).map_err(ApiError::internal)?],
        ..Commit::default()
    };
    gateway.backend().commit(commit).await.map_err(faults::commit)?;
    Ok(Reply::Key(KeyReply { secret_id, secret_key: Secret(secret_key) }))
}

/// The record of a key.
pub(crate) fn put(key: &ApiKey) -> serde_json::Result<RecordPut> {
    let body = Bytes::from(serde_json::to_vec(key)?);
    Ok(RecordPut { key: RecordKey::key(&*key.secret_id), body, terms: Vec::new(), listing: None })
}

/// The policy with everything named once, and 0 made into the id of the default application.
fn meant(gateway: &Gateway, policy: &Policy) -> Policy {
    let actions = policy.actions.as_ref().map(|named| {
        let distinct: BTreeSet<&String> = named.iter().collect();
        distinct.into_iter().cloned().collect()
    });
    let applications = policy.applications.as_ref().map(|named| {
        let distinct: BTreeSet<AppId> = named.iter().map(|&app| named_app(gateway, app)).collect();
        distinct.into_iter().collect()
    });
    Policy { actions, applications }
}

/// Refuses a policy that names an application which does not exist, by its path as sent.
async fn check_applications(gateway: &Gateway, policy: &Policy) -> Result<(), ApiError> {
    for (index, &app) in policy.applications.iter().flatten().enumerate() {
        if applications::find(gateway, named_app(gateway, app)).await.is_err() {
            return Err(ApiError::invalid_value(&format!("SubAppIds.{index}"), &app.to_string()));
        }
    }
    Ok(())
}

fn named_app(gateway: &Gateway, app: AppId) -> AppId {
    if app == AppId(0) { gateway.settings().default_app } else { app }
}

/// The keys that can do no more than the caller's, in the order of their ids.
pub(super) async fn describe(gateway: &Gateway, caller: &Caller) -> Result<Reply, ApiError> {
    let mut key_set = Vec::new();
    for record in all(gateway).await? {
        let key: ApiKey = serde_json::from_slice(&record.body).map_err(ApiError::internal)?;
        if caller.policy.covers(&key.policy) {
            key_set.push(KeyInfo::from(&key));
        }
    }
    Ok(Reply::Keys(KeysReply { key_set }))
}

/// Deletes a key that can do no more than the caller's; its next call is refused.
pub(super) async fn delete(
    gateway: &Gateway,
    caller: &Caller,
    key_id: &str,
) -> Result<Reply, ApiError> {
    let record_key = RecordKey::key(key_id);
    let found = gateway.backend().get(vec![record_key.clone()]).await.map_err(faults::backend)?;
    let absent = || ApiError::new(Code::ResourceNotFound, "There is no key with that KeyId.");
    let record = found.into_iter().next().flatten().ok_or_else(absent)?;
    let key: ApiKey = serde_json::from_slice(&record.body).map_err(ApiError::internal)?;
    if !caller.policy.covers(&key.policy) {
        return Err(caller.refusal("DeleteKey", None));
    }
    if key.root {
        let text =
            "The root key cannot be deleted; start the server with other values to replace it.";
        return Err(ApiError::new(Code::FailedOperation, text));
    }
    let commit = Commit {
        expect: vec![(record_key.clone(), Some(record.version))],
        delete: vec![record_key],
        ..Commit::default()
    };
    let deleted = gateway.backend().commit(commit).await;
    gateway.keyring().forget(key_id);
    match deleted {
        Ok(_) => Ok(Reply::Done),
        // the record of a key changes by being deleted only
        Err(CommitError::Conflict(_)) => Err(absent()),
        Err(error) => Err(faults::commit(error)),
    }
}

/// Every key's record.
async fn all(gateway: &Gateway) -> Result<Vec<Record>, ApiError> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let query = RecordQuery {
            kind: RecordKind::Key,
            app: Some(AppId(0)),
            term: None,
            after: records.last().map(|record| record.key.clone()),
            limit: PAGE,
        };
        let page = gateway.backend().find(query).await.map_err(faults::backend)?;
        let more = page.more && !page.records.is_empty();
        records.extend(page.records);
        if !more {
            return Ok(records);
        }
    }
}
