//! TLS in the name of a host: made when a host is first asked for, then kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Timestamp, limits};
use rustls::ServerConfig;

use crate::authority::{Authority, AuthorityError};

/// One TLS configuration a host.
#[derive(Debug)]
pub(crate) struct Certificates {
    authority: Authority,
    now: Timestamp,
    made: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl Certificates {
    /// Of that authority, valid from `now`.
    pub(crate) fn new(authority: Authority, now: Timestamp) -> Self {
        Self { authority, now, made: Mutex::default() }
    }

    /// The configuration for a host that is Tencent's, in lower case.
    pub(crate) fn of(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.get(host) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make(host)?);
        if made.len() >= limits::INTERCEPT_HOSTS_MAX {
            made.clear();
        }
        made.insert(host.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    fn make(&self, host: &str) -> Result<ServerConfig, AuthorityError> {
        let leaf = self.authority.leaf(host, self.now)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(leaf.chain, leaf.key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
