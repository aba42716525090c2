//! Whose certificates are believed.
//!
//! Authorities, as everywhere: the public ones are compiled in and the system's are read only when
//! asked for, so that a container without any behaves like every other machine. Or one certificate
//! and no other: commands on the server's own machine find it in the data directory.
//!
//! A certificate that was added as an authority may also be shown by a server itself. What
//! `openssl req -x509` makes is both at once, which webpki refuses; that one objection is set aside
//! for the certificates that were added. Name, time and key are checked as for any other.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use crate::handshake;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not PEM.
    #[error("not readable as PEM: {0}")]
    Pem(pem::Error),
    /// PEM, but without any certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate that cannot be an authority.
    #[error("not usable as an authority: {0}")]
    Certificate(Error),
    /// No usable authority among the system's.
    #[error("the system has no authority that can be read{0}")]
    System(String),
}

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Never empty.
    authorities: RootCertStore,
    /// What was added to them.
    listed: Vec<CertificateDer<'static>>,
    /// Whether only those are believed, under any name and however old.
    pinned: bool,
}

impl Default for Trust {
    /// The public authorities of Mozilla's list.
    fn default() -> Self {
        let authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self { authorities, listed: Vec::new(), pinned: false }
    }
}

impl Trust {
    /// The authorities that this machine's administrator trusts, instead of the public ones.
    ///
    /// # Errors
    /// There is none that can be read: then nobody could be trusted.
    pub fn system() -> Result<Self, TrustError> {
        let found = rustls_native_certs::load_native_certs();
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(found.certs);
        if authorities.is_empty() {
            let reason = found.errors.first().map(|error| format!(": {error}"));
            return Err(TrustError::System(reason.unwrap_or_default()));
        }
        Ok(Self { authorities, ..Self::default() })
    }

    /// The first certificate of a PEM text, under any name and however old, and no other.
    ///
    /// # Errors
    /// The text is not PEM or has no certificate.
    pub fn exactly(pem: &[u8]) -> Result<Self, TrustError> {
        let first = certificates(pem)?.into_iter().next().ok_or(TrustError::Empty)?;
        Ok(Self { listed: vec![first], pinned: true, ..Self::default() })
    }

    /// Adds the certificates of a PEM text: as authorities, and for servers that show one of them.
    ///
    /// # Errors
    /// The text is not PEM, has no certificate, or one that cannot be an authority.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), TrustError> {
        for certificate in certificates(pem)? {
            self.authorities.add(certificate.clone()).map_err(TrustError::Certificate)?;
            self.listed.push(certificate);
        }
        Ok(())
    }

    /// A configuration of a client that believes these certificates and lacks only its own.
    #[expect(clippy::expect_used, reason = "ring has the default versions, and there are roots")]
    pub fn into_config(self) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(self.authorities);
        let webpki = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let authorities = webpki.build().expect("there is always an authority");
        let verifier = Verifier { authorities, listed: self.listed, pinned: self.pinned };
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    }
}

/// The certificates of a PEM text, at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(TrustError::Pem)?;
    if found.is_empty() { Err(TrustError::Empty) } else { Ok(found) }
}

/// Decides as webpki does, but for certificates that were added. Whatever it believes, the handshake
/// still proves that the server has the key.
#[derive(Debug)]
struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
    pinned: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let listed = self.listed.contains(shown);
        if self.pinned {
            let other = CertificateError::ApplicationVerificationFailure;
            return listed.then(ServerCertVerified::assertion).ok_or(other.into());
        }
        match self.authorities.verify_server_cert(shown, intermediates, name, ocsp, now) {
            // said once the time has been checked, and before the name is
            Err(error) if listed && handshake::is_authority_itself(&error) => {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            decided => decided,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
