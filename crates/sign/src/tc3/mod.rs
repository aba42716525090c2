//! TC3-HMAC-SHA256, the signature of API 3.0.
//!
//! The algorithm is documented; what each client really signs is not. Every candidate tried here was seen
//! in the requests of an official SDK: the host without its port (Node), with a scheme (tccli), the
//! content type in lower case (documentation) or without its boundary (Ruby), the path `/` whatever was
//! asked for (Go), a query that a URL library spelled anew after signing (.NET under Mono). The scope of
//! the credential is taken from the request: six SDKs compute the service from the endpoint, which gives
//! `127` on a loopback address.
//!
//! Deliberately absent: the time window ([`crate::window`]), because an expired request is refused before
//! its key is looked up, and the key itself.

mod authorization;
mod canonical;

use crate::{mac, request::SignedRequest};

pub use authorization::{AuthorizationError, Tc3Authorization};

/// The algorithm name that opens an `Authorization` value and the string to sign.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// The header whose value is the Unix time of the signature, in decimal seconds.
pub const TIMESTAMP_HEADER: &str = "X-TC-Timestamp";

/// The header by which a client leaves the body out of the signature, with the value
/// [`UNSIGNED_PAYLOAD`]. Other values mean nothing (a public client puts the true hash there).
pub const CONTENT_SHA256_HEADER: &str = "X-TC-Content-SHA256";

/// The value of [`CONTENT_SHA256_HEADER`] that leaves the body unsigned.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

const TERMINATOR: &str = "tc3_request";

/// Why a request has no usable time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The header is absent, empty or repeated.
    #[error("the request has no {TIMESTAMP_HEADER}")]
    Missing,
    /// The header is not a decimal number of seconds.
    #[error("{TIMESTAMP_HEADER} is not a number of seconds")]
    NotANumber,
}

/// The Unix time in seconds at which the request says it was signed.
pub fn timestamp(request: &SignedRequest<'_>) -> Result<i64, TimestampError> {
    let value = request.header(TIMESTAMP_HEADER).filter(|value| !value.is_empty());
    let value = value.ok_or(TimestampError::Missing)?;
    if value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(TimestampError::NotANumber);
    }
    let digits = value.iter().map(|byte| i64::from(byte - b'0'));
    Ok(digits.fold(0, |number, digit| number * 10 + digit))
}

/// Whether `authorization` is the signature of `request` under `secret_key`, in one of the spellings that
/// clients use. `aliases` are further host names a client may have signed, such as
/// `vod.tencentcloudapi.com` behind a gateway. False, too, when the date of the credential scope is not the
/// UTC date of the timestamp, or a signed header is absent or repeated. Does not check the time window.
#[must_use]
pub fn verify(
    request: &SignedRequest<'_>,
    authorization: &Tc3Authorization,
    secret_key: &str,
    aliases: &[&str],
) -> bool {
    let Ok(timestamp_s) = timestamp(request) else { return false };
    if utc_date(timestamp_s) != authorization.date {
        return false;
    }
    let Some(timestamp) = request.header(TIMESTAMP_HEADER) else { return false };
    let key = derive_key(secret_key, &authorization.date, &authorization.service);
    let scope = scope(&authorization.date, &authorization.service);
    let given = authorization.signature.as_bytes();
    canonical::candidates(request, &authorization.signed_headers, aliases)
        .any(|hash| mac::same(signature(&key, timestamp, &scope, &hash).as_bytes(), given))
}

/// What a client needs to sign a request.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The public name of the key.
    pub secret_id: &'a str,
    /// The key.
    pub secret_key: &'a str,
    /// The service in the credential scope; `vod` for the API that is served here.
    pub service: &'a str,
    /// The time of the signature in Unix seconds; must be sent as [`TIMESTAMP_HEADER`] too.
    pub timestamp_s: i64,
}

impl std::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("secret_id", &self.secret_id)
            .field("service", &self.service)
            .field("timestamp_s", &self.timestamp_s)
            .finish_non_exhaustive()
    }
}

/// The `Authorization` value for `request`, signing `content-type;host` as every official SDK does. The
/// request must carry both headers (`authority` may stand in for the host) with the values that are sent;
/// an absent one is signed as empty.
#[must_use]
pub fn sign(request: &SignedRequest<'_>, signer: &Signer<'_>) -> String {
    let date = utc_date(signer.timestamp_s);
    let hash = canonical::plain(request);
    let key = derive_key(signer.secret_key, &date, signer.service);
    let scope = scope(&date, signer.service);
    let timestamp = signer.timestamp_s.to_string();
    let signature = signature(&key, timestamp.as_bytes(), &scope, &hash);
    let Signer { secret_id, .. } = signer;
    format!(
        "{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={}, Signature={signature}",
        canonical::PLAIN_HEADERS
    )
}

fn scope(date: &str, service: &str) -> String {
    format!("{date}/{service}/{TERMINATOR}")
}

fn derive_key(secret_key: &str, date: &str, service: &str) -> [u8; 32] {
    let key = zeroize::Zeroizing::new(format!("TC3{secret_key}"));
    let key = mac::hmac_sha256(key.as_bytes(), &[date.as_bytes()]);
    let key = mac::hmac_sha256(&key, &[service.as_bytes()]);
    mac::hmac_sha256(&key, &[TERMINATOR.as_bytes()])
}

fn signature(key: &[u8], timestamp: &[u8], scope: &str, canonical_hash: &str) -> String {
    let parts: [&[u8]; 7] = [
        ALGORITHM.as_bytes(),
        b"\n",
        timestamp,
        b"\n",
        scope.as_bytes(),
        b"\n",
        canonical_hash.as_bytes(),
    ];
    hex::encode(mac::hmac_sha256(key, &parts))
}

/// The UTC date of a Unix time as `YYYY-MM-DD`, in the proleptic Gregorian calendar.
fn utc_date(timestamp_s: i64) -> String {
    // Counts in eras of 400 years that begin on 1 March, so that the leap day comes last.
    let days = timestamp_s.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::{SignedRequest, TimestampError, timestamp, utc_date};

    #[test]
    fn the_date_is_utc() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (-1, "1969-12-31"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_551_113_065, "2019-02-25"),
            (1_709_164_800, "2024-02-29"),
            (1_795_487_624, "2026-11-24"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(utc_date(seconds), date, "{seconds}");
        }
    }

    #[test]
    fn the_timestamp_is_plain_digits() {
        let read = |value: &[u8]| {
            let headers: &[(&str, &[u8])] = &[("x-tc-timestamp", value)];
            let request = SignedRequest {
                method: "POST",
                authority: None,
                path: "/",
                query: "",
                headers,
                body: b"",
            };
            timestamp(&request)
        };
        assert_eq!(read(b" 1551113065 "), Ok(1_551_113_065));
        assert_eq!(read(b""), Err(TimestampError::Missing));
        for bad in ["x", "+1", "-1", "1.5", "0x10", "9999999999999999999"] {
            assert_eq!(read(bad.as_bytes()), Err(TimestampError::NotANumber), "{bad}");
        }
    }
}
