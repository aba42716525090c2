//! Requests about tasks: DescribeTaskDetail, DescribeTasks.

use model::Timestamp;
use model::limits::TASKS_PAGE_MAX;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};
use crate::task::TaskStatus;

/// Tasks on a page when Limit is omitted (documented).
const PAGE_DEFAULT: usize = 10;

/// Asks for one task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTaskDetail {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// TaskId as sent.
    pub task_id: String,
}

super::plain_requests!(DescribeTaskDetail);

/// Lists tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeTasks {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// Only tasks in this state.
    pub status: Option<TaskStatus>,
    /// Only those of this file, as sent.
    pub file_id: Option<String>,
    /// Only those made in this time.
    pub created: Period,
    /// Only those that ended in this time.
    pub finished: Period,
    /// The order.
    pub sort: TaskSort,
    /// How many to answer at most: 1 to `TASKS_PAGE_MAX`, 10 by default (both documented).
    pub limit: usize,
    /// ScrollToken of the page before.
    pub scroll_token: Option<String>,
}

/// A period of time (`TimeRange`); an open end matches everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// At or after.
    pub after: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
}

impl Period {
    /// Whether a moment lies in it; none, a moment that has not come, only in one that is open at both
    /// ends.
    pub fn holds(&self, moment: Option<Timestamp>) -> bool {
        match moment {
            Some(moment) => {
                self.after.is_none_or(|after| moment >= after)
                    && self.before.is_none_or(|before| moment < before)
            }
            None => *self == Self::default(),
        }
    }
}

/// The order of a list of tasks. Which it is if none is asked for is not documented; chosen is the
/// newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskSort {
    /// By when they ended instead of when they were made.
    pub by_finish: bool,
    /// The latest first.
    pub descending: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawTasks {
    sub_app_id: Option<u64>,
    status: Option<String>,
    file_id: Option<String>,
    create_time: Option<RawPeriod>,
    finish_time: Option<RawPeriod>,
    sort: Option<RawSort>,
    limit: Option<u64>,
    scroll_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPeriod {
    after: Option<String>,
    before: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawSort {
    field: String,
    order: String,
}

impl DescribeTasks {
    /// # Errors
    /// `InvalidParameterValue` for an unknown state, a malformed time, an unknown order, or a Limit
    /// out of bounds.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawTasks = super::typed(tree)?;
        let status = raw.status.filter(|name| !name.is_empty()).map(|name| {
            let known = TaskStatus::from_name(&name);
            known.ok_or_else(|| ApiError::invalid_value("Status", &name))
        });
        Ok(Self {
            sub_app_id: raw.sub_app_id,
            status: status.transpose()?,
            file_id: raw.file_id.filter(|file| !file.is_empty()),
            created: period("CreateTime", raw.create_time.as_ref())?,
            finished: period("FinishTime", raw.finish_time.as_ref())?,
            sort: sort(raw.sort.as_ref())?,
            limit: raw.limit.map_or(Ok(PAGE_DEFAULT), limit)?,
            scroll_token: raw.scroll_token.filter(|token| !token.is_empty()),
        })
    }
}

fn period(name: &str, raw: Option<&RawPeriod>) -> Result<Period, ApiError> {
    let Some(raw) = raw else { return Ok(Period::default()) };
    let code = Code::InvalidParameterValue;
    let time = |part: &str, text: Option<&str>| super::time(code, &format!("{name}.{part}"), text);
    Ok(Period {
        after: time("After", raw.after.as_deref())?,
        before: time("Before", raw.before.as_deref())?,
    })
}

fn sort(raw: Option<&RawSort>) -> Result<TaskSort, ApiError> {
    let Some(raw) = raw else { return Ok(TaskSort { by_finish: false, descending: true }) };
    let by_finish = match raw.field.as_str() {
        "CreateTime" => false,
        "FinishTime" => true,
        other => return Err(ApiError::invalid_value("Sort.Field", other)),
    };
    let descending = match raw.order.as_str() {
        "Desc" => true,
        "Asc" => false,
        other => return Err(ApiError::invalid_value("Sort.Order", other)),
    };
    Ok(TaskSort { by_finish, descending })
}

fn limit(limit: u64) -> Result<usize, ApiError> {
    let fits = usize::try_from(limit).ok().filter(|limit| (1..=TASKS_PAGE_MAX).contains(limit));
    fits.ok_or_else(|| ApiError::invalid_value("Limit", &limit.to_string()))
}
