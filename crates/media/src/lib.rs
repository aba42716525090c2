//! The library behind the events: upload sessions, pulls, objects, probing, clips, live recordings,
//! deletion.
//!
//! ```text
//! ApplyUpload ─▶ session ─▶ PUT / parts ─▶ objects ─▶ CommitUpload ─▶ media + NewFileUpload
//! PullUpload  ─▶ task ─▶ worker ─▶ objects ───────────────────▶ media + PullComplete
//! clip        ─▶ media + NewFileUpload ─▶ copies ─▶ objects ─────────────▶ PersistenceComplete
//!                                                     DeleteMedia  ─▶ FileDeleted + garbage
//! ```
//!
//! Everything that matters is a record of the backend; bytes are on disk before a record speaks of
//! them, and stay until no record does. A change of the library and the event it raises are one
//! commit. Deliberately absent: HTTP, signatures, error codes (they are `api`'s), and processing.

mod asked;
mod attached;
pub mod catalogue;
mod classes;
mod clip;
mod commit;
mod cover;
mod dash;
mod delete;
mod describe;
mod destroyed;
mod digest;
mod error;
mod expiry;
mod files;
mod forbid;
mod hindsight;
mod hls;
mod hold;
mod incoming;
mod key_frames;
mod library;
mod listing;
mod live;
pub mod manifest;
mod metadata;
mod modify;
mod objects;
mod partial;
mod paths;
mod place;
mod placed;
pub mod playlist;
pub mod probe;
mod pull;
mod random;
mod record;
mod render;
mod search;
mod session;
mod settings;
mod spent;
mod staging;
mod subtitles;
mod sweep;
mod task;
mod upload;
mod whereabouts;
mod writing;

pub use clip::{Clipped, LiveClipped};
pub use commit::Uploaded;
pub use dash::MpdError;
pub use delete::Cause;
pub use error::{
    ApplyError, ClassError, ClipError, CommitUploadError, DeleteError, DescribeError, Fault,
    ForbidError, KeyFrameError, ListError, LiveError, ModifyError, ObjectError, ObjectsError,
    SearchError, SubtitleError,
};
pub use incoming::{Incoming, Stored};
pub use library::{Library, LibraryParts, Served};
pub use live::Recorder;
pub use objects::{BucketError, ObjectCounts, ObjectReader, Objects, S3, S3Error, Trouble};
pub use place::{KEY_BYTES_MAX, is_region, is_within};
pub use pull::{PullCounts, PullSettings, PullUploadError, Puller};
pub use record::{About, Object, RecordError, Session};
pub use session::{Applied, Grant};
pub use settings::{Live, Settings};
pub use task::{DescribeTaskError, DescribeTasksError};
pub use upload::{NamedPart, PartRow, UploadRow};
pub use whereabouts::Room;
