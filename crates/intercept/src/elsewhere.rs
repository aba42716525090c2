//! Hosts that are not Tencent's, for who asked for them with `--pass-through`: their bytes are carried
//! and not looked at.
//!
//! The client is a program that its user has started on this machine, so the policy opens everything
//! that it could reach by itself, private networks included. Two things stay shut: the proxy itself,
//! which would call itself without end, and metadata services, which no client reaches by a proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use egress::{Cidr, Client, Limits, Policy, SystemResolver, Tls};
use http::Uri;
use http::uri::Scheme;
use tokio::net::TcpStream;
use url::Url;

/// The way to other hosts.
#[derive(Debug)]
pub(crate) struct Elsewhere(Client);

impl Elsewhere {
    /// For a proxy at that address.
    pub(crate) fn new(own: SocketAddr) -> io::Result<Self> {
        let everything = ["0.0.0.0/0", "::/0"];
        let allow: Result<Vec<Cidr>, _> = everything.iter().map(|block| block.parse()).collect();
        let policy = Policy {
            allow: allow.map_err(io::Error::other)?,
            allow_loopback: true,
            https_only: false,
            forbidden: vec![own],
        };
        let resolver = Arc::new(SystemResolver::default());
        let client = Client::new(policy, resolver, Tls::default(), Limits::default());
        client.map(Self).map_err(io::Error::other)
    }

    /// A connection to the host of a target.
    pub(crate) async fn connect(&self, target: &Uri, timeout: Duration) -> io::Result<TcpStream> {
        let authority = target.authority().map_or("", http::uri::Authority::as_str);
        // user information is for the host, not for the way to it
        let authority = authority.rsplit('@').next().unwrap_or_default();
        // a CONNECT has no scheme and always a port
        let scheme = target.scheme().unwrap_or(&Scheme::HTTP);
        let url = Url::parse(&format!("{scheme}://{authority}/")).map_err(io::Error::other)?;
        self.0.dial(&url, timeout).await.map_err(io::Error::other)
    }
}
