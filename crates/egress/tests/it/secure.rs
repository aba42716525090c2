//! TLS: whom we trust, and that nothing is sent to those we do not.

use std::sync::Arc;

use egress::{Client, Exchange, ExchangeError, Limits, Roots, RootsError, SystemResolver};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
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
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                while !read_request(&mut stream).await.is_empty() {
                    write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                }
            }
        }
    })
    .await;
    (receiver, made.cert.pem())
}

async fn send(receiver: &Receiver, roots: Roots) -> Result<Exchange, ExchangeError> {
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(loopback(), resolver, roots, Limits::default()).unwrap();
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    client.exchange(request(&url, 5_000)).await?;
    client.exchange(request(&url, 5_000)).await
}

#[tokio::test]
async fn an_added_authority_is_trusted_and_connections_are_reused() {
    let (receiver, pem) = secure_receiver("127.0.0.1").await;
    let mut roots = Roots::default();
    roots.add_pem(pem.as_bytes()).unwrap();
    assert_eq!(send(&receiver, roots).await.unwrap().status.as_u16(), 200);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_unknown_authority_is_not() {
    let (receiver, _) = secure_receiver("127.0.0.1").await;
    let result = send(&receiver, Roots::default()).await;
    assert!(matches!(result, Err(ExchangeError::Tls(_))), "{result:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not() {
    let (receiver, pem) = secure_receiver("other.example").await;
    let mut roots = Roots::default();
    roots.add_pem(pem.as_bytes()).unwrap();
    let result = send(&receiver, roots).await;
    assert!(matches!(result, Err(ExchangeError::Tls(_))), "{result:?}");
}

#[test]
fn an_authority_must_be_one() {
    let mut roots = Roots::default();
    assert!(matches!(roots.add_pem(b"nothing"), Err(RootsError::Empty)));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(roots.add_pem(broken).is_err());
}
