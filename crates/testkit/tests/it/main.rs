//! The harness itself: what it promises to other tests.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod program;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod soak;
