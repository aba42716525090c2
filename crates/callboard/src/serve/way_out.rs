//! The ways out, of callbacks and of pulls: whom they trust, what they show of themselves, and what
//! they go through. Pulls use the same proxy and authorities; our certificate is for receivers only.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use egress::{Client, Limits, Policy, SystemResolver, Tls, Trust};

use crate::config::Config;
use crate::config::settings::AuthoritiesOf;
use crate::failure::{Exit, Failure, chain};

/// The client that PUSH sends with.
pub(super) fn client(config: &Config, policy: &Policy) -> Result<Client, Failure> {
    made(config, policy, tls(config)?)
}

/// The client that pulls fetch with.
pub(super) fn puller(config: &Config, policy: &Policy) -> Result<Client, Failure> {
    made(config, policy, authorities(config)?.into())
}

fn made(config: &Config, policy: &Policy, tls: Tls) -> Result<Client, Failure> {
    let resolver = Arc::new(SystemResolver::default());
    // whoever is called again finds the connection that served it last
    let limits = Limits { idle_max: config.push.in_flight, ..Limits::default() };
    let client = Client::new(policy.clone(), resolver, tls, limits);
    let client = client.map_err(|error| refuse(OWN, &error.to_string()))?;
    Ok(match &config.proxy {
        Some(proxy) => client.through(proxy.clone()),
        None => client,
    })
}

/// The settings of our certificate.
const OWN: &str = "push.client_certificate, push.client_key";

fn refuse(setting: &str, reason: &str) -> Failure {
    Failure::new(Exit::Config, format!("{setting}: {reason}"))
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| refuse(setting, &format!("{}: {error}", path.display())))
}

fn authorities(config: &Config) -> Result<Trust, Failure> {
    let push = &config.push;
    let mut trust = match push.roots {
        AuthoritiesOf::Mozilla => Trust::default(),
        AuthoritiesOf::System => {
            Trust::system().map_err(|error| refuse("push.roots", &chain(&error)))?
        }
    };
    if !push.ca_file.as_os_str().is_empty() {
        let pem = read("push.ca_file", &push.ca_file)?;
        let file = push.ca_file.display();
        let why = |error| refuse("push.ca_file", &format!("{file}: {}", chain(&error)));
        trust.add_pem(&pem).map_err(why)?;
    }
    Ok(trust)
}

fn tls(config: &Config) -> Result<Tls, Failure> {
    let push = &config.push;
    let mut tls = Tls::from(authorities(config)?);
    if !push.client_certificate.as_os_str().is_empty() {
        let certificate = read("push.client_certificate", &push.client_certificate)?;
        let key = read("push.client_key", &push.client_key)?;
        tls.set_own(&certificate, &key).map_err(|error| refuse(OWN, &chain(&error)))?;
    }
    Ok(tls)
}
