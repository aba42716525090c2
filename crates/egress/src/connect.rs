//! From a checked URL to a connection: resolve, check every address, connect to a checked one, TLS.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use model::limits;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::client::ExchangeError;
use crate::handshake::TlsFailure;
use crate::meter::Stream;
use crate::policy::Policy;
use crate::proxy::Proxy;
use crate::resolve::{Query, Resolve};

/// Everything that making a connection needs.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) policy: Policy,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<ClientConfig>,
    /// None: targets are connected to directly.
    pub(crate) proxy: Option<Proxy>,
}

impl Connector {
    /// A connection to the URL's host, which has been checked as far as it is literal.
    pub(crate) async fn connect(
        &self,
        url: &Url,
        owner: Option<u64>,
        deadline: Instant,
    ) -> Result<Box<dyn Stream>, ExchangeError> {
        let tcp = self.dial(url, owner, deadline).await?;
        if url.scheme() != "https" {
            return Ok(Box::new(tcp));
        }
        let name = server_name(url)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let tls = connector.connect(name, tcp).await;
        Ok(Box::new(tls.map_err(|error| ExchangeError::Tls(TlsFailure::of(&error)))?))
    }

    /// The same without TLS, whatever the scheme.
    pub(crate) async fn dial(
        &self,
        url: &Url,
        owner: Option<u64>,
        deadline: Instant,
    ) -> Result<TcpStream, ExchangeError> {
        let addresses = self.addresses(url, owner).await?;
        self.first(&addresses, deadline).await
    }

    /// The addresses of the host, every one of them allowed: a name that leads inside with one of
    /// its addresses is not trusted with the others.
    async fn addresses(
        &self,
        url: &Url,
        owner: Option<u64>,
    ) -> Result<Vec<SocketAddr>, ExchangeError> {
        let port = url.port_or_known_default().unwrap_or(0);
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![SocketAddr::new(address.into(), port)],
            Some(Host::Ipv6(address)) => vec![SocketAddr::new(address.into(), port)],
            Some(Host::Domain(name)) => {
                let found = self.resolver.resolve(Query { host: name, port, owner }).await;
                found.map_err(|error| ExchangeError::Resolve(error.to_string()))?
            }
            None => Vec::new(),
        };
        if found.is_empty() {
            return Err(ExchangeError::Resolve("the name has no address".to_owned()));
        }
        for &address in &found {
            self.policy.check(address)?;
        }
        Ok(found)
    }

    /// Connects to the first address that answers. Each but the last gets its even share of the
    /// time that is left, so that one dead address does not use it up.
    async fn first(
        &self,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<TcpStream, ExchangeError> {
        let mut left =
            u32::try_from(addresses.len().min(limits::ADDRESSES_PER_NAME_MAX)).unwrap_or(1);
        let mut last = None;
        for &address in addresses.iter().take(limits::ADDRESSES_PER_NAME_MAX) {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / left.max(1);
            left = left.saturating_sub(1);
            let proxy = self.proxy.as_ref().filter(|_| !address.ip().to_canonical().is_loopback());
            if proxy.is_some() {
                self.check_route(address)?;
            }
            let connected = timeout_at(now + share, async {
                match proxy {
                    Some(proxy) => proxy.connect(&*self.resolver, address).await,
                    None => TcpStream::connect(address).await,
                }
            });
            let error = match connected.await {
                Ok(Ok(tcp)) => {
                    if proxy.is_none() {
                        self.check_ends(&tcp, address)?;
                    }
                    tcp.set_nodelay(true)
                        .map_err(|error| ExchangeError::Connect { address, error })?;
                    return Ok(tcp);
                }
                Ok(Err(error)) => error,
                Err(_) => io::Error::from(ErrorKind::TimedOut),
            };
            last = Some(ExchangeError::Connect { address, error });
        }
        Err(last.unwrap_or(ExchangeError::TimedOut))
    }

    /// Whether the way to an address leads to a listener of ours, which the ends of a connection
    /// through a proxy would not tell. A datagram socket is asked for its route; nothing is sent.
    fn check_route(&self, address: SocketAddr) -> Result<(), ExchangeError> {
        let failed = |error| ExchangeError::Connect { address, error };
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = match UdpSocket::bind((any, 0)) {
            Ok(socket) => socket,
            // a machine without that family has no such address itself
            Err(error)
                if matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported) =>
            {
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        if socket.connect(address).is_err() {
            // there is no way to it from here, so it is none of ours
            return Ok(());
        }
        Ok(self.policy.check_ends(socket.local_addr().map_err(failed)?, address)?)
    }

    fn check_ends(&self, tcp: &TcpStream, address: SocketAddr) -> Result<(), ExchangeError> {
        let failed = |error| ExchangeError::Connect { address, error };
        let ends = (tcp.local_addr().map_err(failed)?, tcp.peer_addr().map_err(failed)?);
        Ok(self.policy.check_ends(ends.0, ends.1)?)
    }
}

fn server_name(url: &Url) -> Result<ServerName<'static>, ExchangeError> {
    let invalid = || {
        let why = "the host is no name that a certificate can have";
        ExchangeError::Tls(TlsFailure::Other(why.to_owned()))
    };
    Ok(match url.host().ok_or_else(invalid)? {
        Host::Ipv4(address) => ServerName::IpAddress(IpAddr::from(address).into()),
        Host::Ipv6(address) => ServerName::IpAddress(IpAddr::from(address).into()),
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            ServerName::try_from(name.to_owned()).map_err(|_not_a_name| invalid())?
        }
    })
}
