//! A request as a signature sees it: borrowed pieces of an HTTP message, still as sent.
//!
//! The HTTP surface builds one from its own types with one small vector of header references. Nothing is
//! decoded or normalised here, because every normalisation is a candidate that a signature method chooses.

use std::fmt;

/// The parts of a request that a signature can cover, exactly as received.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method in upper case, as on the request line.
    pub method: &'a str,
    /// `:authority` of HTTP/2 or the authority of an absolute-form target. It stands in for a missing
    /// `Host`; where a `Host` was sent, that is what counts, so that a changed one never verifies.
    pub authority: Option<&'a str>,
    /// The path as sent, still percent-encoded, beginning with `/`; empty means `/`.
    pub path: &'a str,
    /// The query as sent, without `?`; empty when there is none.
    pub query: &'a str,
    /// Every header in the order received. Names may be in any case; a name may occur more than once, but
    /// one that does cannot be signed.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body as sent. COS signatures do not cover it: leave it empty there.
    pub body: &'a [u8],
}

impl fmt::Debug for SignedRequest<'_> {
    /// Shows what may be logged: no query, header or body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl<'a> SignedRequest<'a> {
    /// The value of the header `name` (any case) without surrounding white space. `None` when it is absent
    /// and when it occurs more than once: nobody could say which of the values was signed.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut values =
            self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
        let first = values.next()?;
        if values.next().is_some() { None } else { Some(first.trim_ascii()) }
    }

    /// The path that was asked for; a target such as `?a=b` asks for `/`.
    pub(crate) fn path_or_root(&self) -> &'a str {
        if self.path.is_empty() { "/" } else { self.path }
    }

    /// The hosts a client may have signed, the likeliest first: as sent; without the port (Node's TC3,
    /// the Python COS client); without a scheme (tccli sends `Host: http://…`); `aliases`, for clients
    /// that sign the cloud's name and connect to a gateway.
    pub(crate) fn hosts(&self, aliases: &[&'a str]) -> Vec<&'a [u8]> {
        let sent = self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case("host"));
        let base = if sent { self.header("host") } else { self.authority.map(str::as_bytes) };
        let mut hosts = Vec::with_capacity(4 + aliases.len());
        if let Some(host) = base {
            let name = without_scheme(host);
            for candidate in [host, without_port(host), name, without_port(name)] {
                push_new(&mut hosts, candidate);
            }
        }
        for alias in aliases {
            push_new(&mut hosts, alias.as_bytes());
        }
        hosts
    }
}

/// Appends a candidate that is not there yet.
pub(crate) fn push_new<T: PartialEq>(candidates: &mut Vec<T>, candidate: T) {
    if !candidates.contains(&candidate) {
        candidates.push(candidate);
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, _) = host.split_at(host.len() - digits);
    match head.split_last() {
        Some((b':', name)) if digits > 0 => name,
        _ => host,
    }
}

fn without_scheme(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"http://").or_else(|| host.strip_prefix(b"https://")).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::SignedRequest;

    fn hosts(host: &str, authority: Option<&str>, aliases: &[&str]) -> Vec<String> {
        let headers: &[(&str, &[u8])] = &[("hOsT", host.as_bytes())];
        let request = SignedRequest {
            method: "POST",
            authority,
            path: "/",
            query: "",
            headers: if host.is_empty() { &[] } else { headers },
            body: b"",
        };
        let found = request.hosts(aliases);
        found.iter().map(|host| String::from_utf8_lossy(host).into_owned()).collect()
    }

    #[test]
    fn offers_each_spelling_of_the_host_once() {
        assert_eq!(hosts("127.0.0.1:80", None, &[]), ["127.0.0.1:80", "127.0.0.1"]);
        assert_eq!(hosts("[::1]:8800", None, &[]), ["[::1]:8800", "[::1]"]);
        assert_eq!(hosts("[::1]", None, &[]), ["[::1]"]);
        assert_eq!(
            hosts("http://a.b:1", None, &["vod.tencentcloudapi.com"]),
            ["http://a.b:1", "http://a.b", "a.b:1", "a.b", "vod.tencentcloudapi.com"]
        );
    }

    #[test]
    fn the_authority_stands_in_for_a_missing_host_only() {
        assert_eq!(hosts("", Some("a.b:1"), &[]), ["a.b:1", "a.b"]);
        assert_eq!(hosts("x.y", Some("a.b"), &[]), ["x.y"]);
        assert!(hosts("", None, &[]).is_empty());
    }

    #[test]
    fn a_repeated_header_has_no_value() {
        let headers: &[(&str, &[u8])] = &[("A", b" 1 "), ("B", b"2"), ("b", b"2")];
        let request = SignedRequest {
            method: "GET",
            authority: None,
            path: "",
            query: "",
            headers,
            body: b"",
        };
        assert_eq!(request.header("a"), Some(b"1".as_slice()));
        assert_eq!(request.header("b"), None);
        assert_eq!(request.header("c"), None);
        assert_eq!(request.path_or_root(), "/");
    }
}
