//! The tests of crate `media`, in one binary to link once.

#[cfg(test)]
mod probe;
