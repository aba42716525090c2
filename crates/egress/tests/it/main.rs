//! Egress against hostile addresses and real hostile receivers on the loopback interface.

// marked as tests, so that their shared functions may unwrap
#[cfg(test)]
mod addresses;
#[cfg(test)]
mod download;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod inward;
#[cfg(test)]
mod names;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod secure;
