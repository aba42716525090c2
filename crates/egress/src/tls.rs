//! Whom TLS trusts: the public authorities compiled in, and those that the operator adds.
//!
//! The system's store is deliberately not read, so that a container without one behaves like any
//! other machine.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The authorities that certificates may come from.
#[derive(Clone, Debug)]
pub struct Roots {
    store: RootCertStore,
}

/// Why certificates could not be added.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// Not PEM.
    #[error("not readable as PEM: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// PEM, but without any certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate that cannot be an authority.
    #[error("not usable as an authority: {0}")]
    Certificate(rustls::Error),
}

impl Default for Roots {
    /// The public authorities of Mozilla's list.
    fn default() -> Self {
        let store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self { store }
    }
}

impl Roots {
    /// Adds the certificates of a PEM text as authorities.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), RootsError> {
        let mut any = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(RootsError::Pem)?;
            self.store.add(certificate).map_err(RootsError::Certificate)?;
            any = true;
        }
        if any { Ok(()) } else { Err(RootsError::Empty) }
    }

    /// A client configuration that trusts these, offers HTTP/1.1 and has no certificate of its own.
    pub(crate) fn into_config(self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
