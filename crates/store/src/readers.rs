//! Connections for reading, off the runtime's threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use queue::BackendError;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::schema;

/// Reads under way at once: two cores are busy with that, and each holds a snapshot of the log.
const READERS_MAX: usize = 4;

/// A pool of read-only connections.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    dir: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(dir: PathBuf) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self { dir: Arc::new(dir), idle: Arc::default(), permits }
    }

    /// Runs a read on a connection of its own.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| BackendError::Closed)?;
        let (idle, dir) = (Arc::clone(&self.idle), Arc::clone(&self.dir));
        let run = move || {
            let _permit = permit;
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => schema::open_reader(&dir)?,
            };
            let answer = read(&connection)?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(answer)
        };
        let done: Result<rusqlite::Result<T>, _> = tokio::task::spawn_blocking(run).await;
        match done {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(BackendError::Failed(format!("reading: {error}").into())),
            Err(error) => Err(BackendError::Failed(format!("reading: {error}").into())),
        }
    }

    /// Closes the idle connections, so that the last writer can tidy up the file.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
