//! TLS: whom we trust, and that nothing is sent to those we do not.

use std::sync::Arc;

use egress::{
    Client, Exchange, ExchangeError, Limits, OwnError, SystemResolver, Tls, TlsFailure, Trust,
    TrustError,
};
use rustls::ServerConfig;
use testkit::certificate::{Authority, Issued};
use tokio_rustls::TlsAcceptor;

use crate::exchange::{loopback, request};
use crate::receiver::{Receiver, read_request, write};

/// A receiver that shows that certificate and answers 200 to everything.
async fn shows(certificate: &Issued) -> Receiver {
    serve(certificate.server(None).unwrap()).await
}

async fn serve(config: Arc<ServerConfig>) -> Receiver {
    let acceptor = TlsAcceptor::from(config);
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

async fn send(receiver: &Receiver, tls: impl Into<Tls>) -> Result<Exchange, ExchangeError> {
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(loopback(), resolver, tls.into(), Limits::default()).unwrap();
    let url = format!("https://127.0.0.1:{}/", receiver.address.port());
    client.exchange(request(&url, 5_000)).await?;
    client.exchange(request(&url, 5_000)).await
}

fn trusting(pem: &str) -> Trust {
    let mut trust = Trust::default();
    trust.add_pem(pem.as_bytes()).unwrap();
    trust
}

async fn refused(certificate: &Issued, trust: Trust) -> TlsFailure {
    match send(&shows(certificate).await, trust).await {
        Err(ExchangeError::Tls(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_added_authority_is_trusted_and_connections_are_reused() {
    let authority = Authority::new().unwrap();
    let receiver = shows(&authority.issue("127.0.0.1").unwrap()).await;
    let answered = send(&receiver, trusting(&authority.pem())).await.unwrap();
    assert_eq!(answered.status.as_u16(), 200);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_added_certificate_may_be_shown_itself() {
    for own in [Issued::by_itself("127.0.0.1"), Issued::as_authority("127.0.0.1")] {
        let own = own.unwrap();
        let receiver = shows(&own).await;
        let answered = send(&receiver, trusting(own.pem())).await.unwrap();
        assert_eq!(answered.status.as_u16(), 200);
        assert_eq!(refused(&own, Trust::default()).await, TlsFailure::Untrusted);
        let another = Authority::new().unwrap().pem();
        assert_eq!(refused(&own, trusting(&another)).await, TlsFailure::Untrusted);
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_believed() {
    for own in [Issued::by_itself("other.example"), Issued::as_authority("other.example")] {
        let own = own.unwrap();
        let failure = refused(&own, trusting(own.pem())).await;
        let names = vec!["other.example".to_owned()];
        assert_eq!(failure, TlsFailure::OtherName { host: "127.0.0.1".to_owned(), names });
    }
}

#[tokio::test]
async fn a_certificate_whose_time_is_not_now_is_not_believed() {
    let authority = Authority::new().unwrap();
    let expired = authority.issue_expired("127.0.0.1").unwrap();
    // added itself, it is too old all the same
    for pem in [authority.pem(), expired.pem().to_owned()] {
        let failure = refused(&expired, trusting(&pem)).await;
        assert!(matches!(failure, TlsFailure::Expired(_)), "{failure:?}");
    }
    let early = authority.issue_early("127.0.0.1").unwrap();
    let failure = refused(&early, trusting(&authority.pem())).await;
    assert!(matches!(failure, TlsFailure::NotYetValid(_)), "{failure:?}");
}

#[tokio::test]
async fn one_certificate_and_no_other_can_be_trusted() {
    let authority = Authority::new().unwrap();
    let one = authority.issue_expired("other.example").unwrap();
    let exactly = || Trust::exactly(one.pem().as_bytes()).unwrap();
    let answered = send(&shows(&one).await, exactly()).await.unwrap();
    assert_eq!(answered.status.as_u16(), 200);
    let another = authority.issue("127.0.0.1").unwrap();
    assert_eq!(refused(&another, exactly()).await, TlsFailure::NotPinned);
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_certificate_gets_ours() {
    let (authority, clients) = (Authority::new().unwrap(), Authority::new().unwrap());
    let theirs = authority.issue("127.0.0.1").unwrap();
    let ours = clients.issue("callboard").unwrap();
    let receiver = serve(theirs.server(Some(&clients)).unwrap()).await;
    let tls = || Tls::from(trusting(&authority.pem()));
    let result = send(&receiver, tls()).await;
    assert!(result.is_err(), "without a certificate: {result:?}");
    let (certificate, key) = (ours.pem().as_bytes(), ours.key_pem());
    let mut own = tls();
    own.set_own(certificate, key.as_bytes()).unwrap();
    assert_eq!(send(&receiver, own).await.unwrap().status.as_u16(), 200);
    // another's key
    let mut own = tls();
    own.set_own(certificate, theirs.key_pem().as_bytes()).unwrap();
    let resolver = Arc::new(SystemResolver::default());
    assert!(Client::new(loopback(), resolver, own, Limits::default()).is_err());
    let nothing = tls().set_own(b"nothing", key.as_bytes());
    assert!(matches!(nothing, Err(OwnError::Certificate(TrustError::Empty))), "{nothing:?}");
    assert!(matches!(tls().set_own(certificate, b"nothing"), Err(OwnError::Key(_))));
}

#[tokio::test]
async fn the_systems_authorities_are_another_list() {
    let receiver = shows(&Issued::by_itself("127.0.0.1").unwrap()).await;
    // a machine without any says so at once; one with some does not trust a stranger for that
    let Ok(trust) = Trust::system() else { return };
    let result = send(&receiver, trust).await;
    assert!(matches!(result, Err(ExchangeError::Tls(TlsFailure::Untrusted))), "{result:?}");
}

#[test]
fn an_authority_must_be_one() {
    let mut trust = Trust::default();
    assert!(matches!(trust.add_pem(b"nothing"), Err(TrustError::Empty)));
    assert!(matches!(Trust::exactly(b"nothing"), Err(TrustError::Empty)));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(trust.add_pem(broken).is_err());
}
