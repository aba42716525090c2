//! The test vectors of the public documentation, and the spellings of hand-written clients.

use sign::SignedRequest;
use sign::tc3::{self, Signer, Tc3Authorization};
use sign::v1::{self, Method, Names};

const KEY: &str = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
const ID: &str = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
const BODY: &str =
    r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;
const TYPE: (&str, &[u8]) = ("Content-Type", b"application/json; charset=utf-8");
const HOST: (&str, &[u8]) = ("Host", b"cvm.tencentcloudapi.com");
const TIME: (&str, &[u8]) = ("X-TC-Timestamp", b"1551113065");

fn post<'a>(headers: &'a [(&'a str, &'a [u8])]) -> SignedRequest<'a> {
    SignedRequest {
        method: "POST",
        authority: None,
        path: "/",
        query: "",
        headers,
        body: BODY.as_bytes(),
    }
}

fn authorization(date: &str, signed_headers: &str, signature: &str) -> Tc3Authorization {
    let value = format!(
        "TC3-HMAC-SHA256 Credential={ID}/{date}/cvm/tc3_request, \
         SignedHeaders={signed_headers}, Signature={signature}"
    );
    Tc3Authorization::parse(&value).unwrap()
}

const POST_SIGNATURE: &str = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168";

#[test]
fn tc3_post_is_signed_and_verified() {
    let headers = [TYPE, HOST, TIME];
    let request = post(&headers);
    let signer =
        Signer { secret_id: ID, secret_key: KEY, service: "cvm", timestamp_s: 1_551_113_065 };
    let value = tc3::sign(&request, &signer);
    let expected = authorization("2019-02-25", "content-type;host", POST_SIGNATURE);
    assert_eq!(Tc3Authorization::parse(&value).as_ref(), Ok(&expected));
    assert!(tc3::verify(&request, &expected, KEY, &[]));
}

#[test]
fn tc3_post_with_the_action_signed_in_lower_case() {
    let headers = [TYPE, HOST, TIME, ("X-TC-Action", b"DescribeInstances".as_slice())];
    let signature = "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f";
    let claim = authorization("2019-02-25", "content-type;host;x-tc-action", signature);
    let key = "*".repeat(32);
    assert!(tc3::verify(&post(&headers), &claim, &key, &[]));
    let other = [TYPE, HOST, TIME, ("X-TC-Action", b"DescribeInstancez".as_slice())];
    assert!(!tc3::verify(&post(&other), &claim, &key, &[]));
    let absent = [TYPE, HOST, TIME];
    assert!(!tc3::verify(&post(&absent), &claim, &key, &[]));
}

#[test]
fn tc3_get() {
    let headers = [
        ("Content-Type", b"application/x-www-form-urlencoded".as_slice()),
        HOST,
        ("X-TC-Timestamp", b"1539084154"),
    ];
    let request = SignedRequest {
        method: "GET",
        authority: None,
        path: "/",
        query: "Limit=10&Offset=0",
        headers: &headers,
        body: b"",
    };
    let signature = "5da7a33f6993f0614b047e5df4582db9e9bf4672ba50567dba16c6ccf174c474";
    let claim = authorization("2018-10-09", "content-type;host", signature);
    assert!(tc3::verify(&request, &claim, KEY, &[]));
    let swapped = SignedRequest { query: "Offset=0&Limit=10", ..request };
    assert!(!tc3::verify(&swapped, &claim, KEY, &[]), "the order of a query is signed");
}

#[test]
fn tc3_refuses_a_date_that_is_not_that_of_the_timestamp() {
    let headers = [TYPE, HOST, TIME];
    let mut claim = authorization("2019-02-25", "content-type;host", POST_SIGNATURE);
    claim.date = "2019-02-26".to_owned();
    assert!(!tc3::verify(&post(&headers), &claim, KEY, &[]));
}

#[test]
fn tc3_finds_the_host_that_was_signed() {
    let claim = authorization("2019-02-25", "content-type;host", POST_SIGNATURE);
    let with_host = |host: Option<&str>, authority, aliases: &[&str]| {
        let mut headers = vec![TYPE, TIME];
        headers.extend(host.map(|host| ("host", host.as_bytes())));
        tc3::verify(&SignedRequest { authority, ..post(&headers) }, &claim, KEY, aliases)
    };
    let host = "cvm.tencentcloudapi.com";
    assert!(with_host(Some("cvm.tencentcloudapi.com:443"), None, &[]));
    assert!(with_host(Some("http://cvm.tencentcloudapi.com"), None, &[]));
    assert!(with_host(Some("https://cvm.tencentcloudapi.com:80"), None, &[]));
    assert!(with_host(Some("CVM.tencentcloudapi.com"), None, &[]));
    assert!(with_host(None, Some(host), &[]), "HTTP/2 has no Host");
    assert!(with_host(Some("gateway.test"), None, &["vod.tencentcloudapi.com", host]));
    assert!(!with_host(Some("gateway.test"), None, &["vod.tencentcloudapi.com"]));
    assert!(!with_host(Some("gateway.test"), Some(host), &[]), "what was sent as Host counts");
    assert!(!with_host(None, None, &[]));
}

#[test]
fn an_unsigned_payload_is_what_the_header_says_and_nothing_else() {
    let marker = ("X-TC-Content-SHA256", b"UNSIGNED-PAYLOAD".as_slice());
    let headers = [TYPE, HOST, TIME, marker];
    let signer =
        Signer { secret_id: ID, secret_key: KEY, service: "cvm", timestamp_s: 1_551_113_065 };
    let claim = Tc3Authorization::parse(&tc3::sign(&post(&headers), &signer)).unwrap();
    assert!(tc3::verify(&SignedRequest { body: b"other", ..post(&headers) }, &claim, KEY, &[]));
    let plain = [TYPE, HOST, TIME];
    assert!(!tc3::verify(&post(&plain), &claim, KEY, &[]), "the marker cannot be taken away");
    let claim = authorization("2019-02-25", "content-type;host", POST_SIGNATURE);
    assert!(!tc3::verify(&post(&headers), &claim, KEY, &[]), "nor added");
    let hash = ("X-TC-Content-SHA256", b"35e9c5b0".as_slice());
    let headers = [TYPE, HOST, TIME, hash];
    assert!(tc3::verify(&post(&headers), &claim, KEY, &[]), "another value means nothing");
}

/// The parameters of the documented GET, in an order of their own.
fn v1_params() -> Vec<(&'static str, &'static str)> {
    vec![
        ("SecretId", ID),
        ("Action", "DescribeInstances"),
        ("Version", "2017-03-12"),
        ("Timestamp", "1465185768"),
        ("Region", "ap-guangzhou"),
        ("Offset", "0"),
        ("Nonce", "11886"),
        ("Limit", "20"),
        ("InstanceIds.0", "ins-09dx96dg"),
    ]
}

#[test]
fn v1_get_is_signed_and_verified() {
    let expected = "EliP9YW3pW28FpsEdkXt/+WcGeI=";
    let mut params = v1_params();
    let host = "cvm.tencentcloudapi.com";
    assert_eq!(v1::sign(Method::HmacSha1, KEY, "GET", host, &params), expected);
    let headers = [HOST];
    let request = SignedRequest {
        method: "GET",
        authority: None,
        path: "/",
        query: "",
        headers: &headers,
        body: b"",
    };
    let check = |params: &[(&str, &str)]| v1::verify(&request, params, KEY, &[], Names::AsSent);
    assert!(!check(&params), "without a signature");
    for spelling in [expected, "EliP9YW3pW28FpsEdkXt/ WcGeI=", " EliP9YW3pW28FpsEdkXt/+WcGeI=\n"] {
        params.push(("Signature", spelling));
        assert!(check(&params), "{spelling:?}");
        params.push(("Limit", "21"));
        assert!(!check(&params), "a repeated parameter");
        params.pop();
        params.pop();
    }
    params.push(("Signature", expected));
    params.push(("SignatureMethod", "HmacSHA256"));
    assert!(!check(&params), "another method");
}
