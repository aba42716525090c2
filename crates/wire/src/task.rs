//! Where a task of the library stands, as the API and the records spell it.

use serde::{Deserialize, Serialize};

/// The state of a task (`Status`). `ABORTED` is deliberately absent: nothing here can be aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// Not begun.
    Waiting,
    /// Under way.
    Processing,
    /// Ended, whatever came of it.
    Finish,
}

impl TaskStatus {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Waiting, Self::Processing, Self::Finish];

    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Processing => "PROCESSING",
            Self::Finish => "FINISH",
        }
    }

    /// The state of that spelling.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }
}
