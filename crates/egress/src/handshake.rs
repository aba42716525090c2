//! Why a TLS handshake failed, in words for whoever reads an attempt.
//!
//! rustls says it exactly, to those who know its terms (`UnknownIssuer`, times in Unix seconds). The
//! ways in which the certificates of receivers are wrong in practice have words of their own here;
//! everything else stays as rustls says it.

use std::io;

use model::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

/// Why TLS failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// Its time has passed.
    #[error("the certificate has expired: it was valid until {0}")]
    Expired(Timestamp),
    /// Its time has not begun; most often one of the clocks is wrong.
    #[error("the certificate is not valid yet: it is valid from {0}")]
    NotYetValid(Timestamp),
    /// It is another host's.
    #[error("the certificate is not for {host}{}", instead(.names))]
    OtherName {
        /// The host that was asked for.
        host: String,
        /// Those that it is for.
        names: Vec<String>,
    },
    /// Nobody who is trusted vouches for it.
    #[error("the certificate is signed by itself or by an authority that is not trusted")]
    Untrusted,
    /// One certificate is trusted and no other.
    #[error("the certificate is not the one that is trusted")]
    NotPinned,
    /// Anything else, in the words of rustls or the system.
    #[error("{0}")]
    Other(String),
}

impl TlsFailure {
    /// What was wrong, from the error of a connection.
    pub fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        inner.map_or_else(|| Self::Other(error.to_string()), Self::from)
    }
}

impl From<&Error> for TlsFailure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "errors come to rustls with its versions")]
    fn from(error: &Error) -> Self {
        if is_authority_itself(error) {
            return Self::Untrusted;
        }
        let Error::InvalidCertificate(why) = error else { return Self::Other(error.to_string()) };
        match why {
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired(moment(*not_after)),
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid(moment(*not_before))
            }
            CertificateError::NotValidForNameContext { expected, presented } => Self::OtherName {
                host: expected.to_str().into_owned(),
                names: presented.iter().map(|name| bare(name).to_owned()).collect(),
            },
            CertificateError::UnknownIssuer => Self::Untrusted,
            CertificateError::ApplicationVerificationFailure => Self::NotPinned,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Whether a server was refused because it showed the certificate of an authority, as those do that
/// sign theirs themselves. rustls passes on what webpki says of it and does not export its type.
pub(crate) fn is_authority_itself(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    other.to_string() == "CaUsedAsEndEntity"
}

fn moment(time: UnixTime) -> Timestamp {
    Timestamp(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// The name in `DnsName("other.example")` and `IpAddress(127.0.0.1)`, as webpki writes them.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_kind, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn instead(names: &[String]) -> String {
    match names {
        [] => "; it names no host".to_owned(),
        names => format!(", but for {}", names.join(", ")),
    }
}
