//! The server behind the proxy: where it is, how it is reached, and finding it again when it is not there
//! any more. A server that was started again may have another port, which its data directory tells.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egress::Trust;
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tunnel::Duplex;

/// A server that was found.
#[derive(Clone)]
pub struct Server {
    /// `host:port`.
    address: String,
    /// How its certificate is verified, and for which name; none: it speaks plain HTTP.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = self.tls.is_some();
        f.debug_struct("Server").field("address", &self.address).field("tls", &tls).finish()
    }
}

/// Looks for the server once more; none: nothing says where it is.
pub type FindAgain = Arc<dyn Fn() -> Option<Server> + Send + Sync>;

impl Server {
    /// One that speaks plain HTTP at `host:port`.
    pub fn plain(address: impl Into<String>) -> Self {
        Self { address: address.into(), tls: None }
    }

    /// One that speaks TLS at `host:port`, with a certificate for `host` (a name, or an address without
    /// brackets) that is believed.
    pub fn secure(
        address: impl Into<String>,
        host: &str,
        trust: Trust,
    ) -> Result<Self, InvalidDnsNameError> {
        let name = ServerName::try_from(host.to_owned())?;
        let config = Arc::new(trust.into_config().with_no_client_auth());
        Ok(Self { address: address.into(), tls: Some((config, name)) })
    }

    async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let Some((config, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let tls = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await?;
        Ok(Box::new(tls))
    }
}

/// The way to the server, wherever it is now.
pub(crate) struct Way {
    server: Mutex<Server>,
    find: FindAgain,
}

impl Way {
    pub(crate) fn new(server: Server, find: FindAgain) -> Self {
        Self { server: Mutex::new(server), find }
    }

    /// Where it was last.
    pub(crate) fn address(&self) -> String {
        self.lock().address.clone()
    }

    /// A connection, each try within `deadline`. When the server is not where it was, it is looked for, and
    /// tried again at another address, or with another certificate.
    pub(crate) async fn connect(&self, deadline: Duration) -> io::Result<Box<dyn Duplex>> {
        let known = self.lock().clone();
        let error = match within(deadline, &known).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        let is_news = |found: &Server| found.address != known.address || found.tls.is_some();
        let Some(found) = (self.find)().filter(is_news) else { return Err(error) };
        let stream = within(deadline, &found).await?;
        *self.lock() = found;
        Ok(stream)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

async fn within(deadline: Duration, server: &Server) -> io::Result<Box<dyn Duplex>> {
    let connected = timeout(deadline, server.connect()).await;
    connected.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
}
