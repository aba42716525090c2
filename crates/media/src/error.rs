//! Why an operation of the library failed: one type for each, and [`Fault`] for what is nobody's
//! mistake but the machine's.
//!
//! These say what happened. How callers are told is for the surfaces: error codes of the API and of
//! COS are deliberately absent.

mod modify;
mod object;
mod refusal;

use std::io;

use model::AppId;
use queue::{BackendError, CommitError};
use sign::seal;

pub use self::modify::{KeyFrameError, ModifyError, SubtitleError};
pub use self::object::ObjectError;
pub(crate) use self::refusal::{Attempted, Refusal};
use crate::objects::{self, BucketError, Trouble};
use crate::record::RecordError;

/// The machine failed, not the caller.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The backend failed.
    #[error("the backend failed")]
    Backend(#[from] BackendError),
    /// A commit was refused for a reason that no caller can do anything about.
    #[error("a commit was refused")]
    Commit(#[source] CommitError),
    /// A file could not be read or written.
    #[error("a file could not be read or written")]
    Io(#[from] io::Error),
    /// The object store cannot be used.
    #[error("the object store cannot be used")]
    Objects(#[source] Box<ObjectsError>),
    /// A sweep could not remove something from the disk.
    #[error("{what} could not be removed")]
    Unswept {
        /// What.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A record could not be read.
    #[error("a record could not be read")]
    Record(#[from] RecordError),
    /// A secret could not be opened: the master key is another one.
    #[error("a sealed secret could not be opened")]
    Seal(#[from] seal::OpenError),
    /// A record changed under every attempt to change it.
    #[error("too many callers change the same upload at once")]
    Contended,
    /// Too much is done at once for those who show no key.
    #[error("too many playlists are read or written at once")]
    Busy,
}

impl Fault {
    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Backend(BackendError::DiskFull) => true,
            Self::Io(error) => objects::is_disk_full(error),
            Self::Backend(_)
            | Self::Commit(_)
            | Self::Objects(_)
            | Self::Unswept { .. }
            | Self::Record(_)
            | Self::Seal(_)
            | Self::Contended
            | Self::Busy => false,
        }
    }
}

impl Fault {
    /// Whether the bucket is at fault: it cannot be reached or used, and the same may work later.
    pub fn is_of_bucket(&self) -> bool {
        match self {
            Self::Io(error) | Self::Unswept { source: error, .. } => objects::bucket_error(error)
                .is_some_and(|error| error.trouble() != Trouble::NoObject),
            Self::Objects(_) => true,
            Self::Backend(_)
            | Self::Commit(_)
            | Self::Record(_)
            | Self::Seal(_)
            | Self::Contended
            | Self::Busy => false,
        }
    }
}

impl From<ObjectsError> for Fault {
    fn from(error: ObjectsError) -> Self {
        match error {
            ObjectsError::Fault(fault) => *fault,
            other @ (ObjectsError::Bucket { .. } | ObjectsError::Elsewhere { .. }) => {
                Self::Objects(Box::new(other))
            }
        }
    }
}

/// Why objects cannot be kept where the configuration says.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The bucket cannot be used.
    #[error("{error}")]
    Bucket {
        /// Why.
        error: BucketError,
        /// Whether the library has objects, which were stored somewhere.
        in_use: bool,
    },
    /// None of the objects is there.
    #[error(
        "the library has objects, such as {name}, and none of them is in {whereabouts}: they are \
         somewhere else"
    )]
    Elsewhere {
        /// The name of one.
        name: String,
        /// Where they were looked for.
        whereabouts: String,
    },
    /// The machine failed.
    #[error(transparent)]
    Fault(Box<Fault>),
}

impl ObjectsError {
    /// Whether it may pass by itself: the place was right before, and cannot be reached now.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Bucket { error, in_use } => *in_use && error.trouble() == Trouble::Unreachable,
            Self::Elsewhere { .. } | Self::Fault(_) => false,
        }
    }
}

impl From<Fault> for ObjectsError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// Why ApplyUpload was refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The application is Off.
    #[error("application {0} is Off: it takes no uploads")]
    ApplicationOff(AppId),
    /// MediaType is on no list.
    #[error("`{0}` is no accepted MediaType")]
    MediaType(String),
    /// CoverType is no image type.
    #[error("`{0}` is no accepted CoverType")]
    CoverType(String),
    /// ExpireTime has passed.
    #[error("ExpireTime lies in the past")]
    ExpireTime,
    /// MediaStoragePath is not acceptable.
    #[error("MediaStoragePath: {0}")]
    MediaStoragePath(&'static str),
    /// MediaStoragePath is that of another media or of an upload that has not ended.
    #[error("MediaStoragePath: /{0} is taken by another file")]
    PathTaken(String),
    /// SessionContext is too long.
    #[error("SessionContext is longer than {0} characters")]
    SessionContextTooLong(usize),
    /// Another member is not acceptable.
    #[error("{member}: {reason}")]
    Value {
        /// Which member.
        member: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The disk has no room for uploads.
    #[error("the disk is too full for uploads")]
    NoSpace,
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why CommitUpload was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommitUploadError {
    /// The application is Off.
    #[error("application {0} is Off: it takes no uploads")]
    ApplicationOff(AppId),
    /// No session of this application has that key, or it has ended.
    #[error("no upload session has this VodSessionKey, or it has expired")]
    VodSessionKey,
    /// Nothing was uploaded to MediaStoragePath.
    #[error("nothing was uploaded to /{0}")]
    NotUploaded(String),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why SearchMedia was refused.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A member is not acceptable.
    #[error("{member}: {reason}")]
    Member {
        /// Which member.
        member: &'static str,
        /// Why.
        reason: String,
    },
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why ListFiles was refused.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The application names its files by FileId.
    #[error("application {0} names its files by FileId: ListFiles is for mode fileid+path")]
    NamedByFileId(AppId),
    /// A member is not acceptable.
    #[error("{member}: {reason}")]
    Value {
        /// Which member.
        member: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why ForbidMediaDistribution was refused.
#[derive(Debug, thiserror::Error)]
pub enum ForbidError {
    /// FileIds is empty.
    #[error("FileIds is empty")]
    Empty,
    /// FileIds holds too many.
    #[error("FileIds holds more than {0} ids")]
    TooMany(usize),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an operation on classes was refused.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// ClassName is empty or too long.
    #[error("ClassName must have 1 to {0} characters")]
    Name(usize),
    /// ParentId names no class.
    #[error("there is no class {0} to put a class under")]
    NoParent(i64),
    /// The tree would become too deep.
    #[error("classes may be {0} levels deep")]
    TooDeep(u64),
    /// The parent has too many classes.
    #[error("a class may have {0} classes directly below it")]
    TooManyChildren(usize),
    /// The application has too many classes.
    #[error("an application may have {0} classes")]
    TooMany(usize),
    /// A class beside it has that name.
    #[error("there is a class `{0}` at this place already")]
    Duplicate(String),
    /// There is no such class, or it is class 0, which cannot be changed.
    #[error("there is no class {0} that could be changed")]
    NotFound(i64),
    /// Classes or media are in it.
    #[error("class {0} still has classes or media")]
    NotEmpty(i64),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a clip was refused.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The application is Off.
    #[error("application {0} is Off: it takes no clips")]
    ApplicationOff(AppId),
    /// Url names no media of the application.
    #[error("Url is not the address of an HLS media of this application")]
    Url,
    /// What is there is no HLS that can be read.
    #[error("what is there is no HLS playlist that can be read")]
    NoHls,
    /// The playlist is one of playlists.
    #[error("the playlist is a master playlist; name one of the playlists in it")]
    Master,
    /// StartTimeOffset is outside.
    #[error("StartTimeOffset lies outside the media")]
    Start,
    /// EndTimeOffset comes before the start.
    #[error("EndTimeOffset does not lie after the start")]
    End,
    /// OutputMediaType is not hls.
    #[error("`{0}` is no OutputMediaType; there is hls")]
    OutputMediaType(String),
    /// A procedure is to be run.
    #[error("processing is not offered, so no procedure exists")]
    Procedure,
    /// ExpireTime has passed.
    #[error("ExpireTime lies in the past")]
    ExpireTime,
    /// Another member is not acceptable.
    #[error("{member}: {reason}")]
    Value {
        /// Which member.
        member: String,
        /// Why.
        reason: String,
    },
    /// Inputs that cannot stand in one playlist.
    #[error("segments with and without an initialization cannot stand in one playlist")]
    Mixed,
    /// The clip would be a playlist that is too long.
    #[error("the clip has more segments than a playlist may have")]
    TooLong,
    /// A file that the source's playlist names is not there.
    #[error("the source lacks the file /{0}")]
    Incomplete(String),
    /// No such stream is recorded.
    #[error("no live stream of this StreamId is recorded; see RegisterLiveStream")]
    StreamId,
    /// Nothing was recorded as late as that.
    #[error("nothing was recorded of the stream from StartTime on")]
    StartTime,
    /// EndTime comes before the start, or before the recording.
    #[error("EndTime does not lie after StartTime, or nothing was recorded in between")]
    EndTime,
    /// The span is longer than what is kept of a stream.
    #[error("a live clip may have {0} s, as long as is kept of a stream")]
    ClipDuration(i64),
    /// A transcoded stream is asked for.
    #[error("nothing is transcoded here: StreamInfo.Type can be Original only")]
    Transcoded,
    /// Too many clips of one file are being copied.
    #[error("{0} clips of one file are being copied; wait for them")]
    Busy(usize),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a live stream was not registered.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The application is Off.
    #[error("application {0} is Off: it records nothing")]
    ApplicationOff(AppId),
    /// StreamId is none.
    #[error("StreamId may have 1 to {0} letters, digits, dots, hyphens and underscores")]
    StreamId(usize),
    /// Playlist is none that can be followed.
    #[error("{0}")]
    Playlist(String),
    /// Playlist is a path, and no directory for such is set.
    #[error("files are only followed below media.live_directory, which is not set")]
    NoDirectory,
    /// Too many streams are recorded.
    #[error("{0} live streams are recorded; there may be no more")]
    TooMany(usize),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why DeleteMedia was refused.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no such file in this application.
    #[error("the file {0} does not exist")]
    NotFound(String),
    /// Too many different parts were named.
    #[error("DeleteParts names more than {0} different parts")]
    TooManyParts(usize),
    /// A Type of DeleteParts that is not documented.
    #[error("`{0}` is no Type of DeleteParts")]
    UnknownPart(String),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why DescribeMediaInfos was refused.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// FileIds is empty.
    #[error("FileIds is empty")]
    Empty,
    /// FileIds holds too many.
    #[error("FileIds holds more than {0} ids")]
    TooMany(usize),
    /// A filter that is not documented.
    #[error("`{0}` is no filter")]
    UnknownFilter(String),
    /// The machine failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
