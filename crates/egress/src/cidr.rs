//! Blocks of addresses in CIDR notation, as operators write them into an allow list.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of IPv4 or IPv6 addresses. The two families never match each other: `0.0.0.0/0` says
/// nothing about `::ffff:1.2.3.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    base: IpAddr,
    prefix: u8,
}

/// Why a text is no [`Cidr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash is no IP address.
    #[error("`{0}` is neither an IP address nor a block such as 10.0.0.0/8")]
    Address(String),
    /// The part after the slash is no number of bits, or too many for the family.
    #[error("`{0}` has no valid prefix length")]
    Prefix(String),
    /// The address has bits set beyond the prefix: most likely a slip, so it is not guessed at.
    #[error("`{0}` has bits set after the prefix")]
    HostBits(String),
}

impl Cidr {
    /// The block that holds that address alone.
    pub const fn single(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { base: address, prefix }
    }

    /// Whether the address lies in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4()
            && masked(address, self.prefix) == masked(self.base, self.prefix)
    }

    /// Whether the block is one address only.
    pub fn is_single(&self) -> bool {
        *self == Self::single(self.base)
    }
}

/// The address as a number of 128 bits (IPv4 in the upper 32) without the bits after the prefix.
fn masked(address: IpAddr, prefix: u8) -> u128 {
    let bits = match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
    bits & mask
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(base) = address.parse() else { return Err(CidrError::Address(text.to_owned())) };
        let whole = Self::single(base);
        let Some(prefix) = prefix else { return Ok(whole) };
        let bits = prefix.parse().ok().filter(|&bits| bits <= whole.prefix);
        let prefix = bits.ok_or_else(|| CidrError::Prefix(text.to_owned()))?;
        if masked(base, prefix) != masked(base, whole.prefix) {
            return Err(CidrError::HostBits(text.to_owned()));
        }
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(block: &str, address: &str) -> bool {
        block.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn blocks_hold_what_they_say() {
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("192.168.1.7", "192.168.1.7"));
        assert!(!contains("192.168.1.7", "192.168.1.8"));
        assert!(contains("0.0.0.0/0", "255.255.255.255"));
        assert!(contains("fd00::/8", "fdff::1"));
        assert!(!contains("fd00::/8", "fe00::1"));
        assert!(contains("::/0", "ffff::"));
    }

    #[test]
    fn families_do_not_mix() {
        assert!(!contains("0.0.0.0/0", "::ffff:1.2.3.4"));
        assert!(!contains("::/0", "1.2.3.4"));
    }

    #[test]
    fn slips_are_errors() {
        for bad in ["", "x", "10.0.0.0/", "10.0.0.0/33", "::1/129", "10.0.0.1/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        assert_eq!("10.0.0.0/8".parse::<Cidr>().unwrap().to_string(), "10.0.0.0/8");
    }
}
