//! Width and height of still images, from their headers.
//!
//! Read here and never by ffprobe: a header is a few bytes, a decoder is an attack surface.
//! Absent: EXIF orientation and the turns of HEIF, colour, animation.

use super::input::{Input, be};
use super::mp4::{self, Boxes, child};
use super::sniff::Image;

/// A JPEG may carry many segments (previews, profiles) before its frame header.
const JPEG_SEGMENTS: usize = 500;

/// Entries of a TIFF directory: real ones have a few dozen.
const TIFF_ENTRIES: usize = 4_096;
/// Boxes on the top level of a HEIF file before its description.
const HEIF_BOXES: usize = 16;
/// Bytes of a HEIF file's description: thousands of tiles and their properties.
const HEIF_META_BYTES: usize = 1024 * 1024;

/// Width and height in pixels; none where the header is broken or says 0.
pub(super) fn dimensions(input: &mut Input, image: Image) -> Option<(u32, u32)> {
    let head = input.some_at(0, 64).ok()?;
    let size = match image {
        Image::Png => {
            (head.get(12..16)? == b"IHDR").then_some((be::u32(&head, 16)?, be::u32(&head, 20)?))
        }
        Image::Gif => Some((le16(&head, 6)?, le16(&head, 8)?)),
        Image::Bmp => bmp(&head),
        Image::Webp => webp(&head),
        Image::Jpeg => jpeg(input),
        Image::Tiff => tiff(input, &head),
        Image::Heif => heif(input),
    };
    size.filter(|(width, height)| *width > 0 && *height > 0)
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    be::u16(bytes, at).map(|n| u32::from(n.swap_bytes()))
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    Some(le16(bytes, at)? | u32::from(be::u8(bytes, at + 2)?) << 16)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be::u32(bytes, at).map(u32::swap_bytes)
}

fn bmp(head: &[u8]) -> Option<(u32, u32)> {
    if le32(head, 14)? == 12 {
        return Some((le16(head, 18)?, le16(head, 20)?));
    }
    // A negative height means rows from the top.
    let height = i32::from_le_bytes(be::array(head, 22)?).unsigned_abs();
    Some((le32(head, 18)?, height))
}

fn webp(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8X" => Some((le24(head, 24)? + 1, le24(head, 27)? + 1)),
        b"VP8L" => {
            let bits = (be::u8(head, 20)? == 0x2f).then_some(le32(head, 21)?)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => {
            let start_code = head.get(23..26)? == b"\x9d\x01\x2a";
            start_code.then_some((le16(head, 26)? & 0x3fff, le16(head, 28)? & 0x3fff))
        }
        _ => None,
    }
}

fn jpeg(input: &mut Input) -> Option<(u32, u32)> {
    let mut at = 2_u64;
    for _ in 0..JPEG_SEGMENTS {
        let segment = input.some_at(at, 9).ok()?;
        let (0xff, marker) = (be::u8(&segment, 0)?, be::u8(&segment, 1)?) else { return None };
        match marker {
            // Fill bytes before a marker.
            0xff => at += 1,
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => at += 2,
            // Frame headers; C4, C8 and CC are tables and extensions.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let height = be::u16(&segment, 5)?;
                return Some((u32::from(be::u16(&segment, 7)?), u32::from(height)));
            }
            // The picture or its end came before a frame header.
            0xd9 | 0xda => return None,
            _ => at += 2 + u64::from(be::u16(&segment, 2)?),
        }
    }
    None
}

/// The first directory of a TIFF file.
fn tiff(input: &mut Input, head: &[u8]) -> Option<(u32, u32)> {
    let little = head.starts_with(b"II");
    let u16 =
        |bytes: &[u8], at| be::u16(bytes, at).map(|n| if little { n.swap_bytes() } else { n });
    let u32 =
        |bytes: &[u8], at| be::u32(bytes, at).map(|n| if little { n.swap_bytes() } else { n });
    let at = u64::from(u32(head, 4)?);
    let count = usize::from(u16(&input.some_at(at, 2).ok()?, 0)?).min(TIFF_ENTRIES);
    let entries = input.some_at(at.checked_add(2)?, count * 12).ok()?;
    let value = |tag: u16| {
        let entry = entries.chunks_exact(12).find(|entry| u16(entry, 0) == Some(tag))?;
        match u16(entry, 2)? {
            3 => u16(entry, 8).map(u32::from),
            4 => u32(entry, 8),
            _ => None,
        }
    };
    Some((value(256)?, value(257)?))
}

/// The size of a HEIF file's primary item, which may be a grid of tiles with sizes of their own.
fn heif(input: &mut Input) -> Option<(u32, u32)> {
    let mut at = 0_u64;
    let meta = (0..HEIF_BOXES).find_map(|_| {
        let head = input.some_at(at, 16).ok()?;
        let (name, header, size) = mp4::top_box(&head, input.len().saturating_sub(at))?;
        let body = (at.saturating_add(header), size.saturating_sub(header));
        at = at.saturating_add(size);
        (&name == b"meta").then_some(body)
    })?;
    let meta = input.all_at(meta.0, meta.1, HEIF_META_BYTES)?;
    let meta = meta.get(4..)?;
    let pitm = child(meta, *b"pitm")?;
    let primary = item(be::u8(pitm, 0)?, pitm, 4)?.0;
    let properties = child(meta, *b"iprp")?;
    let all: Vec<_> = Boxes(child(properties, *b"ipco")?).collect();
    associated(child(properties, *b"ipma")?, primary)?.into_iter().find_map(|index| {
        let (name, body) = all.get(index.checked_sub(1)?)?;
        (name == b"ispe").then_some((be::u32(body, 4)?, be::u32(body, 8)?))
    })
}

/// The item number at a place, and where it ends: of two bytes in version 0, else of four.
fn item(version: u8, bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    if version == 0 {
        return Some((u32::from(be::u16(bytes, at)?), at + 2));
    }
    Some((be::u32(bytes, at)?, at + 4))
}

/// The properties of an item, by their numbers from 1.
fn associated(ipma: &[u8], wanted: u32) -> Option<Vec<usize>> {
    let version = be::u8(ipma, 0)?;
    let is_wide = be::u8(ipma, 3)? & 1 == 1;
    let count = be::u32(ipma, 4)?;
    let mut at = 8;
    // ends where the bytes end, whatever the count says
    for _ in 0..count {
        let (found, behind) = item(version, ipma, at)?;
        let entries = usize::from(be::u8(ipma, behind)?);
        let begin = behind + 1;
        let each = if is_wide { 2 } else { 1 };
        at = begin + entries * each;
        if found == wanted {
            // the first bit says whether a reader must know the property
            let number = |entry: &[u8]| match entry {
                [one] => usize::from(one & 0x7f),
                _ => be::u16(entry, 0).map_or(0, |two| usize::from(two & 0x7fff)),
            };
            return Some(ipma.get(begin..at)?.chunks_exact(each).map(number).collect());
        }
    }
    None
}
