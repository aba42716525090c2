//! Whatever is signed verifies, and whatever is changed does not.

use proptest::collection::vec;
use proptest::prelude::*;
use sign::cos::{self, CosAuthorization, CosSigner};
use sign::seal::{self, MasterKey, Purpose};
use sign::tc3::{self, Signer, Tc3Authorization};
use sign::v1::{self, Method, Names};

use crate::data::Message;

const KEY: &str = "key";

fn message() -> impl Strategy<Value = Message> {
    let parts = (
        prop_oneof![Just("GET"), Just("POST")],
        "[a-z]{1,9}\\.test(:[0-9]{1,5})?",
        "(/[A-Za-z0-9]{1,6}(%20)?){1,3}",
        "([A-Za-z]{1,5}(\\.[0-9])?=[A-Za-z0-9+]{0,6}){0,1}",
        "[a-z]{1,9}/[a-z]{1,9}",
        vec(any::<u8>(), 0..200),
        0_i64..4_000_000_000,
    );
    parts.prop_map(|(method, host, path, query, content_type, body, timestamp)| Message {
        method: method.to_owned(),
        authority: None,
        path,
        query,
        headers: vec![
            ("Host".to_owned(), host.into_bytes()),
            ("Content-Type".to_owned(), content_type.into_bytes()),
            ("X-TC-Timestamp".to_owned(), timestamp.to_string().into_bytes()),
        ],
        body,
    })
}

fn flip(bytes: &mut [u8], at: prop::sample::Index, bit: u8) {
    if !bytes.is_empty() {
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
    }
}

proptest! {
    #[test]
    fn tc3_round_trips_and_notices_a_bit(
        message in message(),
        service in "[a-z0-9.:]{1,12}",
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let timestamp_s = message.lend(tc3::timestamp).unwrap();
        let signer = Signer { secret_id: "id", secret_key: KEY, service: &service, timestamp_s };
        let value = message.lend(|request| tc3::sign(request, &signer));
        let claim = Tc3Authorization::parse(&value).unwrap();
        let check = |message: &Message, claim: &Tc3Authorization| {
            message.lend(|request| tc3::verify(request, claim, KEY, &[]))
        };
        prop_assert!(check(&message, &claim));
        let mut changed = message.clone();
        flip(&mut changed.body, at, bit);
        prop_assert!(changed == message || !check(&changed, &claim));
        let mut forged = claim.clone().signature.into_bytes();
        flip(&mut forged, at, bit & 3);
        let forged = Tc3Authorization { signature: String::from_utf8(forged).unwrap(), ..claim };
        prop_assert!(!check(&message, &forged));
    }

    #[test]
    fn v1_round_trips_and_notices_a_bit(
        message in message(),
        values in proptest::collection::btree_map("[A-Z][a-z_]{1,4}", vec(any::<u8>(), 0..20), 1..8),
        sha256 in any::<bool>(),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let method = if sha256 { Method::HmacSha256 } else { Method::HmacSha1 };
        let mut params: Vec<(String, Vec<u8>)> = values.into_iter().collect();
        params.push(("SignatureMethod".to_owned(), method.name().into()));
        let host = message.text("host").unwrap();
        let signature = v1::sign(method, KEY, &message.method, host, &params);
        params.push(("Signature".to_owned(), signature.into_bytes()));
        let check = |params: &[(String, Vec<u8>)], names| {
            message.lend(|request| v1::verify(request, params, KEY, &[], names))
        };
        prop_assert!(check(&params, Names::AsSent));
        prop_assert!(check(&params, Names::AsSentOrDotted));
        let mut changed = params.clone();
        let which = which.index(params.len() - 1);
        flip(&mut changed[which].1, at, bit);
        prop_assert!(changed == params || !check(&changed, Names::AsSent));
    }

    #[test]
    fn cos_round_trips_in_header_and_query(message in message(), end_s in 0_i64..4_000_000_000) {
        let signer = CosSigner {
            secret_id: "id",
            secret_key: KEY,
            start_s: end_s.saturating_sub(900).max(0),
            end_s,
            headers: &["Host", "content-type", "absent"],
        };
        let claim = message.lend(|request| cos::sign(request, &signer));
        prop_assert_eq!(&claim.header_list, &["content-type", "host"]);
        let sent = CosAuthorization::parse(&claim.to_header()).unwrap();
        prop_assert_eq!(&sent, &claim);
        prop_assert!(message.lend(|request| cos::verify(request, &sent, KEY)));
        prop_assert!(!message.lend(|request| cos::verify(request, &sent, "other")));
        let query = [message.query.as_str(), &claim.to_query()].join("&");
        let presigned = Message { query, ..message };
        let sent = CosAuthorization::from_query(&presigned.query).unwrap().unwrap();
        prop_assert!(presigned.lend(|request| cos::verify(request, &sent, KEY)));
        prop_assert_eq!(sent.check_window(end_s), Ok(()));
        prop_assert!(sent.check_window(end_s + 1).is_err());
    }

    #[test]
    fn sealing_round_trips_and_notices_a_bit(
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 24]>(),
        plaintext in vec(any::<u8>(), 0..100),
        (what, id) in ("[a-z]{0,8}", "[a-z]{0,8}"),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let master = MasterKey::from_bytes(key);
        let purpose = Purpose { what: &what, id: &id };
        let mut sealed = seal::seal(&master, &nonce, purpose, &plaintext);
        let opened = seal::open(&master, purpose, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
        flip(&mut sealed, at, bit);
        prop_assert!(seal::open(&master, purpose, &sealed).is_err());
    }
}
