//! A library with a worker for its pulls, allowed to fetch from this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egress::{Cidr, Client, Limits, Policy, SystemResolver, Tls};
use media::{PullSettings, PullUploadError, Puller};
use serde_json::Value;
use wire::action::PullUpload;

use crate::world::{APP, World, application};

/// How long a pull of a test may take; far more than it needs.
const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Bed {
    pub(crate) world: World,
    pub(crate) puller: Arc<Puller>,
}

/// Loopback by an entry of the list, as operators allow it. Sources are given up soon.
pub(crate) fn settings(pull: &mut PullSettings) {
    pull.policy = Policy { allow: vec!["127.0.0.1".parse::<Cidr>().unwrap()], ..Policy::default() };
    pull.pause = Duration::from_millis(1);
    pull.patience.head = Duration::from_millis(500);
    pull.patience.window = Duration::from_millis(500);
}

pub(crate) fn request(url: impl Into<String>) -> PullUpload {
    PullUpload { media_url: url.into(), ..PullUpload::default() }
}

fn puller(world: &World) -> Arc<Puller> {
    let policy = world.library.settings().pull.policy.clone();
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(policy, resolver, Tls::default(), Limits::default()).unwrap();
    Puller::new(Arc::clone(&world.library), Arc::new(client))
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut PullSettings)) -> Self {
        let world = World::with(|all| {
            settings(&mut all.pull);
            change(&mut all.pull);
        });
        Self::over(world.await)
    }

    pub(crate) fn over(world: World) -> Self {
        Self { puller: puller(&world), world }
    }

    /// Stops what is under way and starts again over what is on disk.
    pub(crate) async fn restart(self) -> Self {
        let Self { world, puller: old } = self;
        old.close().await;
        drop(old);
        let world = world.restart().await;
        Self { puller: puller(&world), world }
    }

    pub(crate) async fn ask(&self, request: &PullUpload) -> Result<String, PullUploadError> {
        self.world.library.pull_upload(&application(APP), request).await
    }

    /// The whole answer of DescribeTaskDetail.
    pub(crate) async fn detail(&self, task: &str) -> Value {
        let reply = self.world.library.describe_task(APP, task).await.unwrap();
        let value = serde_json::to_value(&reply).unwrap();
        let findings = wire::conformance::check_response("DescribeTaskDetail", &with_id(&value));
        assert!(findings.is_empty(), "{findings:?}");
        value
    }

    /// Carries the task to its end; its PullUploadTask.
    pub(crate) async fn end(&self, task: &str) -> Value {
        let ended = async {
            loop {
                self.puller.tick().await.unwrap();
                let detail = self.detail(task).await;
                if detail["Status"] == "FINISH" {
                    return detail["PullUploadTask"].clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, ended).await.expect("a pull that ends")
    }

    /// Asks, and carries it to its end.
    pub(crate) async fn pull(&self, request: &PullUpload) -> Value {
        let task = self.ask(request).await.unwrap();
        self.end(&task).await
    }

    /// Waits for a state.
    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let waited = async {
            while !holds(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, waited).await.unwrap_or_else(|_| panic!("{what}"));
    }

    /// The payloads of all events, the oldest first, after it was seen that each conforms.
    pub(crate) async fn told(&self) -> Vec<(String, Value)> {
        let mut told = Vec::new();
        for (detail, payload) in self.world.events().await.into_iter().rev() {
            let of = wire::event::payload_type(detail.row.kind);
            let findings = wire::conformance::check_type(&of.name, &payload);
            assert!(findings.is_empty(), "{findings:?}");
            told.push((detail.row.kind.name().to_owned(), payload));
        }
        told
    }

    /// That nothing but the files of these many objects is left on the disk.
    pub(crate) async fn keeps(&self, objects: usize) {
        self.world.library.tick().await.unwrap();
        assert_eq!(self.world.object_files().len(), objects);
        assert_eq!(self.world.garbage().await, Vec::<String>::new());
        assert_eq!(self.partials(), Vec::<PathBuf>::new());
    }

    /// Everything that is kept of files that have come in part.
    pub(crate) fn partials(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.world.dir.path().join("pulls")).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }
}

fn with_id(reply: &Value) -> Value {
    let mut reply = reply.clone();
    reply["RequestId"] = "id".into();
    reply
}
