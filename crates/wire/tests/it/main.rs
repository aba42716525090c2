//! The wire from outside: golden bytes, the spec as judge, and properties of the parameters.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod events;
#[cfg(test)]
mod flat;
#[cfg(test)]
mod params;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod samples;
