//! MPEG transport streams: the program's table, the first headers of each stream, and the time stamps
//! at the beginning and the end.
//!
//! A file says neither its length nor its sizes, so both are found where players find them. What is
//! read is bounded, and whatever is out of place is passed over. Absent: programs behind the first,
//! encrypted streams, and the HDR of HEVC, whose place behind its frame structures is not read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::input::{Input, be};
use super::meta::rounded_rate;
use super::meta::{AudioFinding, Finding, VideoFinding, ticks};
use stream::{Codec, Stream};

mod headers;
mod picture;
mod stream;

/// Width and height of the pictures that a sequence parameter set of H.264 describes.
pub(super) fn h264_size(set: &[u8]) -> Option<(u32, u32)> {
    picture::h264_set(set).map(|picture| (picture.width, picture.height))
}

/// Bytes of the beginning: some seconds, with a key frame of each stream.
const HEAD_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of the end: the last time stamp of every stream.
const TAIL_BYTES: usize = 1024 * 1024;
/// Bytes of a packet.
const PACKET: usize = 188;
/// Bytes of a program's table; the standard has no more.
const SECTION_BYTES_MAX: usize = 1024;
/// Streams of one program.
const STREAMS_MAX: usize = 32;
/// Units of time stamps in a second.
const CLOCK: u64 = 90_000;

/// What the file says about itself; none without a program.
pub(super) fn read(input: &mut Input) -> Option<Finding> {
    let head = input.some_at(0, HEAD_BYTES).ok()?;
    // M2TS puts a time of four bytes before each packet
    let (first, step) = if be::u8(&head, 0)? == 0x47 { (0, PACKET) } else { (4, PACKET + 4) };
    let mut program = Program::default();
    for packet in packets(head.get(first..)?, step) {
        program.add(&packet);
    }
    if input.len() > u64::try_from(head.len()).ok()? {
        let (step64, tail) = (u64::try_from(step).ok()?, u64::try_from(TAIL_BYTES).ok()?);
        let start = input.len().saturating_sub(tail).max(u64::try_from(head.len()).ok()?);
        let start = start.next_multiple_of(step64);
        let tail = input.some_at(start, TAIL_BYTES).ok()?;
        for packet in packets(tail.get(first..).unwrap_or_default(), step) {
            program.see_time(&packet);
        }
    }
    program.finding()
}

/// A packet's contents.
struct Packet<'a> {
    /// Which stream it belongs to.
    id: u16,
    /// A table or a frame begins in it.
    begins: bool,
    payload: &'a [u8],
}

/// The packets of `bytes`, until one is not where it should be.
fn packets(bytes: &[u8], step: usize) -> impl Iterator<Item = Packet<'_>> {
    let whole = bytes.chunks(step).map(|chunk| chunk.get(..PACKET));
    whole
        .map_while(|packet| packet.filter(|packet| packet.first() == Some(&0x47)))
        .filter_map(read_packet)
}

/// None: it is damaged, encrypted or has no payload.
fn read_packet(packet: &[u8]) -> Option<Packet<'_>> {
    let (flags, control) = (be::u16(packet, 1)?, be::u8(packet, 3)?);
    if flags & 0x8000 != 0 || control & 0xc0 != 0 || control & 0x10 == 0 {
        return None;
    }
    let payload = match control & 0x20 {
        0 => packet.get(4..)?,
        _ => packet.get(5 + usize::from(be::u8(packet, 4)?)..)?,
    };
    Some(Packet { id: flags & 0x1fff, begins: flags & 0x4000 != 0, payload })
}

/// The first program of a transport stream.
#[derive(Default)]
struct Program {
    /// The packets that carry its table.
    table: Option<u16>,
    /// The table as far as it has come.
    section: Vec<u8>,
    streams: BTreeMap<u16, Stream>,
    /// The streams in the table's order.
    order: Vec<u16>,
}

impl Program {
    fn add(&mut self, packet: &Packet<'_>) {
        if packet.id == 0 && self.table.is_none() {
            self.table = programs(packet);
        } else if Some(packet.id) == self.table && self.order.is_empty() {
            self.add_table(packet);
        } else if let Some(stream) = self.streams.get_mut(&packet.id) {
            stream.add(packet.begins, packet.payload);
        }
    }

    fn see_time(&mut self, packet: &Packet<'_>) {
        if let (Some(stream), true) = (self.streams.get_mut(&packet.id), packet.begins) {
            stream.see_time(packet.payload);
        }
    }

    /// A table may go over several packets.
    fn add_table(&mut self, packet: &Packet<'_>) {
        if packet.begins {
            self.section.clear();
        } else if self.section.is_empty() {
            return;
        }
        let room = SECTION_BYTES_MAX.saturating_sub(self.section.len());
        self.section.extend(packet.payload.iter().take(room));
        if let Some(streams) = table(&self.section) {
            for (id, codec) in streams.into_iter().take(STREAMS_MAX) {
                if self.streams.insert(id, Stream::new(codec)).is_none() {
                    self.order.push(id);
                }
            }
        }
    }

    fn finding(self) -> Option<Finding> {
        let mut finding = Finding::default();
        let begin = self.streams.values().filter_map(Stream::first).min()?;
        let mut end = 0;
        for id in &self.order {
            let Some(stream) = self.streams.get(id) else { continue };
            let Some((first, last)) = stream.first().zip(stream.last()) else { continue };
            let length = last.saturating_sub(first);
            let frame = stream.frame_ticks().unwrap_or(0);
            let duration = ticks(length.saturating_add(frame), CLOCK).filter(|d| !d.is_zero());
            end = end.max(last.saturating_add(frame));
            add_stream(&mut finding, stream, duration);
        }
        finding.duration = ticks(end.saturating_sub(begin), CLOCK);
        Some(finding)
    }
}

fn add_stream(finding: &mut Finding, stream: &Stream, duration: Option<Duration>) {
    match stream.codec() {
        Codec::Video(_) => {
            if let Some(mut video) = stream.video() {
                video.fps = stream.frame_ticks().map_or(0, |frame| rounded_rate(CLOCK, frame));
                let stream = video;
                finding.video.push(VideoFinding { stream, duration, ..VideoFinding::default() });
            }
        }
        Codec::Audio(_) => {
            if let Some(stream) = stream.audio() {
                finding.audio.push(AudioFinding { stream, duration, bitrate: None });
            }
        }
    }
}

/// The section that begins in a payload, behind its length.
fn section(payload: &[u8], table: u8) -> Option<&[u8]> {
    let start = 1 + usize::from(be::u8(payload, 0)?);
    let length = usize::from(be::u16(payload, start + 1)? & 0x0fff);
    let body = payload.get(start + 3..(start + 3).checked_add(length)?)?;
    // the last four bytes are a checksum
    (be::u8(payload, start)? == table).then_some(body.get(..length.checked_sub(4)?)?)
}

/// The packets that carry the first program's table.
fn programs(packet: &Packet<'_>) -> Option<u16> {
    let body = section(packet.payload, 0).filter(|_| packet.begins)?;
    let mut programs = body.get(5..)?.chunks_exact(4);
    // number 0 is no program but the network
    let first = programs.find(|program| be::u16(program, 0) != Some(0))?;
    Some(be::u16(first, 2)? & 0x1fff)
}

/// The streams of a program's table that are known here; none: it is not whole.
fn table(bytes: &[u8]) -> Option<Vec<(u16, Codec)>> {
    let body = section(bytes, 2)?;
    let mut at = 9 + usize::from(be::u16(body, 7)? & 0x0fff);
    let mut streams = Vec::new();
    while let (Some(kind), Some(id), Some(more)) =
        (be::u8(body, at), be::u16(body, at + 1), be::u16(body, at + 3))
    {
        let descriptors = at + 5;
        at = descriptors + usize::from(more & 0x0fff);
        let codec = Codec::of(kind, body.get(descriptors..at).unwrap_or_default());
        streams.extend(codec.map(|codec| (id & 0x1fff, codec)));
    }
    Some(streams)
}
