//! The gateway: what every call needs, behind one cheap handle.

use std::sync::Arc;

use egress::Policy;
use model::{Clock, Now};
use push::Worker;
use queue::{Backend, Observer};
use sign::seal::MasterKey;
use tokio_util::sync::CancellationToken;

use crate::body::Budget;
use crate::files::{Texts, Viewers};
use crate::keyring::Keyring;
use crate::rate::Rates;
use crate::settings::Settings;

/// What a gateway is made of.
#[derive(Debug)]
pub struct GatewayParts {
    /// Where events and records live.
    pub backend: Arc<dyn Backend>,
    /// Media, upload sessions and the COS surface.
    pub library: Arc<media::Library>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What secrets are sealed with.
    pub master: Arc<MasterKey>,
    /// The push worker: knows how deliveries fare, and sends test notifications.
    pub worker: Worker,
    /// Which addresses a NotificationUrl may name.
    pub policy: Arc<Policy>,
    /// Who counts requests.
    pub observer: Arc<dyn Observer>,
    /// Numbers and switches.
    pub settings: Settings,
}

/// Answers API calls, COS requests and media requests. Clones share everything.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: GatewayParts,
    keyring: Keyring,
    rates: Rates,
    bodies: Budget,
    viewers: Viewers,
    texts: Texts,
    stopping: CancellationToken,
}

impl Gateway {
    /// A gateway of those parts. Starts nothing: [`crate::serve`] accepts connections, and
    /// [`Gateway::dispatch`] may be called without any.
    pub fn new(parts: GatewayParts) -> Self {
        let rates = Rates::new(parts.settings.rates.clone());
        let bodies = Budget::new(parts.settings.transport.bodies_in_flight_bytes);
        let keyring = Keyring::default();
        let (viewers, texts) = (Viewers::default(), Texts::default());
        let stopping = CancellationToken::new();
        Self(Arc::new(Inner { parts, keyring, rates, bodies, viewers, texts, stopping }))
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    /// Answers waiting PullEvents calls at once, and later ones without waiting.
    pub fn stop(&self) {
        self.0.stopping.cancel();
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0.parts.backend
    }

    pub(crate) fn library(&self) -> &Arc<media::Library> {
        &self.0.parts.library
    }

    pub(crate) fn now(&self) -> Now {
        self.0.parts.clock.now()
    }

    pub(crate) fn master(&self) -> &MasterKey {
        &self.0.parts.master
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.0.parts.worker
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.0.parts.policy
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.0.parts.observer
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.0.rates
    }

    pub(crate) fn bodies(&self) -> &Budget {
        &self.0.bodies
    }

    pub(crate) fn viewers(&self) -> &Viewers {
        &self.0.viewers
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.0.texts
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }
}
