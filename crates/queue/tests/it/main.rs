//! The engine against a naive model of itself.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod found;
#[cfg(test)]
mod model;
