//! Counts that are small in every run and large in a soak: `./scripts/soak`.
//!
//! A test and its long version are one function; only the count differs, and it comes from here.

/// How many of `name` a test should do: `short`, or `long` in a soak (`CALLBOARD_SOAK` is set), or
/// what `CALLBOARD_SOAK_<NAME>` says, if it says a number.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration but the environment")]
pub fn count(name: &str, short: u64, long: u64) -> u64 {
    let own = std::env::var(format!("CALLBOARD_SOAK_{}", name.to_uppercase())).ok();
    match own.and_then(|text| text.parse().ok()) {
        Some(count) => count,
        None if std::env::var_os("CALLBOARD_SOAK").is_some() => long,
        None => short,
    }
}
