//! Width and height of still images, from their headers.
//!
//! Read here and never by ffprobe: a header is a few bytes, a decoder is an attack surface.
//! Absent: EXIF orientation, colour, animation.

use super::input::{Input, be};
use super::sniff::Image;

/// A JPEG may carry many segments (previews, profiles) before its frame header.
const JPEG_SEGMENTS: usize = 500;

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
