//! SIGINT and SIGTERM: the first asks for a graceful stop, the second for one at once. SIGHUP, where
//! there is a certificate to read again: it does what it always did elsewhere.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// From here on both are received and no longer end the process.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// From here on SIGHUP is received too, by [`Self::hangup`].
    pub fn listen_to_hangup(&mut self) -> io::Result<()> {
        self.hangup = Some(signal(SignalKind::hangup())?);
        Ok(())
    }

    /// Returns true when SIGHUP comes, if it is listened to, and false when one of the others does.
    pub async fn hangup(&mut self) -> bool {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => true,
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => false,
        }
    }

    /// Returns when one of them comes.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
