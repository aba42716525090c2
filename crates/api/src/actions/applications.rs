//! Applications: found, created, renamed, switched off and destroyed.

use bytes::Bytes;
use model::{AppId, Application, ApplicationStatus, Naming, limits};
use queue::{Commit, CommitError, Configured, RecordKey, RecordPut};
use wire::action::{CreateSubAppId, DescribeSubAppIds, ModifySubAppIdInfo, ResourceTag};
use wire::reply::{SubAppIdInfo, SubAppIdReply, SubAppIdsReply};
use wire::{ApiError, Code, Reply};

use crate::caller::Caller;
use crate::{Gateway, faults};

/// Ids of created applications follow this one, in the range in which the cloud's lie.
const FIRST_ID: u64 = 1_500_000_000;
/// Applications on a page (documented default and maximum).
const PAGE_MAX: u64 = 200;
/// How often a change is decided again when others change the same record; each time somebody else
/// got on, so more means that something is wrong.
const TRIES: u32 = 32;

/// The application with its configuration; destroyed ones are as good as unknown.
pub(crate) async fn find(gateway: &Gateway, app: AppId) -> Result<Configured, ApiError> {
    let found = gateway.backend().application(app).await.map_err(faults::backend)?;
    found
        .filter(|found| found.application.status != ApplicationStatus::Destroyed)
        .ok_or_else(ApiError::invalid_vod_user)
}

/// Changes an application's record: reads it, lets `change` decide, commits, and does it all again
/// if somebody else was faster.
pub(crate) async fn update(
    gateway: &Gateway,
    app: AppId,
    change: impl Fn(&mut Application) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut tries = TRIES;
    loop {
        let found = find(gateway, app).await?;
        let mut application = Application::clone(&found.application);
        change(&mut application)?;
        if application == *found.application {
            return Ok(());
        }
        let commit = put(&application, Some(found.version))?;
        match gateway.backend().commit(commit).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict(_)) if tries > 1 => tries -= 1,
            Err(error) => return Err(faults::commit(error)),
        }
    }
}

/// The commit that writes an application's record over that version of it.
fn put(application: &Application, expected: Option<u64>) -> Result<Commit, ApiError> {
    let key = RecordKey::application(application.id);
    let body = serde_json::to_vec(application).map_err(ApiError::internal)?;
    Ok(Commit {
        expect: vec![(key.clone(), expected)],
        put: vec![RecordPut { key, body: Bytes::from(body), terms: Vec::new(), listing: None }],
        ..Commit::default()
    })
}

pub(super) async fn create(
    gateway: &Gateway,
    caller: &Caller,
    request: CreateSubAppId,
) -> Result<Reply, ApiError> {
    // a key for some applications could not see what it made
    if caller.policy.applications.is_some() {
        return Err(caller.refusal("CreateSubAppId", None));
    }
    check_name(&request.name)?;
    check_description(&request.description)?;
    let (naming, regions) = read_files(&request)?;
    if !matches!(request.r#type.as_str(), "" | "AllInOne" | "Professional") {
        return Err(ApiError::invalid_value("Type", &request.r#type));
    }
    let mut application = Application {
        description: request.description,
        tags: read_tags(request.tags)?,
        naming,
        regions,
        ..Application::new(AppId(0), request.name, gateway.now().wall)
    };
    let mut tries = TRIES;
    loop {
        let all = gateway.backend().applications().await.map_err(faults::backend)?;
        if all.len() >= limits::APPLICATIONS_MAX {
            let text = format!("There are {} applications already.", limits::APPLICATIONS_MAX);
            return Err(ApiError::new(Code::LimitExceeded, text));
        }
        let highest = all.iter().map(|one| one.application.id.0).fold(FIRST_ID, u64::max);
        application.id = AppId(highest + 1);
        match gateway.backend().commit(put(&application, None)?).await {
            Ok(_) => break,
            Err(CommitError::Conflict(_)) if tries > 1 => tries -= 1,
            Err(error) => return Err(faults::commit(error)),
        }
    }
    Ok(Reply::SubAppId(SubAppIdReply { sub_app_id: application.id.0 }))
}

/// The applications that the caller's key may see, destroyed ones included, in the order of ids.
pub(super) async fn describe(
    gateway: &Gateway,
    caller: &Caller,
    request: DescribeSubAppIds,
) -> Result<Reply, ApiError> {
    let limit = request.limit.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid_value("Limit", &limit.to_string()));
    }
    let tags = read_tags(request.tags)?;
    let wanted = |application: &Application| {
        caller.policy.allows_application(application.id)
            && request.name.as_ref().is_none_or(|name| *name == application.name)
            && tags.iter().all(|tag| application.tags.contains(tag))
    };
    let mut all = gateway.backend().applications().await.map_err(faults::backend)?;
    all.retain(|one| wanted(&one.application));
    let page = all
        .iter()
        .skip(usize::try_from(request.offset.unwrap_or(0)).unwrap_or(usize::MAX))
        .take(usize::try_from(limit).unwrap_or(usize::MAX));
    let region = &gateway.library().settings().storage_region;
    Ok(Reply::SubAppIds(SubAppIdsReply {
        sub_app_id_info_set: page.map(|one| SubAppIdInfo::new(&one.application, region)).collect(),
        total_count: u64::try_from(all.len()).unwrap_or(u64::MAX),
    }))
}

pub(super) async fn modify(
    gateway: &Gateway,
    app: AppId,
    request: ModifySubAppIdInfo,
) -> Result<Reply, ApiError> {
    if let Some(name) = &request.name {
        check_name(name)?;
    }
    if let Some(description) = &request.description {
        check_description(description)?;
    }
    update(gateway, app, |application| {
        if let Some(name) = &request.name {
            application.name.clone_from(name);
        }
        if let Some(description) = &request.description {
            application.description.clone_from(description);
        }
        Ok(())
    })
    .await?;
    Ok(Reply::Done)
}

/// Switches on or off, or destroys. Destroying takes two steps, so that nobody loses an application
/// by one wrong word, and is never the fate of the default application, which calls without a
/// SubAppId mean.
pub(super) async fn switch(
    gateway: &Gateway,
    app: AppId,
    status: ApplicationStatus,
) -> Result<Reply, ApiError> {
    let default_app = gateway.settings().default_app;
    update(gateway, app, |application| {
        if status == ApplicationStatus::Destroyed {
            if app == default_app {
                let text = "The default application cannot be destroyed.";
                return Err(ApiError::new(Code::FailedOperation, text));
            }
            if application.status != ApplicationStatus::Off {
                let text = "Only an application that is Off can be destroyed.";
                return Err(ApiError::new(Code::FailedOperation, text));
            }
        }
        application.status = status;
        Ok(())
    })
    .await?;
    Ok(Reply::Done)
}

/// How files are named, and where they are stored: Mode and StorageRegion. Files named by path need
/// a region, as documented.
fn read_files(request: &CreateSubAppId) -> Result<(Naming, Vec<String>), ApiError> {
    let region = request.storage_region.as_str();
    let naming = match request.mode.as_str() {
        "" | "fileid" => Naming::FileId,
        "fileid+path" => Naming::Path,
        other => return Err(ApiError::invalid_value("Mode", other)),
    };
    let is_missing = region.is_empty() && naming == Naming::Path;
    if is_missing || !region.is_empty() && !media::is_region(region) {
        return Err(ApiError::invalid_value("StorageRegion", region));
    }
    let regions = Some(region).filter(|region| !region.is_empty());
    Ok((naming, regions.into_iter().map(str::to_owned).collect()))
}

fn read_tags(tags: Vec<ResourceTag>) -> Result<Vec<(String, String)>, ApiError> {
    if tags.len() > limits::APPLICATION_TAGS_MAX {
        let text = format!("`Tags` must hold at most {} tags.", limits::APPLICATION_TAGS_MAX);
        return Err(ApiError::new(Code::InvalidParameterValue, text));
    }
    for (index, tag) in tags.iter().enumerate() {
        for (member, text, max) in [
            ("TagKey", &tag.tag_key, limits::TAG_KEY_CHARS_MAX),
            ("TagValue", &tag.tag_value, limits::TAG_VALUE_CHARS_MAX),
        ] {
            if text.chars().count() > max {
                let text = format!("`Tags.{index}.{member}` must have at most {max} characters.");
                return Err(ApiError::new(Code::InvalidParameterValue, text));
            }
        }
    }
    Ok(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let max = limits::APPLICATION_NAME_CHARS_MAX;
    if (1..=max).contains(&name.chars().count()) {
        return Ok(());
    }
    let text = format!("`Name` must have 1 to {max} characters.");
    Err(ApiError::new(Code::InvalidParameterValue, text))
}

fn check_description(description: &str) -> Result<(), ApiError> {
    let max = limits::APPLICATION_DESCRIPTION_CHARS_MAX;
    if description.chars().count() <= max {
        return Ok(());
    }
    let text = format!("`Description` must have at most {max} characters.");
    Err(ApiError::new(Code::InvalidParameterValue, text))
}
