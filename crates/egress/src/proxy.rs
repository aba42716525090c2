//! The way out through an HTTP proxy: `CONNECT`, for http and https targets alike.
//!
//! We resolve the target and check its addresses, and name a checked address to the proxy, so that
//! what was checked is what is connected to; the host's name travels inside, in TLS and in `Host`.
//! The proxy itself is the operator's choice and not checked. Loopback targets are this machine's
//! own, not the proxy's, and are connected to directly. Deliberately absent: SOCKS, TLS to the
//! proxy, other authentication than Basic, proxies from the environment.

use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::resolve::{Query, Resolve};

/// An HTTP proxy.
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

/// Why a text names no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL, or not `http://` with a host and nothing after it.
    #[error("write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")]
    Form,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

impl std::str::FromStr for Proxy {
    type Err = ProxyError;

    /// Reads `http://[USER:PASSWORD@]HOST[:PORT]`; user and password may be percent-encoded.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text).map_err(|_no_url| ProxyError::Form)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| url.scheme() == "http" && bare && !host.is_empty());
        let host = host.ok_or(ProxyError::Form)?.trim_matches(['[', ']']).to_owned();
        let named = !url.username().is_empty() || url.password().is_some();
        let authorization = named.then(|| {
            let password = url.password().unwrap_or_default();
            let both: Vec<u8> = percent_encoding::percent_decode_str(url.username())
                .chain([b':'])
                .chain(percent_encoding::percent_decode_str(password))
                .collect();
            format!("Basic {}", STANDARD.encode(both))
        });
        Ok(Self { host, port: url.port().unwrap_or(80), authorization })
    }
}

impl Proxy {
    /// A connection to that address through the proxy.
    pub(crate) async fn connect(
        &self,
        resolver: &dyn Resolve,
        target: SocketAddr,
    ) -> io::Result<TcpStream> {
        let mut tcp = self.reach(resolver).await.map_err(|error| {
            io::Error::other(format!("the proxy {}:{}: {error}", self.host, self.port))
        })?;
        let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(authorization) = &self.authorization {
            head.push_str("Proxy-Authorization: ");
            head.push_str(authorization);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        tcp.write_all(head.as_bytes()).await?;
        let status = status(&mut tcp).await?;
        if status.starts_with('2') {
            return Ok(tcp);
        }
        Err(io::Error::other(format!("the proxy answered {status}")))
    }

    async fn reach(&self, resolver: &dyn Resolve) -> io::Result<TcpStream> {
        let addresses = match self.host.parse() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_a_name) => {
                resolver.resolve(Query { host: &self.host, port: self.port, owner: None }).await?
            }
        };
        TcpStream::connect(&*addresses).await
    }
}

/// Reads the answer's head, and not a byte of what follows; its status and reason.
async fn status(tcp: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= limits::PROXY_HEAD_BYTES {
            return Err(io::Error::other("the proxy's answer is too large"));
        }
        let byte = tcp.read_u8().await.map_err(|error| {
            io::Error::new(error.kind(), "the proxy closed the connection without an answer")
        })?;
        head.push(byte);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.split_once(' ').filter(|(version, _)| version.starts_with("HTTP/1."));
    status
        .map(|(_, status)| status.trim().to_owned())
        .ok_or_else(|| io::Error::other("the proxy's answer is no HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_origin() {
        let proxy: Proxy = "http://us%40er:p%3Aw@proxy.example:3128".parse().unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 3128));
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dXNAZXI6cDp3"));
        assert!(!format!("{proxy:?}").contains("Basic"));
        let proxy: Proxy = "http://[::1]".parse().unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.authorization), ("::1", 80, None));
        for text in [
            "",
            "proxy:3128",
            "https://proxy:3128",
            "http://proxy/path",
            "socks5://proxy",
            "http://",
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap_err(), ProxyError::Form, "{text}");
        }
    }
}
