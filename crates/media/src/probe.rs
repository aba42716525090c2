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

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{JoinError, spawn_blocking};

use input::Input;
use sniff::{Container, Image, Kind};

pub use excerpt::excerpt;
pub(crate) use excerpt::unnamed;
pub use meta::{AudioStream, DynamicRange, MetaData, VideoStream};
pub(crate) use meta::{Finding, bits_per_second};
pub use tools::{ProbeLimits, ProbeTools};

mod adts;
mod audio;
mod avi;
mod bits;
mod excerpt;
mod ffprobe;
mod flv;
mod image;
mod input;
mod matroska;
mod meta;
mod mp4;
mod mpegts;
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
        let turn = self.turn().await;
        let file = open(path.to_owned()).await?;
        let read_error = |source| ProbeError::Read { path: path.to_owned(), source };
        turn.meta_data(file).await.map_err(read_error)
    }

    /// Waits until one more file may be looked at; what the file takes to be fetched belongs into
    /// the turn too.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // The gate is never closed; if it were, going on unbounded would still be right.
        Turn { probe: self, _permit: self.gate.acquire().await.ok() }
    }
}

/// The right to look at one file after the other until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    probe: &'a Probe,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Turn<'_> {
    /// What [`Probe::run`] finds, of an open regular file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn meta_data(&self, file: File) -> io::Result<Option<MetaData>> {
        Ok(match self.found(file).await? {
            Found::Streams { finding, size } => finding.finish(size),
            Found::Image { width, height, size } => {
                Some(MetaData { size, height, width, ..MetaData::default() })
            }
            Found::Nothing => None,
        })
    }

    /// The streams of a file that is a part of something longer: its sizes, lengths and averages
    /// are not those of the whole.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn streams(&self, file: File) -> io::Result<Option<Finding>> {
        Ok(match self.found(file).await? {
            Found::Streams { finding, .. } => Some(finding),
            Found::Image { .. } | Found::Nothing => None,
        })
    }

    async fn found(&self, file: File) -> io::Result<Found> {
        let Probe { tools, limits, .. } = self.probe;
        // ffprobe opens it anew and has a place of its own in it
        let again = file.try_clone()?;
        let budget = limits.read_bytes;
        let looked = spawn_blocking(move || look(file, budget)).await;
        let (kind, size, input) = match looked {
            Ok(looked) => looked?,
            Err(error) => return Ok(nothing(&error)),
        };
        let (container, input) = match kind {
            Kind::Media(container) => (container, input),
            Kind::Image(image) => return Ok(image_data(input, image, size).await),
            Kind::Playlist | Kind::Unknown => return Ok(Found::Nothing),
        };

        if let Some(program) = tools.ffprobe() {
            match ffprobe::read(program, tools, limits, again, container).await {
                Ok(finding) => return Ok(Found::Streams { finding, size }),
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    if error.is_ours() {
                        tracing::warn!(%error, cause, "falling back to the built-in parsers");
                    } else {
                        tracing::debug!(%error, cause, "falling back to the built-in parsers");
                    }
                }
            }
        }
        match spawn_blocking(move || parse(input, container)).await {
            Ok(Some(finding)) => Ok(Found::Streams { finding, size }),
            Ok(None) => Ok(Found::Nothing),
            Err(error) => Ok(nothing(&error)),
        }
    }
}

/// What a file turned out to be.
enum Found {
    Streams { finding: Finding, size: u64 },
    Image { width: u32, height: u32, size: u64 },
    Nothing,
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
    let mut kind = sniff::sniff(&mut input)?;
    if kind == Kind::Media(Container::Mp4) && mp4::is_cut(&mut input) {
        kind = Kind::Unknown;
    }
    Ok((kind, input.len(), input))
}

async fn image_data(mut input: Input, image: Image, size: u64) -> Found {
    match spawn_blocking(move || image::dimensions(&mut input, image)).await {
        Ok(Some((width, height))) => Found::Image { width, height, size },
        Ok(None) => Found::Nothing,
        Err(error) => nothing(&error),
    }
}

/// What the built-in parsers make of it.
fn parse(mut input: Input, container: Container) -> Option<Finding> {
    let finding = match container {
        Container::Mp4 => mp4::read(&mut input),
        Container::Matroska => matroska::read(&mut input),
        Container::MpegTs => mpegts::read(&mut input),
        Container::Mp3 { start } => listen(input, start, audio::Format::Mp3),
        Container::Flac { start } => listen(input, start, audio::Format::Flac),
        Container::Wav => listen(input, 0, audio::Format::Wav),
        Container::Ogg => listen(input, 0, audio::Format::Ogg),
        Container::Adts { start } => adts::read(input.beginning_at(start)),
        Container::Avi => avi::read(&mut input),
        Container::Flv => flv::read(&mut input),
        // Known to ffprobe only.
        Container::MpegPs | Container::Asf => None,
    };
    finding.map(|finding| Finding { container: container.format_name().to_owned(), ..finding })
}

fn listen(input: Input, start: u64, format: audio::Format) -> Option<Finding> {
    audio::read(input.beginning_at(start), format)
        .inspect_err(|error| tracing::debug!(%error, "not readable as audio"))
        .ok()
}

/// A parser panicked, or the runtime is shutting down: nothing is known about the file.
fn nothing(error: &JoinError) -> Found {
    tracing::warn!(%error, "a parser did not finish");
    Found::Nothing
}
