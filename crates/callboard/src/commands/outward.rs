//! The way to a receiver that the user of this machine named: for `listen` and `drill`.

use std::sync::Arc;

use egress::{Client, Limits, Policy, SystemResolver, Trust};
use url::Url;

use crate::failure::{Exit, Failure};

/// A client for that receiver, and its address. Whoever gives the address sits at this machine and
/// can reach what it reaches, so loopback and private addresses are allowed; `flag` is how it was
/// given.
pub fn receiver(flag: &str, url: &str, trust: Trust) -> Result<(Client, Url), Failure> {
    let refuse = |reason: String| {
        let hint = "write http://localhost:3000/hook";
        Failure::new(Exit::Usage, format!("{flag} `{url}`: {reason}; {hint}"))
    };
    let parsed = Url::parse(url).map_err(|error| refuse(error.to_string()))?;
    let everywhere = ["0.0.0.0/0", "::/0"].into_iter();
    let policy = Policy {
        allow: everywhere.filter_map(|block| block.parse().ok()).collect(),
        allow_loopback: true,
        ..Policy::default()
    };
    policy.check_url(&parsed).map_err(|error| refuse(error.to_string()))?;
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(policy, resolver, trust.into(), Limits::default())
        .map_err(|error| Failure::new(Exit::Config, format!("TLS cannot be set up: {error}")))?;
    Ok((client, parsed))
}
