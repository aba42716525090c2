//! Multipart uploads to the bucket that nobody will complete: what a crash or an outage in the middle
//! of one leaves. They are invisible, but cost room until they are aborted.
//!
//! Only those are aborted whose name is garbage here; another program's uploads below the same prefix
//! are none of our business.

use std::collections::HashMap;

/// The upload ids by the name of the object, as the bucket listed them.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    pub(super) by_name: HashMap<String, Vec<String>>,
    /// Which suspicion the listing answers.
    pub(super) suspicion: u64,
}
