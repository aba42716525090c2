//! From names to addresses.
//!
//! The system's resolver is asked, because it knows what operators set up: `/etc/hosts`,
//! `nsswitch.conf`, search domains. It blocks a thread for as long as it likes, even after its caller
//! has given up, and nothing can stop it. So look-ups are shared and counted: one at a time for one
//! name, a few for one application, a bounded number in all. Names whose name servers are dead cost
//! the application that has them, not the others.
//!
//! A trait, so that tests can map any name to any address. Caching is deliberately absent: the
//! system's resolver does it, and a stale answer would outlive the change that an operator made.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use model::limits;

use crate::flights::{Flights, Lookup};

/// A name to be looked up.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The name, never a literal address.
    pub host: &'a str,
    /// The port that its addresses get.
    pub port: u16,
    /// The application that gave the name; none: the operator did, and nothing is counted.
    pub owner: Option<u64>,
}

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Debug + Send + Sync {
    /// Every address of the name. Whoever asks may stop waiting at any time.
    async fn resolve(&self, query: Query<'_>) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver. Clones share their look-ups.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    flights: Arc<Flights>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::over(|host| Ok((host, 0).to_socket_addrs()?.collect()))
    }
}

impl SystemResolver {
    /// The same over another blocking look-up of a host, whose ports do not matter.
    pub fn over(
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        let lookup: Lookup = Arc::new(lookup);
        let (total, each) = (limits::LOOKUPS_MAX, limits::LOOKUPS_PER_APPLICATION_MAX);
        Self { flights: Arc::new(Flights::new(lookup, total, each)) }
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, query: Query<'_>) -> io::Result<Vec<SocketAddr>> {
        let mut found = self.flights.ask(query.host, query.owner).await?;
        for address in &mut found {
            address.set_port(query.port);
        }
        Ok(found)
    }
}
