//! Name servers that do not answer: whose names hang waits, and nobody else.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use egress::{Client, Exchange, ExchangeError, Limits, Request, SystemResolver, Tls};
use model::limits::LOOKUPS_PER_APPLICATION_MAX;
use tokio::task::JoinSet;

use crate::exchange::{loopback, request};
use crate::receiver::{Receiver, read_request, write};

/// Looks names up: those under `dead.example` hang until the test lets go of them, all others are
/// the receiver.
struct Names {
    resolver: SystemResolver,
    client: Arc<Client>,
    port: u16,
    asked: Arc<Mutex<HashMap<String, usize>>>,
    hung: Arc<AtomicUsize>,
    /// Dropped, it lets every look-up end.
    release: Option<mpsc::Sender<()>>,
}

impl Names {
    fn of(receiver: &Receiver) -> Self {
        let (release, hold) = mpsc::channel::<()>();
        let hold = Mutex::new(hold);
        let asked = Arc::<Mutex<HashMap<String, usize>>>::default();
        let hung = Arc::new(AtomicUsize::new(0));
        let (count, waiting) = (Arc::clone(&asked), Arc::clone(&hung));
        let address: SocketAddr = receiver.address;
        let resolver = SystemResolver::over(move |host| {
            *count.lock().unwrap().entry(host.to_owned()).or_default() += 1;
            if host.ends_with("dead.example") {
                waiting.fetch_add(1, Ordering::SeqCst);
                // an error: the test has let go
                let released = hold.lock().unwrap().recv();
                assert!(released.is_err());
                waiting.fetch_sub(1, Ordering::SeqCst);
            }
            Ok(vec![address])
        });
        let (client, port) = (Arc::new(client(&resolver)), address.port());
        Self { resolver, client, port, asked, hung, release: Some(release) }
    }

    async fn send(&self, owner: u64, host: &str, ms: u64) -> Result<Exchange, ExchangeError> {
        self.client.exchange(self.request(owner, host, ms)).await
    }

    fn request(&self, owner: u64, host: &str, ms: u64) -> Request {
        let url = format!("http://{host}:{}/", self.port);
        Request { owner: Some(owner), ..request(&url, ms) }
    }

    fn asked(&self, host: &str) -> usize {
        self.asked.lock().unwrap().get(host).copied().unwrap_or_default()
    }
}

/// A client without kept connections over that resolver.
fn client(resolver: &SystemResolver) -> Client {
    let resolver = Arc::new(resolver.clone());
    Client::new(loopback(), resolver, Tls::default(), Limits::default()).unwrap()
}

async fn receiver() -> Receiver {
    Receiver::start(|mut stream, _| async move {
        while !read_request(&mut stream).await.is_empty() {
            write(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await
}

#[tokio::test]
async fn a_name_that_hangs_is_looked_up_once() {
    let receiver = receiver().await;
    let names = Names::of(&receiver);
    for owner in 1..=20 {
        let result = names.send(owner, "hook.dead.example", 20).await;
        assert!(matches!(result, Err(ExchangeError::TimedOut)), "{result:?}");
    }
    assert_eq!((names.asked("hook.dead.example"), names.hung.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(names.send(1, "hook.example", 5_000).await.unwrap().status, 200);
}

#[tokio::test]
async fn everyone_who_waits_gets_the_answer_and_the_next_one_a_new_one() {
    let receiver = receiver().await;
    let mut names = Names::of(&receiver);
    let mut waiting = JoinSet::new();
    for owner in 1..=8 {
        let client = Arc::clone(&names.client);
        let sent = names.request(owner, "dead.example", 30_000);
        waiting.spawn(async move { client.exchange(sent).await });
    }
    // one that is not waited for changes nothing
    names.send(9, "dead.example", 20).await.unwrap_err();
    names.release.take();
    while let Some(answered) = waiting.join_next().await {
        assert_eq!(answered.unwrap().unwrap().status, 200);
    }
    assert_eq!(names.asked("dead.example"), 1);

    let sent = names.request(1, "dead.example", 5_000);
    client(&names.resolver).exchange(sent).await.unwrap();
    assert_eq!(names.asked("dead.example"), 2, "nothing is remembered");
}

#[tokio::test]
async fn an_application_with_dead_names_holds_a_few_threads_and_no_more() {
    let receiver = receiver().await;
    let names = Names::of(&receiver);
    for number in 0..LOOKUPS_PER_APPLICATION_MAX {
        let result = names.send(1, &format!("{number}.dead.example"), 20).await;
        assert!(matches!(result, Err(ExchangeError::TimedOut)), "{result:?}");
    }
    for number in 0..50 {
        let result = names.send(1, &format!("more{number}.dead.example"), 5_000).await;
        let Err(ExchangeError::Resolve(reason)) = result else { panic!("{result:?}") };
        assert!(reason.contains("no answer yet"), "{reason}");
    }
    assert_eq!(names.hung.load(Ordering::SeqCst), LOOKUPS_PER_APPLICATION_MAX);
    // the others do not notice, and what it had reached is still reached
    assert_eq!(names.send(2, "hook.example", 5_000).await.unwrap().status, 200);
    assert_eq!(names.send(1, "hook.example", 5_000).await.unwrap().status, 200);
}
