//! DescribeTasks: the tasks of an application, by filters, in an order, page by page.
//!
//! Every task of the application is looked at and only a page is kept: three days of tasks are few,
//! and no index would serve two orders and four filters.

use std::collections::BTreeMap;

use model::AppId;
use queue::{RecordKind, RecordQuery};
use wire::action::DescribeTasks;
use wire::reply::{TaskSimpleInfo, TasksReply};

use super::Task;
use crate::error::Fault;
use crate::library::Library;
use crate::record;

/// Records on a page of the backend.
const PAGE: usize = 500;

/// Why DescribeTasks was refused.
#[derive(Debug, thiserror::Error)]
pub enum DescribeTasksError {
    /// ScrollToken is none that was handed out.
    #[error("the ScrollToken is none that was handed out")]
    ScrollToken,
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The place of a task in the order: its time in ms, then its id.
type Place = (i64, String);

impl Library {
    /// A page of tasks.
    pub async fn describe_tasks(
        &self,
        app: AppId,
        request: &DescribeTasks,
    ) -> Result<TasksReply, DescribeTasksError> {
        let from = request.scroll_token.as_deref();
        let from = from.map(|token| read_place(token).ok_or(DescribeTasksError::ScrollToken));
        let from = from.transpose()?;
        let now = self.now();
        let mut page = Page { places: BTreeMap::new(), descending: request.sort.descending };
        let mut query = RecordQuery {
            kind: RecordKind::Task,
            app: Some(app),
            term: None,
            after: None,
            limit: PAGE,
        };
        loop {
            let found = self.backend.find(query.clone()).await.map_err(Fault::from)?;
            query.after = found.records.last().map(|record| record.key.clone());
            for one in found.records {
                let task: Task = record::read(&one).map_err(Fault::from)?;
                let place = (sort_time(&task, request), one.key.id);
                if task.is_kept(now)
                    && matches(&task, request)
                    && from.as_ref().is_none_or(|from| page.is_behind(&place, from))
                {
                    page.add(place, &task, request.limit);
                }
            }
            if !found.more {
                return Ok(page.reply(request.limit));
            }
        }
    }
}

fn matches(task: &Task, request: &DescribeTasks) -> bool {
    let file = task.file.map(|file| file.to_string());
    request.status.is_none_or(|status| task.status == status)
        && request.file_id.as_ref().is_none_or(|wanted| file.as_ref() == Some(wanted))
        && request.created.holds(Some(task.created))
        && request.finished.holds(task.finished)
}

/// The time that the order goes by; that of what has not ended is before all others.
fn sort_time(task: &Task, request: &DescribeTasks) -> i64 {
    let time = if request.sort.by_finish { task.finished } else { Some(task.created) };
    time.map_or(0, |time| time.0)
}

/// `<ms>.<TaskId>`
fn read_place(token: &str) -> Option<Place> {
    let (ms, id) = token.split_once('.')?;
    Some((ms.parse().ok()?, id.to_owned()))
}

/// One more than a page, in the order.
struct Page {
    places: BTreeMap<Place, TaskSimpleInfo>,
    descending: bool,
}

impl Page {
    fn is_behind(&self, place: &Place, from: &Place) -> bool {
        if self.descending { place < from } else { place > from }
    }

    fn add(&mut self, place: Place, task: &Task, limit: usize) {
        let id = place.1.clone();
        self.places.insert(place, task.info(id));
        if self.places.len() > limit + 1 {
            let _beyond =
                if self.descending { self.places.pop_first() } else { self.places.pop_last() };
        }
    }

    fn reply(self, limit: usize) -> TasksReply {
        let more = self.places.len() > limit;
        let mut all: Vec<(Place, TaskSimpleInfo)> = self.places.into_iter().collect();
        if self.descending {
            all.reverse();
        }
        all.truncate(limit);
        let last = all.last().filter(|_| more);
        let scroll_token = last.map(|((ms, id), _)| format!("{ms}.{id}")).unwrap_or_default();
        TasksReply { task_set: all.into_iter().map(|(_, info)| info).collect(), scroll_token }
    }
}
