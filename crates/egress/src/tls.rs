//! TLS towards receivers: whom it trusts, and what it shows of itself.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::trust::{Trust, TrustError, certificates};

/// Whose certificates are believed, and our own.
#[derive(Debug, Default)]
pub struct Tls {
    trust: Trust,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// Why a certificate of our own cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// The certificate.
    #[error(transparent)]
    Certificate(TrustError),
    /// The key.
    #[error("the key is not readable as PEM: {0}")]
    Key(pem::Error),
}

impl From<Trust> for Tls {
    /// No certificate of our own.
    fn from(trust: Trust) -> Self {
        Self { trust, own: None }
    }
}

impl Tls {
    /// Shows this certificate, the leaf first, to receivers that ask for one; both are PEM.
    ///
    /// # Errors
    /// One of the texts is not PEM, or holds no certificate or key. Whether the two belong together
    /// is seen when the client is made.
    pub fn set_own(&mut self, certificate: &[u8], key: &[u8]) -> Result<(), OwnError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(OwnError::Key)?;
        self.own = Some((certificates(certificate).map_err(OwnError::Certificate)?, key));
        Ok(())
    }

    /// A client configuration that offers HTTP/1.1.
    pub(crate) fn into_config(self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let config = self.trust.into_config();
        let mut config = match self.own {
            Some((chain, key)) => config.with_client_auth_cert(chain, key)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
