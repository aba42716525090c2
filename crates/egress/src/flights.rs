//! Blocking look-ups that several may wait for.
//!
//! A look-up belongs to its name, not to who asked first: it goes on when that one gives up, and who
//! asks meanwhile waits for the same. It is over only when its thread is free again, so the counts
//! are those of threads, whatever the deadlines of the callers are.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

/// A blocking look-up of a host.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// What came of a look-up, for everyone who waits for it.
type Answer = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

/// The look-ups that are under way.
pub(crate) struct Flights {
    lookup: Lookup,
    under_way: Mutex<HashMap<String, Flight>>,
    threads: Arc<Semaphore>,
    per_owner: usize,
}

struct Flight {
    owner: Option<u64>,
    answer: watch::Receiver<Option<Answer>>,
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("under_way", &self.lock().len()).finish_non_exhaustive()
    }
}

/// What a caller does next.
enum Turn {
    Wait(watch::Receiver<Option<Answer>>),
    Begin(Landing, watch::Sender<Option<Answer>>),
}

/// Takes its look-up off the list when it is dropped, wherever that happens.
struct Landing {
    flights: Arc<Flights>,
    host: String,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.host);
    }
}

impl Flights {
    /// At most `total` threads look up at once, for one owner at most `per_owner`.
    pub(crate) fn new(lookup: Lookup, total: usize, per_owner: usize) -> Self {
        let threads = Arc::new(Semaphore::new(total));
        Self { lookup, under_way: Mutex::default(), threads, per_owner }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of a host, from the look-up that is under way or a new one.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        host: &str,
        owner: Option<u64>,
    ) -> io::Result<Vec<SocketAddr>> {
        loop {
            let mut answer = match self.turn(host, owner)? {
                Turn::Wait(answer) => answer,
                Turn::Begin(landing, sender) => {
                    let answer = sender.subscribe();
                    self.begin(landing, sender).await?;
                    answer
                }
            };
            // an error: the one that was to begin it gave up before it had a thread
            if let Ok(answer) = answer.wait_for(Option::is_some).await
                && let Some(answer) = answer.as_ref()
            {
                return answer.clone().map_err(|(kind, text)| io::Error::new(kind, text));
            }
        }
    }

    fn turn(self: &Arc<Self>, host: &str, owner: Option<u64>) -> io::Result<Turn> {
        let mut under_way = self.lock();
        if let Some(flight) = under_way.get(host) {
            return Ok(Turn::Wait(flight.answer.clone()));
        }
        let held = |owner| under_way.values().filter(|flight| flight.owner == Some(owner)).count();
        if owner.is_some_and(|owner| held(owner) >= self.per_owner) {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!(
                    "{} look-ups of names of this application have no answer yet",
                    self.per_owner
                ),
            ));
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(host.to_owned(), Flight { owner, answer });
        let landing = Landing { flights: Arc::clone(self), host: host.to_owned() };
        Ok(Turn::Begin(landing, sender))
    }

    /// Waits for a thread and starts the look-up on it.
    async fn begin(
        &self,
        landing: Landing,
        sender: watch::Sender<Option<Answer>>,
    ) -> io::Result<()> {
        let permit = Arc::clone(&self.threads).acquire_owned().await.map_err(io::Error::other)?;
        let lookup = Arc::clone(&self.lookup);
        // not waited for: the thread outlives its caller, and tells whoever waits by then
        drop(tokio::task::spawn_blocking(move || {
            let found = lookup(&landing.host);
            // the next one who asks begins anew, so no answer is older than its question
            drop(landing);
            drop(permit);
            sender.send_replace(Some(found.map_err(|error| (error.kind(), error.to_string()))));
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// One thread in all; names that begin with `dead` hang until the sender is dropped.
    fn one_thread() -> (Arc<Flights>, mpsc::Sender<()>) {
        let (release, hold) = mpsc::channel::<()>();
        let hold = Mutex::new(hold);
        let lookup: Lookup = Arc::new(move |host| {
            if host.starts_with("dead") {
                hold.lock().unwrap().recv().unwrap_err();
            }
            if host.ends_with("unknown") {
                Err(io::Error::other("no such name"))
            } else {
                Ok(vec![])
            }
        });
        (Arc::new(Flights::new(lookup, 1, 4)), release)
    }

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn who_gave_up_before_it_had_a_thread_leaves_nothing_behind() {
        let (flights, release) = one_thread();
        timeout(SOON, flights.ask("dead", Some(1))).await.unwrap_err();
        let mut first = Box::pin(flights.ask("good", Some(1)));
        timeout(SOON, &mut first).await.unwrap_err();
        let mut second = Box::pin(flights.ask("good", Some(2)));
        timeout(SOON, &mut second).await.unwrap_err();
        assert_eq!(flights.lock().len(), 2);
        // the second waited for the first's look-up, which now never begins
        drop(first);
        drop(release);
        assert!(timeout(LATE, second).await.unwrap().unwrap().is_empty());
        timeout(LATE, flights.ask("dead", Some(1))).await.unwrap().unwrap();
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn everyone_hears_why_a_name_is_not_known() {
        let (flights, release) = one_thread();
        let both = async {
            tokio::join!(flights.ask("dead.unknown", None), flights.ask("dead.unknown", None))
        };
        let mut both = Box::pin(both);
        timeout(SOON, &mut both).await.unwrap_err();
        drop(release);
        let (one, other) = timeout(LATE, both).await.unwrap();
        assert_eq!(one.unwrap_err().to_string(), "no such name");
        assert_eq!(other.unwrap_err().to_string(), "no such name");
    }
}
