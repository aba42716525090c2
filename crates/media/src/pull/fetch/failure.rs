//! Why a file of a pull is not fetched: whose fault it is, whether another attempt may help, and what
//! PullComplete says of it.

use std::fmt::Display;

use egress::{ExchangeError, FetchError};
use url::Url;

use crate::error::Fault;
use crate::pull::error::unfetched;

/// Characters of a failure's message: it may repeat what a source said.
const MESSAGE_CHARS_MAX: usize = 512;

/// Whose fault a failure is, as PullUploadTask.ErrCode tells it (documented).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureCode {
    /// The request's: what it names is not there or may not be fetched.
    Request,
    /// The source's: it breaks, is too slow or too large, or is not what it says.
    Source,
    /// Ours.
    Server,
}

impl FailureCode {
    /// The number on the wire.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Request => 40_000,
            Self::Source => 60_000,
            Self::Server => 70_000,
        }
    }
}

/// Why a pull has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: FailureCode,
    pub(crate) message: String,
}

impl Failure {
    pub(in crate::pull) fn new(code: FailureCode, what: What<'_>, why: impl Display) -> Self {
        let message: String = format!("{what}: {why}").chars().take(MESSAGE_CHARS_MAX).collect();
        Self { code, message }
    }
}

/// Why nothing was fetched.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The pull has failed.
    Failed(Failure),
    /// The machine failed; the pull may go on later.
    Fault(Fault),
    /// The task is there no longer.
    Gone,
}

impl<T: Into<Fault>> From<T> for Stop {
    fn from(fault: T) -> Self {
        let fault = fault.into();
        if fault.is_disk_full() {
            return no_space();
        }
        Self::Fault(fault)
    }
}

pub(super) fn no_space() -> Stop {
    let message = "the disk of the server is too full".to_owned();
    Stop::Failed(Failure { code: FailureCode::Server, message })
}

/// Why an attempt has failed.
pub(super) enum Trouble {
    /// Another one may succeed.
    Again(Failure),
    /// None will.
    Stop(Stop),
}

impl<T: Into<Stop>> From<T> for Trouble {
    fn from(stop: T) -> Self {
        Self::Stop(stop.into())
    }
}

/// A file of a pull, as messages name it.
#[derive(Clone, Copy, Debug)]
pub(in crate::pull) enum What<'a> {
    /// MediaUrl itself.
    Media,
    /// CoverUrl.
    Cover,
    /// A file that a playlist names.
    Named(&'a Url),
}

impl Display for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Media => f.write_str("MediaUrl"),
            Self::Cover => f.write_str("CoverUrl"),
            Self::Named(url) => {
                // without its query, which may hold a signature
                let (host, path) = (url.host_str().unwrap_or_default(), url.path());
                let path: String = path.chars().take(200).collect();
                write!(f, "{}://{host}{path}, which the playlist names", url.scheme())
            }
        }
    }
}

impl What<'_> {
    /// Whose fault it is if the file is not there.
    pub(super) const fn blame(self) -> FailureCode {
        match self {
            Self::Media | Self::Cover => FailureCode::Request,
            Self::Named(_) => FailureCode::Source,
        }
    }
}

pub(super) fn parsed(text: &str, what: What<'_>) -> Result<Url, Stop> {
    Url::parse(text).map_err(|error| Stop::Failed(Failure::new(FailureCode::Request, what, error)))
}

pub(super) fn too_large(what: What<'_>, max: u64) -> Trouble {
    let why = format!("it is too large; at most {max} bytes may come");
    Stop::Failed(Failure::new(FailureCode::Source, what, why)).into()
}

/// What an error of the way out means: whose fault it is, and whether another attempt may help.
pub(super) fn trouble(error: &FetchError, what: What<'_>) -> Trouble {
    let failure = |code| Failure::new(code, what, unfetched(error));
    let again = |code| Trouble::Again(failure(code));
    let stop = |code| Trouble::Stop(Stop::Failed(failure(code)));
    match error {
        FetchError::Exchange(ExchangeError::Resolve(_)) => again(what.blame()),
        FetchError::Exchange(
            ExchangeError::Connect { .. }
            | ExchangeError::TimedOut
            | ExchangeError::Ended(_)
            | ExchangeError::Protocol(_),
        )
        | FetchError::Range
        | FetchError::Status(408 | 416 | 429 | 500..=599)
        | FetchError::Ended(_)
        | FetchError::TooSlow { .. } => again(FailureCode::Source),
        FetchError::Exchange(ExchangeError::Refused(_))
        | FetchError::Status(400..=499)
        | FetchError::Location(_)
        | FetchError::Downgrade
        | FetchError::Redirects(_) => stop(what.blame()),
        FetchError::Exchange(ExchangeError::Tls(_))
        | FetchError::Status(_)
        | FetchError::Encoded(_)
        | FetchError::TimedOut => stop(FailureCode::Source),
    }
}
