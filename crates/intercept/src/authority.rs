//! The local authority: a key that signs certificates for Tencent's names on this machine.
//!
//! Its certificate carries critical name constraints: a program that trusts it trusts it for the
//! subtrees of [`crate::names`] and for no address, whatever a thief of the key may sign. It ends
//! with 2049 and is not renewed: an authority that ends in the middle of somebody's test run helps
//! nobody, and a new one is made by deleting the file.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData as _, SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

use sha2::{Digest as _, Sha256};

use crate::names::SUBTREES;

const BEGIN_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// How long a certificate of a host is valid: 397 days, the most that browsers accept of public
/// authorities.
const LEAF_LIFE: Duration = Duration::from_hours(397 * 24);
/// How far back a certificate is valid: clocks of containers and their hosts differ.
const BEFORE: Duration = Duration::from_hours(24);
/// Bytes of a serial number: 16, as public authorities draw them.
const SERIAL_BYTES: usize = 16;

/// Why there is no authority, or no certificate of it.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The text holds no private key and certificate.
    #[error("it does not hold a private key and its certificate")]
    NotAnAuthority,
    /// What the key signs is not trusted by those who trust the certificate.
    #[error("what its key signs does not pass for its certificate: {0}")]
    Mismatch(String),
    /// Keys or certificates cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// TLS cannot be set up with the certificate.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The machine gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// A key with its certificate.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate as PEM.
    certificate: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// A certificate of a host, with its key.
pub(crate) struct Leaf {
    /// The host's, and the authority's own: a browser that believes in a key looks for it in what is shown.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Authority {
    /// A new one.
    pub fn generate(now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let params = params(&key, now)?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The one that [`Authority::to_pem`] wrote. Fails if a program that trusts its certificate would
    /// not trust what it signs now.
    pub fn from_pem(text: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(text).map_err(|_no_key| AuthorityError::NotAnAuthority)?;
        let begin = text.find(BEGIN_CERTIFICATE).ok_or(AuthorityError::NotAnAuthority)?;
        let certificate = text.get(begin..).unwrap_or_default().to_owned();
        let authority = Self { issuer: Issuer::new(params(&key, now)?, key), certificate };
        authority.check(now)?;
        Ok(authority)
    }

    /// Private key and certificate as PEM, to be kept where nobody else can read.
    pub fn to_pem(&self) -> String {
        self.issuer.key().serialize_pem() + &self.certificate
    }

    /// The certificate alone as PEM, for those who are to trust it.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// SHA-256 of its public key (SPKI) in base64, as Chromium takes it with
    /// `--ignore-certificate-errors-spki-list`.
    pub fn spki_sha256(&self) -> String {
        STANDARD.encode(Sha256::digest(self.issuer.key().subject_public_key_info()))
    }

    /// Its certificate.
    fn certificate_der(&self) -> Result<CertificateDer<'static>, AuthorityError> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|_no_certificate| AuthorityError::NotAnAuthority)
    }

    /// Verifies a certificate for each of the subtrees as a client would.
    fn check(&self, now: Timestamp) -> Result<(), AuthorityError> {
        let mismatch = |error: &dyn std::fmt::Display| AuthorityError::Mismatch(error.to_string());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate_der()?).map_err(|error| mismatch(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| mismatch(&error))?;
        let at = UnixTime::since_unix_epoch(since_1970(now));
        for name in SUBTREES {
            let leaf = self.leaf(name, now)?;
            let name = ServerName::try_from(name).map_err(|error| mismatch(&error))?;
            let [end, above @ ..] = leaf.chain.as_slice() else {
                return Err(AuthorityError::NotAnAuthority);
            };
            verifier
                .verify_server_cert(end, above, &name, &[], at)
                .map_err(|error| mismatch(&error))?;
        }
        Ok(())
    }

    /// A certificate for one of Tencent's names.
    pub(crate) fn leaf(&self, host: &str, now: Timestamp) -> Result<Leaf, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Callboard");
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now) - BEFORE;
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(now) + LEAF_LIFE - BEFORE;
        params.serial_number = Some(serial()?);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            chain: vec![leaf.der().clone(), self.certificate_der()?],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }
}

/// What the authority's certificate says. Its name carries some of its key, because trust stores
/// tell authorities apart by name.
fn params(key: &KeyPair, now: Timestamp) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(Vec::new())?;
    let identifier = params.key_identifier(key);
    let short = u32::from_be_bytes(identifier.first_chunk().copied().unwrap_or_default());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Callboard");
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Callboard on this machine {short:08x}"));
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now) - BEFORE;
    params.not_after = date_time_ymd(2049, 12, 31);
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: SUBTREES.map(|name| GeneralSubtree::DnsName(name.to_owned())).into(),
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    });
    Ok(params)
}

fn since_1970(now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(now.seconds()).unwrap_or_default())
}

/// A random serial number, positive and of full length, as its encoding wants it.
fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; SERIAL_BYTES];
    getrandom::fill(&mut bytes)?;
    let [first, ..] = &mut bytes;
    *first = (*first & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn an_authority_reads_back_and_is_still_trusted() {
        let made = Authority::generate(NOW).unwrap();
        let read = Authority::from_pem(&made.to_pem(), NOW).unwrap();
        assert_eq!(read.certificate_pem(), made.certificate_pem());
        assert!(!read.certificate_pem().contains("PRIVATE"));
        assert_eq!(read.spki_sha256(), made.spki_sha256());
        assert_eq!(made.spki_sha256().len(), 44);
        read.check(NOW).unwrap();
    }

    #[test]
    fn two_halves_that_do_not_fit_are_refused() {
        let (a, b) = (Authority::generate(NOW).unwrap(), Authority::generate(NOW).unwrap());
        let mixed = a.issuer.key().serialize_pem() + b.certificate_pem();
        let refused = Authority::from_pem(&mixed, NOW).unwrap_err();
        assert!(matches!(refused, AuthorityError::Mismatch(_)), "{refused}");
        for text in ["", a.certificate_pem(), &a.issuer.key().serialize_pem()] {
            let refused = Authority::from_pem(text, NOW).unwrap_err();
            assert!(matches!(refused, AuthorityError::NotAnAuthority), "{refused}");
        }
    }

    #[test]
    fn nobody_trusts_it_for_other_names() {
        let authority = Authority::generate(NOW).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate_der().unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().unwrap();
        let trusts = |host: &'static str| {
            let leaf = authority.leaf(host, NOW).unwrap();
            let name = ServerName::try_from(host).unwrap();
            let at = UnixTime::since_unix_epoch(since_1970(NOW));
            verifier.verify_server_cert(&leaf.chain[0], &leaf.chain[1..], &name, &[], at).is_ok()
        };
        for host in ["vod.tencentcloudapi.com", "a-1.cos.x.myqcloud.com", "vod2.qcloud.com"] {
            assert!(trusts(host), "{host}");
        }
        for host in ["example.com", "qcloud.com", "evilmyqcloud.com", "127.0.0.1", "::1"] {
            assert!(!trusts(host), "{host}");
        }
    }
}
