//! `callboard run`: starts a program so that it reaches Callboard instead of Tencent.
//!
//! The proxy lives as long as the program. Nothing is left behind but the authority in the data
//! directory; what the program reads of ours is in a temporary directory that goes with it.

pub mod authority;
mod bundle;
mod child;
mod surroundings;

use std::net::SocketAddr;
use std::sync::Arc;

use client::Endpoint;
use intercept::{BindError, Deadlines, FindAgain, Note, Proxy, Server, Settings};
use tokio_util::sync::CancellationToken;

use self::child::Child;
use self::surroundings::Surroundings;
use super::find::{self, Whereabouts};
use crate::args::Run;
use crate::clock;
use crate::config::{self, Environment};
use crate::failure::{Exit, Failure};
use crate::out;

/// Runs the program to its end. Fails with [`Exit::Program`] unless that was a success.
pub async fn run(args: &Run, environment: &Environment) -> Result<(), Failure> {
    let found = find::server(&args.server, environment)?;
    let address: SocketAddr = args.proxy.parse().map_err(|_not_an_address| {
        let text = format!("--proxy: `{}` is not an address such as 127.0.0.1:8899", args.proxy);
        Failure::new(Exit::Usage, text)
    })?;
    let now = clock::wall();
    let authority = authority::of(&find::data(&args.server.file, environment)?, now)?;
    // what the program is handed may be at the server's own address, with its own certificate
    let believed = authority.certificate_pem().to_owned() + &found.believed;
    let endpoint = &found.endpoint;
    let settings = Settings {
        server: reached(&found)?,
        find_again: find_again(args, environment),
        authority,
        now,
        deadlines: Deadlines::default(),
        pass_through: args.pass_through,
        tell: Arc::new({
            let endpoint = endpoint.clone();
            move |note: &Note| tell(note, &endpoint)
        }),
    };
    let proxy = Proxy::bind(address, settings).await.map_err(|error| match error {
        BindError::NotLoopback(_) => Failure::new(Exit::Usage, format!("--proxy: {error}")),
        BindError::Io { .. } => Failure::new(Exit::Io, error.to_string()),
    })?;
    let surroundings = Surroundings::make(proxy.address(), endpoint, &believed, config::inherited)
        .map_err(|error| Failure::io("the program's surroundings", &error))?;

    let mut child = Child::start(&args.command, &surroundings)?;
    let stop = CancellationToken::new();
    let ended = async {
        let ended = child.wait().await;
        stop.cancel();
        ended
    };
    let (ended, ()) = tokio::join!(ended, proxy.serve(stop.clone()));
    if let Err(error) = surroundings.remove() {
        out::note(format_args!("callboard run: a temporary directory stays: {error}"));
    }
    match ended? {
        0 => Ok(()),
        code => Err(Failure::new(Exit::Program(code), "")),
    }
}

/// The server as the proxy reaches it.
fn reached(found: &Whereabouts) -> Result<Server, Failure> {
    let (host, address) = address_of(&found.endpoint);
    if !found.endpoint.is_https() {
        return Ok(Server::plain(address));
    }
    let secure = Server::secure(address, &host, found.trust.clone());
    secure.map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", found.endpoint)))
}

/// Looks for the server as the start did: its data directory tells where it is now.
fn find_again(args: &Run, environment: &Environment) -> FindAgain {
    let (server, environment) = (args.server.clone(), environment.clone());
    Arc::new(move || {
        let found = find::server(&server, &environment).ok()?;
        reached(&found).ok()
    })
}

/// The host without brackets, and `host:port` as it is connected to.
fn address_of(endpoint: &Endpoint) -> (String, String) {
    let authority = endpoint.authority();
    let split = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    let host = split.map_or(authority, |(host, _)| host).trim_matches(['[', ']']).to_owned();
    let default = if endpoint.is_https() { 443 } else { 80 };
    let address = split.map_or_else(|| format!("{authority}:{default}"), |_| authority.to_owned());
    (host, address)
}

/// Words for the user, on standard error beside those of the program.
fn tell(note: &Note, endpoint: &Endpoint) {
    match note {
        Note::Refused { host } => {
            out::note(format_args!("callboard run: {}", intercept::refusal(host)));
        }
        Note::Unreachable { reason } => out::note(format_args!(
            "callboard run: cannot reach {endpoint}: {reason}; is `callboard serve` running?"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_port_means_that_of_its_scheme() {
        let of = |text: &str| address_of(&text.parse().unwrap());
        let pair = |host: &str, address: &str| (host.to_owned(), address.to_owned());
        assert_eq!(of("http://127.0.0.1:8800"), pair("127.0.0.1", "127.0.0.1:8800"));
        assert_eq!(
            of("http://callboard.internal"),
            pair("callboard.internal", "callboard.internal:80")
        );
        assert_eq!(
            of("https://callboard.internal"),
            pair("callboard.internal", "callboard.internal:443")
        );
        assert_eq!(of("http://[::1]:8800"), pair("::1", "[::1]:8800"));
        assert_eq!(of("https://[::1]"), pair("::1", "[::1]:443"));
    }
}
