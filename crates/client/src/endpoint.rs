//! Where a server is: `http://host:port` or `https://host:port`.

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
    scheme: &'static str,
    authority: String,
}

impl Endpoint {
    /// Whether it is called by TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// `host:port`, as it is written in `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Takes `host` and `host:port`, with `http://` or `https://` before them; without, `http` is meant.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refuse = |reason| EndpointError { text: text.to_owned(), reason };
        let trimmed = text.trim().trim_end_matches('/');
        let (scheme, authority) = match trimmed.strip_prefix("https://") {
            Some(authority) => ("https", authority),
            None => ("http", trimmed.strip_prefix("http://").unwrap_or(trimmed)),
        };
        let plain = "write http://host:port or https://host:port";
        let uri: Uri =
            format!("http://{authority}/").parse().map_err(|_not_a_uri| refuse(plain))?;
        let found = uri.authority().ok_or_else(|| refuse(plain))?;
        if uri.path() != "/"
            || found.as_str().contains('@')
            || found.as_str().ends_with(':')
            || found.host().is_empty()
        {
            return Err(refuse(plain));
        }
        Ok(Self { scheme, authority: found.as_str().to_owned() })
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
        assert_eq!("https://a:1/".parse::<Endpoint>().unwrap().to_string(), "https://a:1");
        assert!("https://a:1".parse::<Endpoint>().unwrap().is_https());
        assert_eq!("http://[::1]:1".parse::<Endpoint>().unwrap().authority(), "[::1]:1");
    }

    #[test]
    fn refuses_what_it_cannot_call() {
        for text in
            ["", "https://", "http://a/b", "https://http://a", "http://u@a", "ftp://a", "a b"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
