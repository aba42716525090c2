//! Which network addresses play a signed address that only a few may (`rlimit`).
//!
//! Kept in memory: after a restart everybody counts anew. Behind a proxy all come from the proxy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use model::limits;

/// Who plays what.
#[derive(Debug, Default)]
pub(crate) struct Viewers(Mutex<HashMap<String, Few>>);

#[derive(Debug)]
struct Few {
    /// When nobody may play any more.
    ends_s: i64,
    peers: Vec<IpAddr>,
}

impl Viewers {
    /// Whether that address is one of the first `limit` that play. `signed` is a signature and when it ends.
    pub(crate) fn admit(
        &self,
        (sign, ends_s): (&str, i64),
        peer: IpAddr,
        limit: usize,
        now_s: i64,
    ) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::VIEWED_ADDRESSES_MAX && !all.contains_key(sign) {
            all.retain(|_, few| few.ends_s >= now_s);
            if all.len() >= limits::VIEWED_ADDRESSES_MAX {
                // to forget who has played lets more play than allowed; to refuse would let nobody
                all.clear();
            }
        }
        let few = all.entry(sign.to_owned()).or_insert(Few { ends_s, peers: Vec::new() });
        if few.peers.contains(&peer) {
            return true;
        }
        if few.peers.len() >= limit {
            return false;
        }
        few.peers.push(peer);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_play_and_go_on() {
        let viewers = Viewers::default();
        let peer = |last: u8| IpAddr::from([10, 0, 0, last]);
        let admits = |sign: &str, last: u8| viewers.admit((sign, 100), peer(last), 2, 50);
        assert!(admits("a", 1) && admits("a", 2) && admits("a", 1));
        assert!(!admits("a", 3) && admits("b", 3));
        for number in 2..limits::VIEWED_ADDRESSES_MAX {
            viewers.admit((&number.to_string(), 10), peer(1), 2, 5);
        }
        assert!(admits("c", 1) && !admits("a", 3), "what has ended makes room first");
        assert_eq!(viewers.0.lock().unwrap().len(), 3);
    }
}
