//! What a refused commit means to whoever decided it: decide again, or give up.

use queue::CommitError;

use super::Fault;

/// What a refused commit means to the library.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A record has changed: read again, decide again.
    Conflict,
    /// Anything else.
    Fault(Fault),
}

impl Refusal {
    /// For a commit that is not decided again.
    pub(crate) fn give_up(self) -> Fault {
        match self {
            Self::Conflict => Fault::Contended,
            Self::Fault(fault) => fault,
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::Conflict,
            CommitError::Backend(error) => Self::Fault(error.into()),
            other @ (CommitError::EventKeyReused(_)
            | CommitError::UnknownApplication(_)
            | CommitError::TooManyOpen(_)
            | CommitError::BadApplication(_)) => Self::Fault(Fault::Commit(other)),
        }
    }
}

/// Why one round of a change ended without an answer.
#[derive(Debug)]
pub(crate) enum Attempted<E> {
    /// What it rests on has changed: decide again.
    Conflict,
    /// It is refused, or cannot be done.
    Failed(E),
}

impl<E: From<Fault>> From<Fault> for Attempted<E> {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}

impl<E: From<Fault>> From<Refusal> for Attempted<E> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict => Self::Conflict,
            Refusal::Fault(fault) => Self::Failed(fault.into()),
        }
    }
}
