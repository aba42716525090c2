//! PUSH: lease, send, judge, settle.
//!
//! ```text
//!   backend ──runnable, lease──▶ worker ──▶ sender ──▶ egress ──▶ receiver
//!      ▲                           │ ▲                              │
//!      └──settle, attempt row──────┘ └──────────── outcome ◀────────┘
//!                     queue::verdict judges, queue::circuit holds back
//! ```
//!
//! The worker is the second consumer of an application's queue; it differs from PullEvents only in
//! what it does with a lease. What is due, in which order and how often is the queue's business;
//! which addresses may be reached is `egress`'s. Deliberately absent: a queue of its own, and any
//! state that would have to survive a crash.

pub mod jitter;
mod lane;
mod lanes;
mod pace;
mod retry_after;
mod sender;
mod settings;
mod worker;

pub use jitter::{Jitter, Random};
pub use lane::{DeliveryState, Flow};
pub use sender::{Delivery, Sender, Sent};
pub use settings::Settings;
pub use worker::{Parts, Trial, Tried, Worker};
