//! Whose certificates a client believes.
//!
//! Either authorities, as everywhere, and with them certificates that are trusted by themselves (what
//! `openssl req -x509` makes is both at once, which webpki refuses); or one certificate and no other: the commands on the server's
//! own machine find it in the data directory, beside the key that they sign with, whatever name it was
//! issued for. The system's store is deliberately not read, as in `egress`.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Why certificates cannot be trusted.
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
}

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub struct Trust(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Authorities, and certificates that need none under a name of theirs.
    Authorities(RootCertStore, Vec<CertificateDer<'static>>),
    /// One certificate, under any name.
    Exactly(CertificateDer<'static>),
}

impl Default for Trust {
    /// The public authorities of Mozilla's list.
    fn default() -> Self {
        let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        Self(Kind::Authorities(RootCertStore { roots }, Vec::new()))
    }
}

impl Trust {
    /// The public authorities and those of a PEM text. A server may also show one of these certificates
    /// itself.
    pub fn with_authorities(pem: &[u8]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let listed = certificates(pem)?;
        for certificate in &listed {
            roots.add(certificate.clone()).map_err(TrustError::Certificate)?;
        }
        Ok(Self(Kind::Authorities(roots, listed)))
    }

    /// The first certificate of a PEM text, under any name, and no other.
    pub fn exactly(pem: &[u8]) -> Result<Self, TrustError> {
        let first = certificates(pem)?.into_iter().next().ok_or(TrustError::Empty)?;
        Ok(Self(Kind::Exactly(first)))
    }

    #[expect(clippy::expect_used, reason = "ring has the default versions, and there are roots")]
    pub(crate) fn into_config(self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3");
        let (listed, authorities) = match self.0 {
            Kind::Authorities(roots, listed) if listed.is_empty() => {
                return builder.with_root_certificates(roots).with_no_client_auth();
            }
            Kind::Authorities(roots, listed) => {
                let roots = Arc::new(roots);
                let made =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                (listed, Some(made.build().expect("public authorities are among them")))
            }
            Kind::Exactly(certificate) => (vec![certificate], None),
        };
        let verifier = Listed { certificates: listed, authorities, provider };
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(TrustError::Pem)?;
    if found.is_empty() { Err(TrustError::Empty) } else { Ok(found) }
}

/// Believes certificates of a list, however old. The handshake still proves that the server has the key.
#[derive(Debug)]
struct Listed {
    certificates: Vec<CertificateDer<'static>>,
    /// Who decides about any other; with them a listed one must be for the server's name.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match (self.certificates.contains(end_entity), &self.authorities) {
            (true, None) => Ok(ServerCertVerified::assertion()),
            (true, Some(_)) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            (false, Some(authorities)) => {
                authorities.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
            (false, None) => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
