//! The store against real files: what is promised by `queue::Backend` and by the design's section 6.

#[cfg(test)]
mod clock;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod leasing;
#[cfg(test)]
mod listings;
#[cfg(test)]
mod log;
#[cfg(test)]
mod model;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod random;
#[cfg(test)]
mod records;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod wal;
