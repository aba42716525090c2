//! Objects in a bucket that speaks S3, behind `object_store`.
//!
//! What that does not know is asked here with its signatures: which multipart uploads are not
//! complete. Everything else that is special about a bucket stands here too: trying it out, removing
//! many objects at once (one by one where the store knows no DeleteObjects), and saying what is wrong.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::{Method, Uri};
use model::{Mono, limits};
use object_store::aws::AmazonS3;
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::counts::Counts;
use super::doubts::Doubts;
use super::leftovers::Leftovers;
use super::reader::BucketStream;
use super::s3::{S3, S3Error};
use super::transport::Transport;
use super::trouble::{BucketError, Trouble, judge};
use crate::random;

/// How long the signature of one request is good for.
const SIGNATURE: Duration = Duration::from_mins(1);
/// Objects that are removed at once where each needs a request of its own.
const REMOVALS_IN_FLIGHT: usize = 8;

pub(super) struct Bucket {
    store: AmazonS3,
    /// The same without DeleteObjects.
    singly: AmazonS3,
    transport: Arc<Transport>,
    whereabouts: String,
    prefix: String,
    counts: Arc<Counts>,
    /// What is written and read when it is tried out.
    trial: String,
    doubts: Arc<Doubts>,
    /// The memory that transfers have left, in MiB.
    memory: Arc<Semaphore>,
    /// Whether it is known to be the right one.
    checked: AtomicBool,
    /// Cleared when the store turns out not to know DeleteObjects.
    bulk: AtomicBool,
    /// How often something happened that may have left an incomplete upload; a crash may have.
    suspicions: AtomicU64,
    /// The last of them that was answered.
    answered: AtomicU64,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("at", &self.whereabouts).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(super) fn new(s3: &S3, counts: Arc<Counts>) -> Result<Self, S3Error> {
        let doubts = Arc::<Doubts>::default();
        let transport = s3.transport(Arc::clone(&counts), Arc::clone(&doubts))?;
        let (store, singly) = s3.clients(&transport)?;
        Ok(Self {
            store,
            singly,
            transport,
            whereabouts: s3.whereabouts(),
            prefix: s3.prefix_with_slash(),
            counts,
            trial: format!("check/{}", random::text(16)?),
            doubts,
            memory: Arc::new(Semaphore::new(limits::S3_MEMORY_MIB)),
            checked: AtomicBool::new(false),
            bulk: AtomicBool::new(true),
            suspicions: AtomicU64::new(1),
            answered: AtomicU64::new(0),
        })
    }

    pub(super) const fn store(&self) -> &AmazonS3 {
        &self.store
    }

    pub(super) const fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    pub(super) fn whereabouts(&self) -> &str {
        &self.whereabouts
    }

    pub(super) fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Acquire)
    }

    pub(super) fn set_checked(&self) {
        self.checked.store(true, Ordering::Release);
    }

    pub(super) fn require_checked(&self) -> io::Result<()> {
        if self.is_checked() {
            return Ok(());
        }
        let reason = "it has not answered since the start";
        Err(BucketError::new(&self.whereabouts, Trouble::Unreachable, reason).into())
    }

    /// The key of an object.
    pub(super) fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// Waits for that many MiB of the memory that transfers have, or for all of it.
    pub(super) async fn share(&self, mib: u64) -> io::Result<OwnedSemaphorePermit> {
        let all = limits::S3_MEMORY_MIB;
        let share = usize::try_from(mib).unwrap_or(all).clamp(1, all);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).acquire_many_owned(share).await.map_err(io::Error::other)
    }

    /// An error of `object_store` as one that says what is wrong.
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn explain(&self, error: object_store::Error) -> io::Error {
        judge(&self.whereabouts, &error).into()
    }

    /// The same for one that a reader has wrapped.
    pub(super) fn explain_read(&self, error: io::Error) -> io::Error {
        match error.downcast::<object_store::Error>() {
            Ok(error) => self.explain(error),
            Err(error) => error,
        }
    }

    pub(super) async fn read(&self, name: &str, start: u64, len: u64) -> io::Result<BucketStream> {
        if len == 0 {
            // no range of S3 is empty
            return Ok(stream::empty().boxed());
        }
        let range = Some(GetRange::Bounded(start..start.saturating_add(len)));
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.store.get_opts(&self.path(name), options).await;
        Ok(found.map_err(|error| self.explain(error))?.into_stream())
    }

    /// Lets the store copy an object, of up to 5 GiB.
    pub(super) async fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        let copied = self.store.copy(&self.path(from), &self.path(to)).await;
        copied.map_err(|error| self.explain(error))
    }

    pub(super) async fn size(&self, name: &str) -> io::Result<u64> {
        let found = self.store.head(&self.path(name)).await;
        Ok(found.map_err(|error| self.explain(error))?.size)
    }

    /// The name of the object that it is tried out with.
    pub(super) fn trial(&self) -> &str {
        &self.trial
    }

    /// Writes, reads, lists and removes, as everything later does.
    pub(super) async fn try_out(&self) -> io::Result<()> {
        let path = self.path(&self.trial);
        let tried = async {
            self.store.put(&path, self.trial.clone().into()).await?;
            let found = self.store.get(&path).await?.bytes().await?;
            Ok::<_, object_store::Error>(found == self.trial.as_bytes())
        };
        let same = tried.await.map_err(|error| self.explain(error))?;
        if !same {
            let reason = "what was written is not what is read";
            return Err(BucketError::new(&self.whereabouts, Trouble::Refused, reason).into());
        }
        let listed = self.incomplete().await?;
        match self.remove(std::slice::from_ref(&self.trial), &listed).await.pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Something happened that may have left an incomplete upload.
    pub(super) fn suspect_leftovers(&self) {
        self.suspicions.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) const fn doubts(&self) -> &Arc<Doubts> {
        &self.doubts
    }

    /// Begins a sweep with what there may be besides objects.
    pub(super) async fn sweep_begins(&self, now: Mono) -> io::Result<Leftovers> {
        if self.doubts.sweep_begins(now) {
            self.suspect_leftovers();
        }
        let suspicion = self.suspicions.load(Ordering::Acquire);
        if suspicion == self.answered.load(Ordering::Acquire) {
            return Ok(Leftovers { suspicion, ..Leftovers::default() });
        }
        Ok(Leftovers { suspicion, ..self.incomplete().await? })
    }

    pub(super) fn leftovers_removed(&self, leftovers: &Leftovers) {
        self.answered.fetch_max(leftovers.suspicion, Ordering::AcqRel);
    }

    /// Every multipart upload below the prefix that is not complete.
    async fn incomplete(&self) -> io::Result<Leftovers> {
        let mut found = Leftovers::default();
        let mut query = vec![("uploads", String::new()), ("prefix", self.prefix.clone())];
        loop {
            let page = self.list_uploads(&query).await?;
            for upload in page.upload {
                let Some(name) = upload.key.strip_prefix(&self.prefix) else { continue };
                found.by_name.entry(name.to_owned()).or_default().push(upload.upload_id);
            }
            let (Some(key), true) = (page.next_key_marker, page.is_truncated) else {
                return Ok(found);
            };
            query.truncate(2);
            query.push(("key-marker", key));
            query.push(("upload-id-marker", page.next_upload_id_marker.unwrap_or_default()));
        }
    }

    async fn list_uploads(&self, query: &[(&'static str, String)]) -> io::Result<UploadsPage> {
        let options = SignedUrlOptions::default().with_query(query.iter().cloned());
        let root = Path::default();
        let url = self.store.signed_url_opts(Method::GET, &root, SIGNATURE, &options).await;
        let url = url.map_err(|error| self.explain(error))?;
        let uri: Uri = url.as_str().parse().map_err(io::Error::other)?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = uri;
        let lost = |error: object_store::client::HttpError| {
            let source = Box::new(error);
            self.explain(object_store::Error::Generic { store: "S3", source })
        };
        let response = self.transport.send(request).await.map_err(lost)?;
        let status = response.status();
        let body = response.into_body().bytes().await.map_err(lost)?;
        let text = String::from_utf8_lossy(&body);
        if !status.is_success() {
            let source =
                format!("ListMultipartUploads: non-2xx status code: {status}: {text}").into();
            let error = if status == http::StatusCode::FORBIDDEN {
                let path = "ListMultipartUploads".to_owned();
                object_store::Error::PermissionDenied { path, source }
            } else {
                object_store::Error::Generic { store: "S3", source }
            };
            return Err(self.explain(error));
        }
        quick_xml::de::from_str(&text).map_err(io::Error::other)
    }

    pub(super) async fn remove(
        &self,
        names: &[String],
        leftovers: &Leftovers,
    ) -> Vec<(String, io::Error)> {
        let mut failed = Vec::new();
        let mut removable = Vec::with_capacity(names.len());
        for name in names {
            match self.abort(name, leftovers).await {
                Ok(()) => removable.push(name.clone()),
                Err(error) => failed.push((name.clone(), error)),
            }
        }
        let mut outcomes = Vec::new();
        let mut bulk = self.bulk.load(Ordering::Relaxed);
        if bulk {
            outcomes = self.removals(bulk, &removable).await;
            // a store that knows no DeleteObjects says so in one way or another
            let refused = |(_, outcome): &(String, Result<(), BucketError>)| {
                outcome.as_ref().is_err_and(|error| error.trouble() == Trouble::Refused)
            };
            bulk = outcomes.is_empty() || !outcomes.iter().all(refused);
            self.bulk.store(bulk, Ordering::Relaxed);
        }
        if !bulk {
            outcomes = self.removals(bulk, &removable).await;
        }
        let failures =
            outcomes.into_iter().filter_map(|(name, outcome)| Some((name, outcome.err()?)));
        failed.extend(failures.map(|(name, error)| (name, error.into())));
        failed
    }

    /// Removes objects; what became of each.
    async fn removals(
        &self,
        bulk: bool,
        names: &[String],
    ) -> Vec<(String, Result<(), BucketError>)> {
        let (store, at_once) = if bulk {
            (&self.store, limits::S3_REMOVED_AT_ONCE)
        } else {
            (&self.singly, REMOVALS_IN_FLIGHT)
        };
        let mut outcomes = Vec::with_capacity(names.len());
        // what is said of the request as a whole holds for all that it names
        let mut last: Option<BucketError> = None;
        for names in names.chunks(at_once) {
            let mut results = Vec::new().into_iter();
            if last.as_ref().is_none_or(|error| error.trouble() != Trouble::Unreachable) {
                let paths: Vec<_> = names.iter().map(|name| Ok(self.path(name))).collect();
                let removed = store.delete_stream(stream::iter(paths).boxed());
                results = removed.collect::<Vec<_>>().await.into_iter();
            }
            for name in names {
                let outcome = match results.next() {
                    Some(Ok(_) | Err(object_store::Error::NotFound { .. })) => Ok(()),
                    Some(Err(error)) => Err(judge(&self.whereabouts, &error)),
                    None => Err(last.clone().unwrap_or_else(|| {
                        let reason = "whether it is removed was not said";
                        BucketError::new(&self.whereabouts, Trouble::Refused, reason)
                    })),
                };
                if let Err(error) = &outcome {
                    last = Some(error.clone());
                }
                outcomes.push((name.clone(), outcome));
            }
        }
        outcomes
    }

    /// Aborts what an interrupted write of an object left.
    async fn abort(&self, name: &str, leftovers: &Leftovers) -> io::Result<()> {
        for id in leftovers.by_name.get(name).into_iter().flatten() {
            match self.store.abort_multipart(&self.path(name), id).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
        Ok(())
    }
}

/// ListMultipartUploadsResult, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadsPage {
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
    #[serde(default)]
    upload: Vec<UploadListed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadListed {
    key: String,
    upload_id: String,
}
