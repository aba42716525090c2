//! TLS towards receivers: whom it trusts, and what it shows of itself.
//!
//! The public authorities are compiled in and the system's are read only when asked for, so that a
//! container without any behaves like every other machine.

use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The authorities that receivers' certificates may come from, and our own certificate.
#[derive(Debug)]
pub struct Tls {
    authorities: RootCertStore,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM.
    #[error("not readable as PEM: {0}")]
    Pem(pem::Error),
    /// PEM, but without any certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate that cannot be an authority.
    #[error("not usable as an authority: {0}")]
    Certificate(rustls::Error),
    /// No usable authority among the system's.
    #[error("the system has no authority that can be read{0}")]
    System(String),
}

impl Default for Tls {
    /// The public authorities of Mozilla's list, and no certificate of our own.
    fn default() -> Self {
        let authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self { authorities, own: None }
    }
}

impl Tls {
    /// The authorities that this machine's administrator trusts, instead of the public ones.
    ///
    /// # Errors
    /// There is none that can be read: then no receiver could be trusted.
    pub fn system() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(found.certs);
        if authorities.is_empty() {
            let reason = found.errors.first().map(|error| format!(": {error}"));
            return Err(TlsError::System(reason.unwrap_or_default()));
        }
        Ok(Self { authorities, own: None })
    }

    /// Adds the certificates of a PEM text as authorities.
    ///
    /// # Errors
    /// The text is not PEM, has no certificate, or one that cannot be an authority.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), TlsError> {
        for certificate in chain(pem)? {
            self.authorities.add(certificate).map_err(TlsError::Certificate)?;
        }
        Ok(())
    }

    /// Shows this certificate, the leaf first, to receivers that ask for one; both are PEM.
    ///
    /// # Errors
    /// One of the texts is not PEM, or holds no certificate or key. Whether the two belong together
    /// is seen when the client is made.
    pub fn set_own(&mut self, certificate: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Pem)?;
        self.own = Some((chain(certificate)?, key));
        Ok(())
    }

    /// A client configuration that offers HTTP/1.1.
    pub(crate) fn into_config(self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.authorities);
        let mut config = match self.own {
            Some((chain, key)) => config.with_client_auth_cert(chain, key)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(TlsError::Pem)?;
    if chain.is_empty() { Err(TlsError::Empty) } else { Ok(chain) }
}
