//! Certificates for tests: an authority, what it issues, and what signs itself.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::{Failure, Result};

/// A certificate and its key.
#[derive(Debug)]
pub struct Issued {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Issued {
    /// A certificate for that name or address which nobody vouches for.
    pub fn by_itself(name: &str) -> Result<Self> {
        Self::self_signed(&params(name)?)
    }

    /// The same as `openssl req -x509` makes it: its own authority, and marked as one.
    pub fn as_authority(name: &str) -> Result<Self> {
        let mut params = params(name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::self_signed(&params)
    }

    fn self_signed(params: &CertificateParams) -> Result<Self> {
        let key = KeyPair::generate()?;
        let made = params.self_signed(&key)?;
        Ok(Self { certificate: made.der().clone(), pem: made.pem(), key })
    }

    /// The certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its key.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// A server that shows it, and asks its clients for one from that authority, if there is one.
    pub fn server(&self, clients: Option<&Authority>) -> Result<Arc<ServerConfig>> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone())?;
                let asks = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                let asks = asks.build().map_err(|error| Failure::new(error.to_string()))?;
                builder.with_client_cert_verifier(asks)
            }
        };
        Ok(Arc::new(builder.with_single_cert(vec![self.certificate.clone()], key.into())?))
    }
}

fn params(name: &str) -> Result<CertificateParams> {
    Ok(CertificateParams::new([name.to_owned()])?)
}

/// An authority that a test may trust.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self> {
        let (key, mut params) = (KeyPair::generate()?, CertificateParams::new(Vec::new())?);
        // a name of its own: a certificate whose issuer has its name looks signed by itself, and one
        // whose issuer has another's name looks forged
        let name = key.public_key_raw().iter().map(|byte| format!("{byte:02x}"));
        params.distinguished_name.push(DnType::CommonName, name.take(16).collect::<String>());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, key)?))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for that name or address.
    pub fn issue(&self, name: &str) -> Result<Issued> {
        self.sign(&params(name)?)
    }

    /// The same, which was good for the year 2020.
    pub fn issue_expired(&self, name: &str) -> Result<Issued> {
        let mut params = params(name)?;
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    /// The same, which will be good in a few decades.
    pub fn issue_early(&self, name: &str) -> Result<Issued> {
        let mut params = params(name)?;
        params.not_before = rcgen::date_time_ymd(2090, 1, 1);
        params.not_after = rcgen::date_time_ymd(2091, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Issued> {
        let key = KeyPair::generate()?;
        let made = params.signed_by(&key, &self.0)?;
        Ok(Issued { certificate: made.der().clone(), pem: made.pem(), key })
    }
}

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        Self::new(error.to_string())
    }
}
