//! The real binary as its users meet it: official clients, crashes, large uploads.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod ci;
#[cfg(test)]
mod circuits;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod clips;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod dying;
#[cfg(test)]
mod fairness;
#[cfg(test)]
mod filing;
#[cfg(test)]
mod flips;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod library;
#[cfg(test)]
mod live;
#[cfg(test)]
mod pulling;
#[cfg(test)]
mod room;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod unmodified;
#[cfg(test)]
mod upload;
#[cfg(test)]
mod way_out;

#[cfg(test)]
use testkit::process::Launch;

/// How to start the program that these tests were built with.
#[cfg(test)]
fn launch(config: impl Into<String>) -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_callboard")).config(config)
}
