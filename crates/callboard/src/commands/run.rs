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
use intercept::{BindError, Deadlines, Note, Proxy, Settings};
use tokio_util::sync::CancellationToken;

use self::child::Child;
use self::surroundings::Surroundings;
use super::find;
use crate::args::Run;
use crate::clock;
use crate::config::{self, Environment};
use crate::failure::{Exit, Failure};
use crate::out;

/// Runs the program to its end. Fails with [`Exit::Program`] unless that was a success.
pub async fn run(args: &Run, environment: &Environment) -> Result<(), Failure> {
    let endpoint = find::endpoint(&args.server, environment)?;
    let endpoint: Endpoint = endpoint
        .parse()
        .map_err(|error: client::EndpointError| Failure::new(Exit::Usage, error.to_string()))?;
    if endpoint.is_https() {
        let text = format!("`run` reaches servers without TLS only, and {endpoint} has it");
        return Err(Failure::new(Exit::Usage, text));
    }
    let address: SocketAddr = args.proxy.parse().map_err(|_not_an_address| {
        let text = format!("--proxy: `{}` is not an address such as 127.0.0.1:8899", args.proxy);
        Failure::new(Exit::Usage, text)
    })?;
    let now = clock::wall();
    let authority = authority::of(&find::data(&args.server.file, environment)?, now)?;
    let certificate = authority.certificate_pem().to_owned();
    let settings = Settings {
        server: address_of(&endpoint),
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
    let surroundings =
        Surroundings::make(proxy.address(), &endpoint, &certificate, config::inherited)
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

/// `host:port` as it is connected to.
fn address_of(endpoint: &Endpoint) -> String {
    let authority = endpoint.authority();
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port { authority.to_owned() } else { format!("{authority}:80") }
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
    fn an_endpoint_without_a_port_means_80() {
        let of = |text: &str| address_of(&text.parse().unwrap());
        assert_eq!(of("http://127.0.0.1:8800"), "127.0.0.1:8800");
        assert_eq!(of("http://callboard.internal"), "callboard.internal:80");
        assert_eq!(of("http://[::1]:8800"), "[::1]:8800");
        assert_eq!(of("http://[::1]"), "[::1]:80");
    }
}
