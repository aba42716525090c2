//! The API keys in memory, opened once and found on every call.
//!
//! Keys change through this gateway only, so that a cache needs no expiry: DeleteKey forgets what it
//! deleted. A key is read from the backend outside the lock; should it be forgotten meanwhile, the
//! generation tells, and what was read is used once and not kept. Unknown SecretIds are not
//! remembered, so strangers cannot fill the cache.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ApiKey;
use queue::{Backend, BackendError, RecordKey};
use sign::seal::{MasterKey, Purpose};
use zeroize::Zeroizing;

use crate::secret::{self, SecretError};

/// An API key, ready to verify signatures with.
pub(crate) struct KnownKey {
    pub(crate) key: ApiKey,
    /// Its SecretId once more, shared with whoever counts calls.
    pub(crate) secret_id: Arc<str>,
    pub(crate) secret_key: Zeroizing<String>,
}

impl fmt::Debug for KnownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownKey").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}

/// Why a key that may exist cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the keys cannot be read")]
    Backend(#[from] BackendError),
    #[error("the record of a key is no key")]
    Record(#[from] serde_json::Error),
    #[error("a SecretKey cannot be opened with this master.key")]
    Sealed(#[from] SecretError),
}

#[derive(Debug, Default)]
pub(crate) struct Keyring(Mutex<Cache>);

#[derive(Debug, Default)]
struct Cache {
    generation: u64,
    keys: HashMap<Arc<str>, Arc<KnownKey>>,
}

impl Keyring {
    /// The key with that SecretId; none: there is none.
    pub(crate) async fn find(
        &self,
        backend: &dyn Backend,
        master: &MasterKey,
        secret_id: &str,
    ) -> Result<Option<Arc<KnownKey>>, KeyError> {
        let generation = {
            let cache = self.lock();
            if let Some(known) = cache.keys.get(secret_id) {
                return Ok(Some(Arc::clone(known)));
            }
            cache.generation
        };
        let found = backend.get(vec![RecordKey::key(secret_id)]).await?;
        let Some(record) = found.into_iter().next().flatten() else { return Ok(None) };
        let key: ApiKey = serde_json::from_slice(&record.body)?;
        let secret_key =
            secret::open(master, Purpose::secret_key(&key.secret_id), &key.secret_key)?;
        let secret_id: Arc<str> = key.secret_id.as_str().into();
        let known = Arc::new(KnownKey { key, secret_id: Arc::clone(&secret_id), secret_key });
        let mut cache = self.lock();
        if cache.generation == generation {
            cache.keys.insert(secret_id, Arc::clone(&known));
        }
        Ok(Some(known))
    }

    /// Forgets a key whose record was written or deleted.
    pub(crate) fn forget(&self, secret_id: &str) {
        let mut cache = self.lock();
        cache.generation += 1;
        cache.keys.remove(secret_id);
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
