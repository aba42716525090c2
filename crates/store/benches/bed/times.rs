//! How long calls took.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct Times(pub(crate) Vec<Duration>);

impl Times {
    pub(crate) fn print(mut self, what: &str) {
        self.0.sort_unstable();
        let at = |share: usize| {
            let place = (self.0.len() * share / 100).min(self.0.len() - 1);
            self.0.get(place).unwrap().as_secs_f64() * 1_000.0
        };
        println!(
            "  {what:<32} {:>6} {:>7.2} {:>7.2} {:>7.2}",
            self.0.len(),
            at(50),
            at(99),
            at(100)
        );
    }
}
