//! Carries out pulls: which is begun next, and that each is carried to its end.
//!
//! Applications take turns, and of one application's waiting tasks the one of the highest priority is
//! begun, of equals the oldest. A task that was begun before a restart comes before all that wait. What
//! is under way is known in memory alone: a task that is PROCESSING and not under way goes on.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egress::Client;
use model::{AppId, ApplicationStatus, limits};
use queue::{RecordKey, Steady};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::TaskStatus;

use super::fetch::Fetcher;
use super::{Pull, Stop};
use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::record;
use crate::task::{self, Task, TaskType, Work};

/// How often it is looked for tasks that nobody told of.
const TICK: Duration = Duration::from_secs(5);
/// No id of a task is behind this.
const LAST_ID: &str = "\u{10ffff}";

/// Carries out pulls.
#[derive(Debug)]
pub struct Puller {
    library: Arc<Library>,
    client: Arc<Client>,
    stop: CancellationToken,
    tracker: TaskTracker,
    running: Mutex<HashSet<RecordKey>>,
    /// The application whose turn was the last.
    turn: tokio::sync::Mutex<Option<AppId>>,
}

/// A task's place among those under way, until dropped.
#[derive(Debug)]
struct Place {
    puller: Arc<Puller>,
    key: RecordKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.puller.running().remove(&self.key);
        self.puller.library.pulling.counts.running.fetch_sub(1, Ordering::Relaxed);
        self.puller.library.pulling.report(&self.key, None);
        self.puller.library.pulling.woken.notify_one();
    }
}

impl Puller {
    /// A worker for a library's pulls, fetching through `client`, whose policy must be that of the
    /// library's settings.
    pub fn new(library: Arc<Library>, client: Arc<Client>) -> Arc<Self> {
        Arc::new(Self {
            library,
            client,
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
            running: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Ticks until `stop`, then lets go of what is under way: it goes on at the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if let Err(error) = self.count().await {
            // each is counted when its application asks for one more
            tracing::warn!(%error, "pulls that wait are not counted");
        }
        let mut troubled = false;
        while !stop.is_cancelled() {
            match self.tick().await {
                Ok(_begun) => troubled = false,
                Err(error) if !troubled => {
                    tracing::warn!(%error, "pulls cannot be begun");
                    troubled = true;
                }
                Err(_known) => {}
            }
            self.client.sweep();
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.library.pulling.woken.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
        self.close().await;
    }

    /// Counts the open tasks of every application that has some.
    async fn count(&self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let query = task::open_tasks(TaskType::PullUpload, None, after, 1);
            let page = self.library.backend.find(query).await?;
            let Some(app) = page.records.first().map(|found| found.key.app) else { return Ok(()) };
            self.library.count_open(app).await?;
            after = Some(task::task_key(app, LAST_ID));
        }
    }

    /// Lets go of what is under way and waits until it has.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Begins what there is place for; how many. Returns before they end.
    pub async fn tick(self: &Arc<Self>) -> Result<usize, Fault> {
        let mut turn = self.turn.lock().await;
        let mut begun = 0;
        let mut seen = HashSet::new();
        while self.running().len() < self.library.settings.pull.total {
            let Some(app) = self.next_application(*turn).await? else { break };
            *turn = Some(app);
            let key = if self.has_place(app) { self.next_task(app).await? } else { None };
            if let Some(key) = key {
                self.begin(key);
                begun += 1;
                seen.clear();
            } else if !seen.insert(app) {
                // every application was asked once and has nothing to begin
                break;
            }
        }
        Ok(begun)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<RecordKey>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_place(&self, app: AppId) -> bool {
        let own = self.running().iter().filter(|key| key.app == app).count();
        own < self.library.settings.pull.per_application
    }

    /// The next application that has open tasks, in the order of ids and round about.
    async fn next_application(&self, after: Option<AppId>) -> Result<Option<AppId>, Fault> {
        let last = |app| task::task_key(app, LAST_ID);
        for after in [after.map(last), None] {
            let query = task::open_tasks(TaskType::PullUpload, None, after, 1);
            let page = self.library.backend.find(query).await?;
            if let Some(found) = page.records.first() {
                return Ok(Some(found.key.app));
            }
        }
        Ok(None)
    }

    /// The task of an application that is to be begun next.
    async fn next_task(&self, app: AppId) -> Result<Option<RecordKey>, Fault> {
        let configured = self.library.backend.application(app).await?;
        let status = configured.map(|configured| configured.application.status);
        if status != Some(ApplicationStatus::On) {
            return Ok(None);
        }
        let limit = limits::TASKS_WINDOW + self.running().len();
        let query = task::open_tasks(TaskType::PullUpload, Some(app), None, limit);
        let page = self.library.backend.find(query).await?;
        let running = self.running().clone();
        let mut best: Option<((bool, i8), RecordKey)> = None;
        for found in page.records.iter().filter(|found| !running.contains(&found.key)) {
            let task: Task = match record::read(found) {
                Ok(task) => task,
                // the others are begun all the same
                Err(error) => {
                    tracing::warn!(%error, "a task is passed over");
                    continue;
                }
            };
            let rank = (task.status == TaskStatus::Processing, task.priority);
            if best.as_ref().is_none_or(|(best, _)| rank > *best) {
                best = Some((rank, found.key.clone()));
            }
        }
        Ok(best.map(|(_, key)| key))
    }

    fn begin(self: &Arc<Self>, key: RecordKey) {
        self.running().insert(key.clone());
        self.library.pulling.counts.running.fetch_add(1, Ordering::Relaxed);
        let place = Place { puller: Arc::clone(self), key };
        self.tracker.spawn(async move {
            let puller = Arc::clone(&place.puller);
            tokio::select! {
                () = puller.stop.cancelled() => {}
                ended = puller.carry_out(&place.key) => {
                    if let Err(error) = ended {
                        let task = place.key.id.as_str();
                        tracing::warn!(task, %error, "a pull was interrupted and goes on later");
                        // not at once: whatever the machine suffers from takes a while
                        tokio::time::sleep(TICK).await;
                    }
                }
            }
        });
    }

    /// Carries one task to its end, whatever that is. A fault leaves it as it is.
    async fn carry_out(&self, key: &RecordKey) -> Result<(), Fault> {
        let library = &self.library;
        let found: Option<(Task, u64)> = library.one(key.clone()).await?;
        let Some((task, version)) = found else { return Ok(()) };
        if task.status == TaskStatus::Finish {
            return Ok(());
        }
        let Some((task, version)) = self.begun(key, task, version).await? else { return Ok(()) };
        let Work::PullUpload(pull) = &task.work else { return Ok(()) };
        let start = tokio::time::Instant::now();
        let now = library.backend.steady();
        let used = pull.since_ms.map_or(0, |since| now.since_ms(Steady(since)));
        let used = Duration::from_millis(used);
        let deadline = start + library.settings.pull.timeout.saturating_sub(used);
        let ended =
            match Fetcher::new(library, &self.client, (key, version), pull, deadline).run().await {
                Ok(fetched) => {
                    let finished = library.finish_pull(key, (&task, version), fetched).await;
                    finished.inspect(|_| library.pulling.counts.ended(None))
                }
                Err(Stop::Fault(fault)) => Err(fault),
                Err(Stop::Gone) => Ok("it is there no longer".to_owned()),
                Err(Stop::Failed(failure)) => {
                    let failed = library.fail_pull(key, (&task, version), pull, &failure).await;
                    failed.inspect(|_| library.pulling.counts.ended(Some(failure.code)))
                }
            };
        let message = ended?;
        if let Err(error) = library.partials.remove_all(&key.id) {
            // the sweeper looks for them, too
            tracing::warn!(task = key.id.as_str(), %error, "what has come in part of a pull stays");
        }
        let seconds = start.elapsed().as_secs();
        tracing::info!(task = key.id.as_str(), app = %key.app, seconds, message, "a pull has ended");
        Ok(())
    }

    /// The task as it stands once it is PROCESSING; none: somebody else has changed it.
    async fn begun(
        &self,
        key: &RecordKey,
        task: Task,
        version: u64,
    ) -> Result<Option<(Task, u64)>, Fault> {
        let task_id = key.id.as_str();
        if task.status == TaskStatus::Processing {
            tracing::info!(task = task_id, app = %key.app, "a pull goes on after a restart");
            return Ok(Some((task, version)));
        }
        tracing::info!(task = task_id, app = %key.app, "a pull begins");
        let Work::PullUpload(pull) = task.work else { return Ok(None) };
        let since_ms = Some(self.library.backend.steady().0);
        let task = Task {
            status: TaskStatus::Processing,
            begun: Some(self.library.now()),
            work: Work::PullUpload(Box::new(Pull { since_ms, ..*pull })),
            ..task
        };
        let commit = queue::Commit {
            expect: vec![(key.clone(), Some(version))],
            put: vec![task.put(key.clone())],
            ..queue::Commit::default()
        };
        match self.library.commit(commit).await {
            Ok(()) => Ok(Some((task, version + 1))),
            Err(Refusal::Conflict) => Ok(None),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }
}
