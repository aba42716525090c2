//! Where the spread of retries comes from.
//!
//! A trait, because the schedule is pure and tests want its delays to the millisecond.

use std::fmt::Debug;

/// Draws numbers in [0, 1).
pub trait Jitter: Debug + Send + Sync {
    /// The next number.
    fn draw(&self) -> f64;
}

/// The system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Jitter for Random {
    fn draw(&self) -> f64 {
        // without randomness retries are merely not spread
        let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Always the same number: for tests.
#[derive(Clone, Copy, Debug)]
pub struct Fixed(
    /// The number.
    pub f64,
);

impl Jitter for Fixed {
    fn draw(&self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_lie_in_range_and_differ() {
        let drawn: Vec<f64> = (0..100).map(|_| Random.draw()).collect();
        assert!(drawn.iter().all(|n| (0.0..1.0).contains(n)));
        assert!(drawn.iter().any(|n| *n < 0.5) && drawn.iter().any(|n| *n >= 0.5));
    }
}
