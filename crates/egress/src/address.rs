//! What kind of address an address is: public, or one of the many kinds that lead somewhere inside.
//!
//! The tables follow the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its
//! successors), the multicast blocks, and the addresses at which cloud providers serve credentials
//! to the machine itself. Everything outside the global unicast block `2000::/3` counts as reserved.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// `0.0.0.0/8`, `::`: this host, whatever it is.
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// RFC 1918 and unique local addresses.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`, `fec0::/10`.
    LinkLocal,
    /// `100.64.0.0/10`, a provider's inside.
    SharedCgnat,
    /// One machine's cloud provider, giving out its credentials.
    Metadata,
    /// To many machines at once, or all.
    Multicast,
    /// Documentation, benchmarks, protocol assignments, unallocated.
    Reserved,
    /// An IPv6 address that stands for an IPv4 one: mapped, compatible, 6to4, NAT64, Teredo.
    Embedded,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::SharedCgnat => "a shared (carrier-grade NAT) address",
            Self::Metadata => "a cloud metadata address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
            Self::Embedded => "an IPv6 form of an IPv4 address",
        })
    }
}

/// Single addresses at which a machine finds its provider's metadata or agent.
const METADATA_V4: [Ipv4Addr; 8] = [
    Ipv4Addr::new(169, 254, 169, 254), // AWS, GCP, Azure, OpenStack and many more
    Ipv4Addr::new(169, 254, 170, 2),   // AWS ECS task credentials
    Ipv4Addr::new(169, 254, 170, 23),  // AWS EKS pod credentials
    Ipv4Addr::new(169, 254, 42, 42),   // Scaleway
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent Cloud
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba Cloud
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's host agent, in a public block
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle Cloud
];

/// The same in IPv6.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),  // AWS EKS pod credentials
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // GCP
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),   // Scaleway
];

const fn v4(a: u8, b: u8, c: u8, prefix: u32, class: Class) -> (Ipv4Addr, u32, Class) {
    (Ipv4Addr::new(a, b, c, 0), prefix, class)
}

/// IPv4 blocks that are not public.
const BLOCKS_V4: [(Ipv4Addr, u32, Class); 16] = [
    v4(0, 0, 0, 8, Class::Unspecified),
    v4(10, 0, 0, 8, Class::Private),
    v4(100, 64, 0, 10, Class::SharedCgnat),
    v4(127, 0, 0, 8, Class::Loopback),
    v4(169, 254, 0, 16, Class::LinkLocal),
    v4(172, 16, 0, 12, Class::Private),
    v4(192, 0, 0, 24, Class::Reserved), // IETF protocol assignments
    v4(192, 0, 2, 24, Class::Reserved), // documentation
    v4(192, 88, 99, 24, Class::Reserved), // 6to4 relays, withdrawn
    v4(192, 168, 0, 16, Class::Private),
    v4(198, 18, 0, 15, Class::Reserved),   // benchmarks
    v4(198, 51, 100, 24, Class::Reserved), // documentation
    v4(203, 0, 113, 24, Class::Reserved),  // documentation
    v4(224, 0, 0, 4, Class::Multicast),
    v4(240, 0, 0, 4, Class::Reserved),
    (Ipv4Addr::BROADCAST, 32, Class::Multicast),
];

const fn v6(start: [u16; 6], prefix: u32, class: Class) -> (Ipv6Addr, u32, Class) {
    let [first, second, third, fourth, fifth, sixth] = start;
    (Ipv6Addr::new(first, second, third, fourth, fifth, sixth, 0, 0), prefix, class)
}

/// IPv6 blocks that are not public, the narrower before the wider.
const BLOCKS_V6: [(Ipv6Addr, u32, Class); 17] = [
    (Ipv6Addr::UNSPECIFIED, 128, Class::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Class::Loopback),
    v6([0, 0, 0, 0, 0, 0], 96, Class::Embedded), // IPv4-compatible
    v6([0, 0, 0, 0, 0, 0xffff], 96, Class::Embedded), // IPv4-mapped
    v6([0, 0, 0, 0, 0xffff, 0], 96, Class::Embedded), // IPv4-translated
    v6([0x64, 0xff9b, 0, 0, 0, 0], 96, Class::Embedded), // NAT64
    v6([0x64, 0xff9b, 1, 0, 0, 0], 48, Class::Embedded), // NAT64, local use
    v6([0x2001, 0, 0, 0, 0, 0], 32, Class::Embedded), // Teredo
    v6([0x2001, 0, 0, 0, 0, 0], 23, Class::Reserved), // IETF protocol assignments
    v6([0x2001, 0xdb8, 0, 0, 0, 0], 32, Class::Reserved), // documentation
    v6([0x2002, 0, 0, 0, 0, 0], 16, Class::Embedded), // 6to4
    v6([0x3fff, 0, 0, 0, 0, 0], 20, Class::Reserved), // documentation
    v6([0xfc00, 0, 0, 0, 0, 0], 7, Class::Private),
    v6([0xfe80, 0, 0, 0, 0, 0], 10, Class::LinkLocal),
    v6([0xfec0, 0, 0, 0, 0, 0], 10, Class::LinkLocal), // site-local, withdrawn
    v6([0xff00, 0, 0, 0, 0, 0], 8, Class::Multicast),
    v6([0x5f00, 0, 0, 0, 0, 0], 16, Class::Reserved), // segment routing
];

/// The class of an address; none: it is public.
pub fn classify(address: IpAddr) -> Option<Class> {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Option<Class> {
    if METADATA_V4.contains(&address) {
        return Some(Class::Metadata);
    }
    let bits = u32::from(address);
    // the last entry is the narrowest of the multicast and reserved ones, so it is asked first
    BLOCKS_V4
        .iter()
        .rev()
        .find(|&&(base, prefix, _)| (bits ^ u32::from(base)) >> (32 - prefix) == 0)
        .map(|&(_, _, class)| class)
}

fn classify_v6(address: Ipv6Addr) -> Option<Class> {
    if METADATA_V6.contains(&address) {
        return Some(Class::Metadata);
    }
    let bits = u128::from(address);
    let global_unicast = bits >> 125 == 0b001;
    BLOCKS_V6
        .iter()
        .find(|&&(base, prefix, _)| (bits ^ u128::from(base)) >> (128 - prefix) == 0)
        .map(|&(_, _, class)| class)
        .or((!global_unicast).then_some(Class::Reserved))
}

/// The IPv4 address that an IPv6 address of [`Class::Embedded`] stands for. A Teredo address or one
/// of the local NAT64 prefix, whose layout the operator chooses, has none that could be told.
pub fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x2002, high, low, ..]
        | [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        _ => None,
    }
}
