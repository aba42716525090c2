//! The certificate that a listener shows, and its replacement while connections go on.
//!
//! A new certificate makes a new configuration, tickets for resumption included, so that nothing of
//! an old key is used for new connections; those that stand keep what they began with. ALPN offers
//! HTTP/1.1 only, which is what the server speaks. Files are the caller's business; client
//! certificates are deliberately absent, because requests are signed.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's text is not PEM.
    #[error("the certificate is not readable as PEM: {0}")]
    Chain(pem::Error),
    /// It is PEM, without a certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// The key's text is not PEM, or holds no private key.
    #[error("there is no private key in it: {0}")]
    Key(pem::Error),
    /// The two do not belong together, or are of a kind that cannot be used.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// A certificate with its key. Clones share it, replacements included.
#[derive(Clone, Debug)]
pub struct Tls(Arc<watch::Sender<Arc<ServerConfig>>>);

impl Tls {
    /// From PEM texts: the certificate with those that lead to its authority, and the private key
    /// (PKCS #8, PKCS #1 or SEC1).
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(watch::Sender::new(config(chain, key)?))))
    }

    /// What new connections are shown from now on. On an error nothing changes.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.0.send_replace(config(chain, key)?);
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.borrow()))
    }
}

fn config(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(TlsError::Chain)?;
    if chain.is_empty() {
        return Err(TlsError::Empty);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn only_a_pair_is_taken() {
        let ((chain, key), (other, _)) = (made(), made());
        let tls = Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let before = Arc::as_ptr(&tls.0.borrow());
        let wrong = [
            ("", &*key, "there is no certificate"),
            (&*key, &*key, "there is no certificate"),
            (&*chain, &*chain, "there is no private key"),
            (&*other, &*key, "cannot be used"),
        ];
        for (chain, key, words) in wrong {
            let error = tls.replace(chain.as_bytes(), key.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(Arc::as_ptr(&tls.0.borrow()), before, "the old one stays");
        }
        tls.replace(chain.as_bytes(), key.as_bytes()).unwrap();
        assert_ne!(Arc::as_ptr(&tls.0.borrow()), before);
    }
}
