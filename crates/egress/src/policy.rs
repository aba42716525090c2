//! Which addresses may be connected to.
//!
//! By default only public ones. An operator opens more with an allow list; three things no list
//! opens: an unspecified or multicast address, and the listeners of this very process, because a
//! callback to ourselves is either a mistake or an attack. Metadata services are opened only by an
//! entry that names the single address, never by a wide block.
//!
//! The check of a URL and the check of an address are one table, used when a URL is configured and
//! again on every address that is about to be connected to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::{Host, Url};

use crate::address::{Class, classify, embedded};
use crate::cidr::Cidr;

/// What may be connected to. The default is the strictest: public addresses, http and https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Blocks that are allowed although they are not public.
    pub allow: Vec<Cidr>,
    /// Whether loopback addresses are allowed.
    pub allow_loopback: bool,
    /// Whether plain http is refused.
    pub https_only: bool,
    /// Our own listeners. An unspecified address (`0.0.0.0`, `::`) stands for all of this machine's.
    pub forbidden: Vec<SocketAddr>,
}

/// Why a target is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither http nor https.
    #[error("the scheme must be http or https")]
    Scheme,
    /// Plain http where only https is allowed.
    #[error("only https is allowed")]
    PlainHttp,
    /// No host.
    #[error("there is no host")]
    NoHost,
    /// `user:password@`.
    #[error("user information is not allowed")]
    UserInfo,
    /// Port 0.
    #[error("port 0 cannot be connected to")]
    PortZero,
    /// A listener of this process.
    #[error("{0} is a listener of this server")]
    OwnListener(SocketAddr),
    /// An address that is not public and not allowed.
    #[error("{address} is {class}")]
    Address {
        /// The address.
        address: IpAddr,
        /// What it is.
        class: Class,
    },
}

impl Refusal {
    /// What an operator can do about it; none: nothing lifts it. `allow`: the setting whose blocks
    /// [`Policy::allow`] holds, which is another for callbacks than for what is fetched.
    pub fn remedy(&self, allow: &str) -> Option<String> {
        match self {
            Self::Address { class: Class::Unspecified | Class::Multicast, .. }
            | Self::Scheme
            | Self::NoHost
            | Self::UserInfo
            | Self::PortZero
            | Self::OwnListener(_) => None,
            Self::Address { .. } => Some(format!("`{allow}` can allow it")),
            // there is no such setting for what is fetched
            Self::PlainHttp => Some("`push.https_only` forbids plain http".to_owned()),
        }
    }
}

impl Policy {
    /// Checks what can be told from a URL without resolving its host: scheme, user information,
    /// and the host if it is a literal address or `localhost`. `Url` has already turned decimal,
    /// octal, hexadecimal and shortened hosts into the IPv4 address that they mean.
    pub fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        match url.scheme() {
            "http" if self.https_only => return Err(Refusal::PlainHttp),
            "http" | "https" => {}
            _ => return Err(Refusal::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 {
            return Err(Refusal::PortZero);
        }
        match url.host() {
            None | Some(Host::Domain("")) => Err(Refusal::NoHost),
            Some(Host::Ipv4(address)) => self.check(SocketAddr::new(address.into(), port)),
            Some(Host::Ipv6(address)) => self.check(SocketAddr::new(address.into(), port)),
            // these names mean the loopback address wherever they are asked (RFC 6761)
            Some(Host::Domain(name)) if is_localhost(name) => {
                self.check(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
            }
            Some(Host::Domain(_)) => Ok(()),
        }
    }

    /// Checks one address that is about to be connected to.
    pub fn check(&self, target: SocketAddr) -> Result<(), Refusal> {
        if target.port() == 0 {
            return Err(Refusal::PortZero);
        }
        if self.is_listener(target) {
            return Err(Refusal::OwnListener(target));
        }
        self.check_address(target.ip())
    }

    /// Checks a connection once it stands: one whose two ends are the same address stays on this
    /// machine, and may have reached a listener on an unspecified address.
    pub(crate) fn check_ends(&self, local: SocketAddr, peer: SocketAddr) -> Result<(), Refusal> {
        let wildcard =
            self.forbidden.iter().any(|own| own.ip().is_unspecified() && own.port() == peer.port());
        if wildcard && local.ip().to_canonical() == peer.ip().to_canonical() {
            return Err(Refusal::OwnListener(peer));
        }
        Ok(())
    }

    fn is_listener(&self, target: SocketAddr) -> bool {
        let address = plain(target.ip());
        self.forbidden.iter().any(|own| {
            let same = if own.ip().is_unspecified() {
                address.is_loopback() || address.is_unspecified()
            } else {
                own.ip() == address
            };
            own.port() == target.port() && same
        })
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let Some(class) = classify(address) else { return Ok(()) };
        let listed = self.allow.iter().any(|block| block.contains(address));
        let named = self.allow.iter().any(|block| block.is_single() && block.contains(address));
        let allowed = match class {
            Class::Unspecified | Class::Multicast => false,
            Class::Metadata => named,
            Class::Loopback => self.allow_loopback || listed,
            Class::Private | Class::LinkLocal | Class::SharedCgnat | Class::Reserved => listed,
            Class::Embedded => listed && self.allows_inner(address),
        };
        if allowed { Ok(()) } else { Err(Refusal::Address { address, class }) }
    }

    /// Whether the IPv4 address inside an IPv6 one, if it can be told, is allowed by itself: a block
    /// such as NAT64's opens the way to public addresses, not to everything behind it.
    fn allows_inner(&self, address: IpAddr) -> bool {
        let IpAddr::V6(address) = address else { return false };
        embedded(address).is_none_or(|inner| self.check_address(inner.into()).is_ok())
    }
}

/// The IPv4 address that an IPv6 form stands for, or the address itself.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if classify(address) == Some(Class::Embedded) => {
            embedded(v6).map_or(address, IpAddr::V4)
        }
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}
