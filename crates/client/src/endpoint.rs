//! Where a server is: `http://host:port`.

use std::fmt;
use std::str::FromStr;

use ::http::Uri;

/// The text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an endpoint: {reason}")]
pub struct EndpointError {
    text: String,
    reason: &'static str,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
}

impl Endpoint {
    /// `host:port`, as it is written in `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Takes `http://host`, `http://host:port` and `host:port`.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refuse = |reason| EndpointError { text: text.to_owned(), reason };
        let trimmed = text.trim().trim_end_matches('/');
        if trimmed.starts_with("https://") {
            return Err(refuse(
                "https is not spoken here; use the http address that `serve` printed",
            ));
        }
        let authority = trimmed.strip_prefix("http://").unwrap_or(trimmed);
        let plain = "write http://host:port";
        let uri: Uri =
            format!("http://{authority}/").parse().map_err(|_not_a_uri| refuse(plain))?;
        let found = uri.authority().ok_or_else(|| refuse(plain))?;
        if uri.path() != "/" || found.as_str().contains('@') || found.host().is_empty() {
            return Err(refuse(plain));
        }
        Ok(Self { authority: found.as_str().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_serve_prints() {
        for text in ["http://127.0.0.1:8800", "127.0.0.1:8800", " http://127.0.0.1:8800/\n"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), "http://127.0.0.1:8800");
        }
        assert_eq!("http://[::1]:1".parse::<Endpoint>().unwrap().authority(), "[::1]:1");
    }

    #[test]
    fn refuses_what_it_cannot_call() {
        for text in ["", "https://a", "http://a/b", "http://u@a", "ftp://a", "a b"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
