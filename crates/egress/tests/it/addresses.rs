//! The policy as a table: every way to write an address that leads inside.

use egress::{Cidr, Class, Policy, Refusal, classify};
use proptest::prelude::*;
use url::Url;

/// Hosts that the strictest policy refuses, each with the class that it must be refused for.
pub(crate) const HOSTILE: &[(&str, Class)] = &[
    // loopback, in every spelling that reaches it
    ("127.0.0.1", Class::Loopback),
    ("127.0.0.2", Class::Loopback),
    ("127.255.255.254", Class::Loopback),
    ("127.1", Class::Loopback),
    ("127.0.1", Class::Loopback),
    ("2130706433", Class::Loopback),
    ("0x7f000001", Class::Loopback),
    ("0x7f.0.0.1", Class::Loopback),
    ("0177.0.0.1", Class::Loopback),
    ("017700000001", Class::Loopback),
    ("0x7f.1", Class::Loopback),
    ("127.0.0.1.", Class::Loopback),
    ("127%2e0.0.1", Class::Loopback),
    ("１２７.0.0.1", Class::Loopback),
    ("127。0。0。1", Class::Loopback),
    ("localhost", Class::Loopback),
    ("LOCALHOST", Class::Loopback),
    ("localhost.", Class::Loopback),
    ("a.localhost", Class::Loopback),
    ("[::1]", Class::Loopback),
    ("[0:0:0:0:0:0:0:1]", Class::Loopback),
    // this host
    ("0.0.0.0", Class::Unspecified),
    ("0", Class::Unspecified),
    ("0x0", Class::Unspecified),
    ("0.1.2.3", Class::Unspecified),
    ("[::]", Class::Unspecified),
    // private
    ("10.0.0.1", Class::Private),
    ("10.255.255.255", Class::Private),
    ("167772161", Class::Private),
    ("012.0.0.1", Class::Private),
    ("172.16.0.1", Class::Private),
    ("172.31.255.255", Class::Private),
    ("192.168.0.1", Class::Private),
    ("192.168.257", Class::Private),
    ("0xc0a80101", Class::Private),
    ("[fc00::1]", Class::Private),
    ("[fdff:ffff::1]", Class::Private),
    // link-local and shared
    ("169.254.1.1", Class::LinkLocal),
    ("[fe80::1]", Class::LinkLocal),
    ("[febf::1]", Class::LinkLocal),
    ("[fec0::1]", Class::LinkLocal),
    ("100.64.0.1", Class::SharedCgnat),
    ("100.127.255.255", Class::SharedCgnat),
    // metadata
    ("169.254.169.254", Class::Metadata),
    ("2852039166", Class::Metadata),
    ("0xa9fea9fe", Class::Metadata),
    ("0251.0376.0251.0376", Class::Metadata),
    ("169.254.43518", Class::Metadata),
    ("169.254.170.2", Class::Metadata),
    ("169.254.0.23", Class::Metadata),
    ("169.254.42.42", Class::Metadata),
    ("100.100.100.200", Class::Metadata),
    ("168.63.129.16", Class::Metadata),
    ("192.0.0.192", Class::Metadata),
    ("[fd00:ec2::254]", Class::Metadata),
    ("[fd20:ce::254]", Class::Metadata),
    // multicast and broadcast
    ("224.0.0.1", Class::Multicast),
    ("239.255.255.250", Class::Multicast),
    ("255.255.255.255", Class::Multicast),
    ("[ff02::1]", Class::Multicast),
    // reserved
    ("192.0.0.1", Class::Reserved),
    ("192.0.2.1", Class::Reserved),
    ("192.88.99.1", Class::Reserved),
    ("198.18.0.1", Class::Reserved),
    ("198.19.255.255", Class::Reserved),
    ("198.51.100.1", Class::Reserved),
    ("203.0.113.1", Class::Reserved),
    ("240.0.0.1", Class::Reserved),
    ("[2001:db8::1]", Class::Reserved),
    ("[2001:2::1]", Class::Reserved),
    ("[2001:20::1]", Class::Reserved),
    ("[3fff::1]", Class::Reserved),
    ("[5f00::1]", Class::Reserved),
    ("[100::1]", Class::Reserved),
    ("[4000::1]", Class::Reserved),
    // an IPv4 address inside an IPv6 one
    ("[::ffff:127.0.0.1]", Class::Embedded),
    ("[::ffff:7f00:1]", Class::Embedded),
    ("[::ffff:169.254.169.254]", Class::Embedded),
    ("[::ffff:8.8.8.8]", Class::Embedded),
    ("[::127.0.0.1]", Class::Embedded),
    ("[::ffff:0:127.0.0.1]", Class::Embedded),
    ("[64:ff9b::7f00:1]", Class::Embedded),
    ("[64:ff9b::10.0.0.1]", Class::Embedded),
    ("[64:ff9b:1::a00:1]", Class::Embedded),
    ("[2002:7f00:1::]", Class::Embedded),
    ("[2002:a9fe:a9fe::1]", Class::Embedded),
    ("[2001::1]", Class::Embedded),
];

/// Hosts that hide an address behind a zone, a NUL or brackets. No URL has such a host.
const MALFORMED: &[&str] = &[
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[fe80::1%251]",
    "[fe80::1%1]",
    "[fe80::1%25]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::%25eth0]",
    "[ff02::1%25eth0]",
    "[fd00::1%25eth0]",
    "[fd00:ec2::254%25eth0]",
    "[::ffff:127.0.0.1%25lo]",
    "[::ffff:169.254.169.254%25eth0]",
    "[64:ff9b::7f00:1%25eth0]",
    "[2606:4700::1111%25eth0]",
    "[fe80::1]%25eth0",
    "fe80::1%25eth0",
    "127.0.0.1%25lo",
    "127.0.0.1%00",
    "127.0.0.1%00.example.com",
    "127.0.0.1%20",
    "[127.0.0.1]",
    "[localhost]",
    "[v1.127.0.0.1]",
    "[::1",
    "::1",
    "127.0.0.0x100",
    "256.0.0.1",
    "4294967296",
    "1.2.3.4.5",
];

fn url(host: &str) -> Url {
    Url::parse(&format!("http://{host}:8080/hook")).unwrap()
}

fn refusal(policy: &Policy, host: &str) -> Option<Refusal> {
    policy.check_url(&url(host)).err()
}

fn allowing(blocks: &[&str]) -> Policy {
    let allow = blocks.iter().map(|block| block.parse::<Cidr>().unwrap()).collect();
    Policy { allow, ..Policy::default() }
}

#[test]
fn every_hostile_spelling_is_refused() {
    assert!(HOSTILE.len() >= 60);
    for &(host, expected) in HOSTILE {
        match refusal(&Policy::default(), host) {
            Some(Refusal::Address { class, .. }) => assert_eq!(class, expected, "{host}"),
            other => panic!("{host}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_host_is_no_target() {
    for host in MALFORMED {
        let parsed = Url::parse(&format!("http://{host}:8080/hook"));
        assert!(parsed.is_err(), "{host}: {parsed:?}");
    }
}

#[test]
fn public_addresses_and_names_pass() {
    let hosts = [
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "169.253.255.255",
        "223.255.255.255",
        "192.167.255.255",
        "[2001:200::1]",
        "[2606:4700::1111]",
        "[2a00:1450::1]",
        "example.com",
        "a.b-c.example",
        "localhost.example.com",
        "notlocalhost",
        "xn--fiqs8s.example",
    ];
    for host in hosts {
        assert_eq!(refusal(&Policy::default(), host), None, "{host}");
    }
}

#[test]
fn the_parts_around_the_host_are_checked() {
    let check = |text: &str| Policy::default().check_url(&Url::parse(text).unwrap()).err();
    assert_eq!(check("ftp://example.com/"), Some(Refusal::Scheme));
    assert_eq!(check("file:///etc/passwd"), Some(Refusal::Scheme));
    assert_eq!(check("gopher://example.com/"), Some(Refusal::Scheme));
    assert_eq!(check("data:,x"), Some(Refusal::Scheme));
    assert_eq!(check("http://user@example.com/"), Some(Refusal::UserInfo));
    assert_eq!(check("http://:secret@example.com/"), Some(Refusal::UserInfo));
    assert_eq!(check("http://example.com:0/"), Some(Refusal::PortZero));
    assert_eq!(check("http://example.com@127.0.0.1/"), Some(Refusal::UserInfo));
    let strict = Policy { https_only: true, ..Policy::default() };
    assert_eq!(strict.check_url(&url("example.com")), Err(Refusal::PlainHttp));
    assert_eq!(strict.check_url(&Url::parse("https://example.com/").unwrap()), Ok(()));
}

#[test]
fn allowing_loopback_allows_nothing_else() {
    let policy = Policy { allow_loopback: true, ..Policy::default() };
    for &(host, class) in HOSTILE {
        assert_eq!(refusal(&policy, host).is_none(), class == Class::Loopback, "{host}");
    }
}

#[test]
fn an_allowed_block_opens_that_block_only() {
    let policy = allowing(&["10.1.0.0/16", "fd00:1::/32"]);
    assert_eq!(refusal(&policy, "10.1.2.3"), None);
    assert_eq!(refusal(&policy, "[fd00:1::5]"), None);
    assert!(refusal(&policy, "10.2.0.1").is_some());
    assert!(refusal(&policy, "[::ffff:10.1.2.3]").is_some());
    assert!(refusal(&policy, "[2002:a01:203::]").is_some());
}

#[test]
fn even_everything_allowed_is_not_everything() {
    let policy = allowing(&["0.0.0.0/0", "::/0"]);
    for &(host, class) in HOSTILE {
        let never = matches!(class, Class::Unspecified | Class::Multicast | Class::Metadata);
        let inner = ["[::ffff:169.254.169.254]", "[2002:a9fe:a9fe::1]"].contains(&host);
        assert_eq!(refusal(&policy, host).is_some(), never || inner, "{host}");
    }
    assert_eq!(refusal(&allowing(&["169.254.169.254"]), "169.254.169.254"), None);
}

#[test]
fn the_message_says_what_and_whether_a_setting_helps() {
    let refused = refusal(&Policy::default(), "0x7f.1").unwrap();
    assert_eq!(refused.to_string(), "127.0.0.1 is a loopback address");
    for setting in ["push.allow_targets", "media.pull_allow_targets"] {
        assert_eq!(refused.remedy(setting), Some(format!("`{setting}` can allow it")));
        assert_eq!(refusal(&Policy::default(), "224.0.0.1").unwrap().remedy(setting), None);
        assert!(Refusal::PlainHttp.remedy(setting).unwrap().contains("push.https_only"));
    }
}

#[test]
fn our_own_listeners_are_never_a_target() {
    let policy = Policy {
        allow_loopback: true,
        allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
        forbidden: vec!["127.0.0.1:8080".parse().unwrap(), "[::]:8081".parse().unwrap()],
        ..Policy::default()
    };
    let own = |text: &str| {
        matches!(policy.check_url(&Url::parse(text).unwrap()), Err(Refusal::OwnListener(_)))
    };
    assert!(own("http://127.0.0.1:8080/"));
    assert!(own("http://2130706433:8080/"));
    assert!(own("http://localhost:8080/"));
    assert!(own("http://[::ffff:127.0.0.1]:8080/"));
    assert!(own("http://[::1]:8081/"));
    assert!(own("http://127.9.9.9:8081/"));
    assert!(!own("http://127.0.0.1:8082/"));
    assert!(!own("http://127.0.0.2:8080/"));
}

proptest! {
    #[test]
    fn whatever_passes_is_public_unicast(bits: u32) {
        let address = std::net::Ipv4Addr::from(bits);
        if classify(address.into()).is_none() {
            let [a, b, ..] = address.octets();
            prop_assert!(!address.is_private() && !address.is_loopback() && !address.is_link_local());
            prop_assert!(!address.is_multicast() && !address.is_documentation());
            prop_assert!(a != 0 && a < 224 && !(a == 100 && (64..128).contains(&b)));
        }
    }

    #[test]
    fn no_ipv6_form_of_an_ipv4_address_passes(bits: u32) {
        let v4 = std::net::Ipv4Addr::from(bits);
        prop_assert!(classify(v4.to_ipv6_mapped().into()).is_some());
        prop_assert!(classify(v4.to_ipv6_compatible().into()).is_some());
        let nat64 = (0x0064_ff9bu128 << 96) | u128::from(bits);
        prop_assert!(classify(std::net::Ipv6Addr::from(nat64).into()).is_some());
        let six_to_four = (0x2002u128 << 112) | (u128::from(bits) << 80);
        prop_assert!(classify(std::net::Ipv6Addr::from(six_to_four).into()).is_some());
    }
}
