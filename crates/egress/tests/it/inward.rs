//! Names that lead inside: to every address of the table, alone or beside public ones.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use egress::{Class, ExchangeError, Policy, Refusal};
use url::{Host, Url};

use crate::addresses::HOSTILE;
use crate::exchange::{loopback, named, request};
use crate::receiver::Receiver;

const URL: &str = "http://hook.example:8080/";
/// Two public addresses, which no test connects to: the worst one is found first.
const PUBLIC: [&str; 2] = ["192.0.43.7:8080", "[2606:4700::1111]:8080"];

fn public() -> [SocketAddr; 2] {
    PUBLIC.map(|address| address.parse().unwrap())
}

/// The addresses of the table that are literal.
fn table() -> Vec<(IpAddr, Class)> {
    let literal = |host: &str| match Url::parse(&format!("http://{host}/")).unwrap().host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
        Some(Host::Domain(_)) | None => None,
    };
    HOSTILE.iter().filter_map(|&(host, class)| Some((literal(host)?, class))).collect()
}

/// Sending to a name with these addresses, and merely connecting to it, is refused for that one.
async fn is_refused(addresses: &[SocketAddr], bad: SocketAddr, expected: Class) {
    let client = named(Policy::default(), "hook.example", addresses);
    let sent = client.exchange(request(URL, 5_000)).await.map(|_| ());
    let dialled = client.dial(&Url::parse(URL).unwrap(), Duration::from_secs(5)).await.map(|_| ());
    for result in [sent, dialled] {
        let Err(ExchangeError::Refused(Refusal::Address { address, class })) = result else {
            panic!("{addresses:?}: {result:?}");
        };
        assert_eq!((address, class), (bad.ip(), expected), "{addresses:?}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_any_of_them_is_refused() {
    let [first, second] = public();
    let mut classes = HashSet::new();
    for (address, class) in table() {
        let bad = SocketAddr::new(address, 8080);
        for addresses in [
            &[bad][..],
            &[bad, first, second],
            &[first, bad, second],
            &[first, second, bad],
            &[first, second, first, second, first, second, first, second, first, bad],
        ] {
            is_refused(addresses, bad, class).await;
        }
        classes.insert(class);
    }
    assert_eq!(classes.len(), 9, "every class has a name: {classes:?}");
}

/// A resolver may answer with a zone (`fe80::1%eth0` in `/etc/hosts`).
#[tokio::test]
async fn a_zone_changes_nothing() {
    for (text, class) in [
        ("fe80::1", Class::LinkLocal),
        ("::1", Class::Loopback),
        ("ff02::1", Class::Multicast),
        ("fd00:ec2::254", Class::Metadata),
        ("::ffff:10.0.0.1", Class::Embedded),
    ] {
        let zoned = SocketAddr::from(SocketAddrV6::new(text.parse().unwrap(), 8080, 7, 2));
        is_refused(&[zoned], zoned, class).await;
        is_refused(&[public()[0], zoned], zoned, class).await;
    }
}

/// With loopback allowed, as while the server listens there itself, the others stay shut.
#[tokio::test]
async fn loopback_opens_the_way_to_nothing_else() {
    let receiver = Receiver::start(|_, _| async {}).await;
    for (address, class) in table() {
        if class == Class::Loopback {
            continue;
        }
        let bad = SocketAddr::new(address, receiver.address.port());
        let client = named(loopback(), "hook.example", &[receiver.address, bad]);
        let result = client.exchange(request(URL, 5_000)).await;
        assert!(matches!(result, Err(ExchangeError::Refused(_))), "{bad}: {result:?}");
    }
    assert_eq!(receiver.connections(), 0);
}
