//! PUSH from a real store to real sockets: what a receiver sees, and what its misbehaviour costs.

// marked as tests, so that their shared functions may unwrap
#[cfg(test)]
mod answers;
#[cfg(test)]
mod bed;
#[cfg(test)]
mod circuit;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod running;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod telling;
