//! TLS: whom we trust, and that nothing is sent to those we do not.

use std::sync::Arc;

use egress::{Client, Exchange, ExchangeError, Limits, SystemResolver, Tls, TlsError};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::exchange::{loopback, request};
use crate::receiver::{Receiver, read_request, write};

/// A certificate for that name, signed by itself, and a receiver that has it.
async fn secure_receiver(name: &str) -> (Receiver, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (serve(config).await, made.cert.pem())
}

/// A receiver that answers 200 to everything.
async fn serve(config: ServerConfig) -> Receiver {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Receiver::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                while !read_request(&mut stream).await.is_empty() {
                    write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                }
            }
        }
    })
    .await
}

async fn send(receiver: &Receiver, roots: Tls) -> Result<Exchange, ExchangeError> {
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(loopback(), resolver, roots, Limits::default()).unwrap();
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    client.exchange(request(&url, 5_000)).await?;
    client.exchange(request(&url, 5_000)).await
}

#[tokio::test]
async fn an_added_authority_is_trusted_and_connections_are_reused() {
    let (receiver, pem) = secure_receiver("127.0.0.1").await;
    let mut roots = Tls::default();
    roots.add_pem(pem.as_bytes()).unwrap();
    assert_eq!(send(&receiver, roots).await.unwrap().status.as_u16(), 200);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_unknown_authority_is_not() {
    let (receiver, _) = secure_receiver("127.0.0.1").await;
    let result = send(&receiver, Tls::default()).await;
    assert!(matches!(result, Err(ExchangeError::Tls(_))), "{result:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not() {
    let (receiver, pem) = secure_receiver("other.example").await;
    let mut roots = Tls::default();
    roots.add_pem(pem.as_bytes()).unwrap();
    let result = send(&receiver, roots).await;
    assert!(matches!(result, Err(ExchangeError::Tls(_))), "{result:?}");
}

#[tokio::test]
async fn an_expired_certificate_is_not() {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let pair = KeyPair::generate().unwrap();
    let made = params.self_signed(&pair).unwrap();
    let key = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key.into())
        .unwrap();
    let mut tls = Tls::default();
    tls.add_pem(made.pem().as_bytes()).unwrap();
    let error = send(&serve(config).await, tls).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Tls(_)), "{error:?}");
    assert!(error.to_string().to_lowercase().contains("expired"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_certificate_gets_ours() {
    let ours = rcgen::generate_simple_self_signed(["callboard".to_owned()]).unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut clients = RootCertStore::empty();
    clients.add(ours.cert.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider));
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let receiver = serve(config).await;
    let trusting = || {
        let mut tls = Tls::default();
        tls.add_pem(made.cert.pem().as_bytes()).unwrap();
        tls
    };
    let result = send(&receiver, trusting()).await;
    assert!(result.is_err(), "without a certificate: {result:?}");
    let mut tls = trusting();
    let key = ours.signing_key.serialize_pem();
    tls.set_own(ours.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(send(&receiver, tls).await.unwrap().status.as_u16(), 200);
    // another's key
    let mut tls = trusting();
    let other = made.signing_key.serialize_pem();
    tls.set_own(ours.cert.pem().as_bytes(), other.as_bytes()).unwrap();
    let resolver = Arc::new(SystemResolver::default());
    assert!(Client::new(loopback(), resolver, tls, Limits::default()).is_err());
    assert!(matches!(trusting().set_own(b"nothing", key.as_bytes()), Err(TlsError::Empty)));
    assert!(trusting().set_own(ours.cert.pem().as_bytes(), b"nothing").is_err());
}

#[tokio::test]
async fn the_systems_authorities_are_another_list() {
    let (receiver, _) = secure_receiver("127.0.0.1").await;
    // a machine without any says so at once; one with some does not trust a stranger for that
    let Ok(tls) = Tls::system() else { return };
    let result = send(&receiver, tls).await;
    assert!(matches!(result, Err(ExchangeError::Tls(_))), "{result:?}");
}

#[test]
fn an_authority_must_be_one() {
    let mut roots = Tls::default();
    assert!(matches!(roots.add_pem(b"nothing"), Err(TlsError::Empty)));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(roots.add_pem(broken).is_err());
}
