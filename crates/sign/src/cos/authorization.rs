//! The `q-…` pairs of a COS signature, which stand in the `Authorization` header or in the query.

use super::ALGORITHM;
use crate::{encoding, window};

/// More names than any client signs; bounds the work that an unauthenticated header can cause.
const MAX_NAMES: usize = 64;

/// The pairs, in the order in which clients write them.
const PAIRS: [&str; 7] = [
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
];

/// Why a COS signature cannot be read. COS answers all of them alike, so they are for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosAuthorizationError {
    /// `q-sign-algorithm` is not `sha1`.
    #[error("q-sign-algorithm is not {ALGORITHM}")]
    Algorithm,
    /// One of the pairs is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// One of the pairs occurs twice.
    #[error("{0} occurs twice")]
    Repeated(&'static str),
    /// A span of time is not `START;END` in decimal Unix seconds.
    #[error("{0} is not START;END")]
    Time(&'static str),
    /// A list names something twice or holds too many names.
    #[error("{0} is not valid")]
    List(&'static str),
}

/// Why a COS signature is not valid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Its span ended.
    #[error("the signature has expired")]
    Expired,
    /// Its span begins more than the clock skew that API requests are allowed after now.
    #[error("the signature is not valid yet")]
    NotYet,
}

/// A parsed COS signature: what the client claims. [`super::verify`] says whether it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosAuthorization {
    /// `q-ak`, the public name of the (temporary) key.
    pub secret_id: String,
    /// `q-sign-time` as sent, `START;END` in Unix seconds.
    pub sign_time: String,
    /// `q-key-time` as sent, the span of the derived key.
    pub key_time: String,
    /// `q-header-list`: covered headers, in the order signed.
    pub header_list: Vec<String>,
    /// `q-url-param-list`: covered query parameters, in lower case, in the order signed.
    pub param_list: Vec<String>,
    /// `q-signature` as sent; lower-case hexadecimal when it is right.
    pub signature: String,
}

impl CosAuthorization {
    /// Reads the value of an `Authorization` header.
    pub fn parse(header: &str) -> Result<Self, CosAuthorizationError> {
        let pieces =
            header.trim().split('&').map(|piece| piece.split_once('=').unwrap_or((piece, "")));
        let pairs: Vec<(String, String)> =
            pieces.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self::from_pairs(&pairs)
    }

    /// Reads the signature of a presigned URL out of its raw query. `None` when the query carries none.
    pub fn from_query(query: &str) -> Option<Result<Self, CosAuthorizationError>> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let pairs: Vec<(String, String)> = encoding::query_pairs(query)
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let signed =
            pairs.iter().any(|(name, _)| name == "q-signature" || name == "q-sign-algorithm");
        signed.then(|| Self::from_pairs(&pairs))
    }

    fn from_pairs(pairs: &[(String, String)]) -> Result<Self, CosAuthorizationError> {
        let find = |wanted: &'static str| {
            let mut found = pairs.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value);
            let value = found.next().ok_or(CosAuthorizationError::Missing(wanted))?;
            match found.next() {
                None => Ok(value.as_str()),
                Some(_) => Err(CosAuthorizationError::Repeated(wanted)),
            }
        };
        let [algorithm, ak, sign_time, key_time, headers, params, signature] = PAIRS;
        if find(algorithm)? != ALGORITHM {
            return Err(CosAuthorizationError::Algorithm);
        }
        let time = |name| {
            let value = find(name)?;
            span(value).ok_or(CosAuthorizationError::Time(name))?;
            Ok(value.to_owned())
        };
        let list = |name| names(find(name)?).ok_or(CosAuthorizationError::List(name));
        Ok(Self {
            secret_id: find(ak)?.to_owned(),
            sign_time: time(sign_time)?,
            key_time: time(key_time)?,
            header_list: list(headers)?,
            param_list: list(params)?,
            signature: find(signature)?.to_owned(),
        })
    }

    /// Whether the signature is valid at `now_s` (Unix seconds). Both its own span and that of its key must
    /// hold now; a start is allowed to lie [`window::SKEW_S`] ahead, because clients start at their own now.
    pub fn check_window(&self, now_s: i64) -> Result<(), WindowError> {
        for time in [&self.sign_time, &self.key_time] {
            let (start, end) = span(time).ok_or(WindowError::Expired)?;
            if now_s > end {
                return Err(WindowError::Expired);
            }
            if start > now_s.saturating_add(window::SKEW_S) {
                return Err(WindowError::NotYet);
            }
        }
        Ok(())
    }

    /// Whether the signature covers the query parameter `name` (any case, not encoded).
    #[must_use]
    pub fn signs_param(&self, name: &str) -> bool {
        self.param_list.contains(&super::listed(name.as_bytes()))
    }

    /// Whether the signature covers the header `name` (any case).
    #[must_use]
    pub fn signs_header(&self, name: &str) -> bool {
        self.header_list.contains(&super::listed(name.as_bytes()))
    }

    /// The value of an `Authorization` header.
    #[must_use]
    pub fn to_header(&self) -> String {
        self.render(str::to_owned)
    }

    /// The pairs as part of a query, to be appended with `&`.
    #[must_use]
    pub fn to_query(&self) -> String {
        self.render(|value| encoding::encode(value.as_bytes()))
    }

    fn render(&self, spell: impl Fn(&str) -> String) -> String {
        let (headers, params) = (self.header_list.join(";"), self.param_list.join(";"));
        let values = [
            ALGORITHM,
            &self.secret_id,
            &self.sign_time,
            &self.key_time,
            &headers,
            &params,
            &self.signature,
        ];
        let pairs: Vec<String> = PAIRS
            .iter()
            .zip(values)
            .map(|(name, value)| format!("{name}={}", spell(value)))
            .collect();
        pairs.join("&")
    }
}

fn span(text: &str) -> Option<(i64, i64)> {
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let (start, end) = text.split_once(';')?;
    Some((number(start)?, number(end)?))
}

/// The names of a list in lower case; an empty list has none.
fn names(text: &str) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(';').filter(|name| !name.is_empty()) {
        let name = name.to_ascii_lowercase();
        if names.len() == MAX_NAMES || names.contains(&name) {
            return None;
        }
        names.push(name);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::{CosAuthorization, CosAuthorizationError as E, WindowError};

    const GOOD: &str = "q-sign-algorithm=sha1&q-ak=AK&q-sign-time=100;200&q-key-time=100;900&\
                        q-header-list=host&q-url-param-list=partnumber;uploadid&q-signature=00ff";

    #[test]
    fn header_and_query_round_trip() {
        let parsed = CosAuthorization::parse(GOOD).unwrap();
        assert_eq!(parsed.to_header(), GOOD);
        assert_eq!(parsed.param_list, ["partnumber", "uploadid"]);
        let query = format!("a=b&{}&x-cos-security-token=t", parsed.to_query());
        assert!(query.contains("q-sign-time=100%3B200"));
        assert_eq!(CosAuthorization::from_query(&query).unwrap().as_ref(), Ok(&parsed));
        // The Node client appends the pairs without encoding them.
        assert_eq!(CosAuthorization::from_query(GOOD).unwrap().as_ref(), Ok(&parsed));
        assert_eq!(CosAuthorization::from_query("uploads&prefix="), None);
        assert!(parsed.signs_param("uploadId") && !parsed.signs_param("uploads"));
        assert!(parsed.signs_header("Host") && !parsed.signs_header("content-length"));
    }

    #[test]
    fn lists_may_be_empty() {
        let value = GOOD.replace("partnumber;uploadid", "").replace("=host", "=");
        let parsed = CosAuthorization::parse(&value).unwrap();
        assert!(parsed.header_list.is_empty() && parsed.param_list.is_empty());
    }

    #[test]
    fn names_what_is_wrong() {
        for (value, expected) in [
            (String::new(), E::Missing("q-sign-algorithm")),
            (GOOD.replace("sha1", "md5"), E::Algorithm),
            (GOOD.replace("q-ak=AK&", ""), E::Missing("q-ak")),
            (GOOD.replace("&q-signature=00ff", ""), E::Missing("q-signature")),
            (format!("{GOOD}&q-ak=B"), E::Repeated("q-ak")),
            (GOOD.replace("100;200", "100"), E::Time("q-sign-time")),
            (GOOD.replace("100;900", "100;-9"), E::Time("q-key-time")),
            (GOOD.replace("100;200", "100;99999999999999999999"), E::Time("q-sign-time")),
            (GOOD.replace("list=host", "list=host;Host"), E::List("q-header-list")),
        ] {
            assert_eq!(CosAuthorization::parse(&value), Err(expected), "{value}");
        }
    }

    #[test]
    fn both_spans_hold() {
        let parsed = CosAuthorization::parse(GOOD).unwrap();
        assert_eq!(parsed.check_window(150), Ok(()));
        assert_eq!(parsed.check_window(200), Ok(()));
        assert_eq!(parsed.check_window(201), Err(WindowError::Expired));
        assert_eq!(parsed.check_window(-200), Ok(()));
        assert_eq!(parsed.check_window(-201), Err(WindowError::NotYet));
        let key_over = CosAuthorization::parse(&GOOD.replace("100;900", "100;150")).unwrap();
        assert_eq!(key_over.check_window(151), Err(WindowError::Expired));
    }
}
