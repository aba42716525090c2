//! Metadata of an uploaded file: size, length, streams.
//!
//! The file is sniffed first; only known containers go on. ffprobe answers where it is installed,
//! confined and forced to the sniffed container; the built-in parsers answer where it is not, or
//! where it failed. Nothing here opens any other file or address, and whatever a file contains,
//! the worst outcome is that nothing is known about it. Absent: HLS playlists, whose segments only
//! the library can find; MD5, which who streams the bytes computes; decoding of any kind.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use input::Input;
use meta::Finding;
use sniff::{Container, Image, Kind};

pub use meta::{AudioStream, DynamicRange, MetaData, VideoStream};
pub use tools::{ProbeLimits, ProbeTools};

mod audio;
mod ffprobe;
mod image;
mod input;
mod matroska;
mod meta;
mod mp4;
mod sniff;
mod tags;
mod tools;

/// Why a file could not be looked at. What it contains is never a reason.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a regular file: a pipe or a device would block or never end.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
}

/// Looks at media files, a few at a time.
///
/// Two of them share nothing. A panic inside a parser is caught where the program is built to
/// unwind, which is the default.
#[derive(Debug)]
pub struct Probe {
    tools: ProbeTools,
    limits: ProbeLimits,
    gate: Semaphore,
}

impl Probe {
    /// A probe that uses `tools` within `limits`.
    pub fn new(tools: ProbeTools, limits: ProbeLimits) -> Self {
        let gate = Semaphore::new(limits.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Self { tools, limits, gate }
    }

    /// The metadata of the file at `path`, or none when it is not media that is understood:
    /// empty, broken, cut off, a playlist, or of another kind. Fails only when the file itself
    /// cannot be read. Dropping the future ends a running ffprobe.
    pub async fn run(&self, path: &Path) -> Result<Option<MetaData>, ProbeError> {
        // The gate is never closed; if it were, going on unbounded would still be right.
        let _turn = self.gate.acquire().await.ok();
        let read_error = |source| ProbeError::Read { path: path.to_owned(), source };
        // ffprobe runs elsewhere, so a relative path would mean another file.
        let path = std::path::absolute(path).map_err(read_error)?;

        let file = open(path.clone()).await?;
        let budget = self.limits.read_bytes;
        let looked = spawn_blocking(move || look(file, budget)).await;
        let (kind, size, input) = match looked {
            Ok(looked) => looked.map_err(read_error)?,
            Err(error) => return Ok(nothing(&error)),
        };
        let (container, input) = match kind {
            Kind::Media(container) => (container, input),
            Kind::Image(image) => return Ok(image_data(input, image, size).await),
            Kind::Playlist | Kind::Unknown => return Ok(None),
        };

        if let Some(program) = self.tools.ffprobe() {
            match ffprobe::read(program, &self.tools, &self.limits, &path, container).await {
                Ok(finding) => return Ok(finding.finish(size)),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::debug!(%error, cause, "falling back to the built-in parsers");
                }
            }
        }
        match spawn_blocking(move || parse(input, container)).await {
            Ok(finding) => Ok(finding.and_then(|finding| finding.finish(size))),
            Err(error) => Ok(nothing(&error)),
        }
    }
}

async fn open(path: PathBuf) -> Result<File, ProbeError> {
    let read_error = |path: &Path, source| ProbeError::Read { path: path.to_owned(), source };
    // Asked before opening: opening a pipe blocks.
    let metadata = tokio::fs::metadata(&path).await.map_err(|source| read_error(&path, source))?;
    if !metadata.is_file() {
        return Err(ProbeError::NotAFile { path });
    }
    let file = tokio::fs::File::open(&path).await.map_err(|source| read_error(&path, source))?;
    Ok(file.into_std().await)
}

fn look(file: File, budget: u64) -> io::Result<(Kind, u64, Input)> {
    let mut input = Input::new(file, budget)?;
    let kind = sniff::sniff(&mut input)?;
    Ok((kind, input.len(), input))
}

async fn image_data(mut input: Input, image: Image, size: u64) -> Option<MetaData> {
    match spawn_blocking(move || image::dimensions(&mut input, image)).await {
        Ok(dimensions) => dimensions.map(|(width, height)| MetaData {
            size,
            height,
            width,
            ..MetaData::default()
        }),
        Err(error) => nothing(&error),
    }
}

/// What the built-in parsers make of it.
fn parse(mut input: Input, container: Container) -> Option<Finding> {
    let finding = match container {
        Container::Mp4 => mp4::read(&mut input),
        Container::Matroska => matroska::read(&mut input),
        Container::Mp3 { start } => listen(input, start, audio::Format::Mp3),
        Container::Flac { start } => listen(input, start, audio::Format::Flac),
        Container::Wav => listen(input, 0, audio::Format::Wav),
        Container::Ogg => listen(input, 0, audio::Format::Ogg),
        // Known to ffprobe only.
        Container::Adts
        | Container::Avi
        | Container::Flv
        | Container::MpegTs
        | Container::MpegPs
        | Container::Asf => None,
    };
    finding.map(|finding| Finding { container: container.format_name().to_owned(), ..finding })
}

fn listen(input: Input, start: u64, format: audio::Format) -> Option<Finding> {
    audio::read(input.beginning_at(start), format)
        .inspect_err(|error| tracing::debug!(%error, "not readable as audio"))
        .ok()
}

/// A parser panicked, or the runtime is shutting down: nothing is known about the file.
fn nothing<T>(error: &JoinError) -> Option<T> {
    tracing::warn!(%error, "a parser did not finish");
    None
}
