//! The size of pictures, out of the headers that begin a sequence.

use super::super::bits::Bits;

/// Bytes of a parameter set; with scaling lists they have some hundreds.
const SET_BYTES_MAX: usize = 1_024;
/// Sides in pixels: beyond all levels of the codecs.
const SIDE_MAX: u32 = 1 << 16;

/// What a sequence header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub width: u32,
    pub height: u32,
    /// Transfer characteristics by the code points that all codecs share.
    pub transfer: Option<u64>,
}

impl Picture {
    fn checked(width: u32, height: u32, transfer: Option<u32>) -> Option<Self> {
        let fits = (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height);
        fits.then_some(Self { width, height, transfer: transfer.map(u64::from) })
    }
}

/// MPEG-1 and MPEG-2: the sequence header.
pub(super) fn mpeg(stream: &[u8]) -> Option<Picture> {
    let header = units(stream).find(|unit| unit.first() == Some(&0xb3))?;
    let mut bits = Bits::new(header.get(1..)?);
    Picture::checked(bits.take(12)?, bits.take(12)?, None)
}

/// H.264: the first sequence parameter set.
pub(super) fn h264(stream: &[u8]) -> Option<Picture> {
    units(stream).find(|unit| unit.first().is_some_and(|byte| byte & 0x1f == 7)).and_then(h264_set)
}

/// H.264: a sequence parameter set.
pub(super) fn h264_set(set: &[u8]) -> Option<Picture> {
    let set = unescaped(set);
    let mut bits = Bits::new(set.get(1..)?);
    let profile = bits.take(8)?;
    bits.skip(16)?;
    bits.unsigned()?;
    let mut chroma = 1;
    if matches!(profile, 44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244) {
        chroma = bits.unsigned()?;
        let separate = chroma == 3 && bits.flag()?;
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
        if bits.flag()? {
            skip_scaling(&mut bits, if chroma == 3 { 12 } else { 8 })?;
        }
        chroma = if separate { 0 } else { chroma };
    }
    bits.unsigned()?;
    skip_order(&mut bits)?;
    bits.unsigned()?;
    bits.skip(1)?;
    let (columns, rows) = (bits.unsigned()?.checked_add(1)?, bits.unsigned()?.checked_add(1)?);
    let fields = if bits.flag()? { 1 } else { 2 };
    if fields == 2 {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let (across, down) = crop(&mut bits, chroma)?;
    let width = columns.checked_mul(16)?.checked_sub(across)?;
    let height = rows.checked_mul(16)?.checked_sub(down)?.checked_mul(fields)?;
    Picture::checked(width, height, transfer(&mut bits))
}

/// HEVC: the first sequence parameter set.
pub(super) fn hevc(stream: &[u8]) -> Option<Picture> {
    let set = units(stream).find(|unit| unit.first().is_some_and(|byte| byte >> 1 & 0x3f == 33))?;
    let set = unescaped(set);
    let mut bits = Bits::new(set.get(2..)?);
    bits.skip(4)?;
    let layers = usize::try_from(bits.take(3)?).ok()?;
    // profile and level of the whole
    bits.skip(1 + 88 + 8)?;
    let mut of_layers = 0;
    for _ in 0..layers {
        of_layers += if bits.flag()? { 88 } else { 0 };
        of_layers += if bits.flag()? { 8 } else { 0 };
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers))?;
    }
    bits.skip(of_layers)?;
    bits.unsigned()?;
    let chroma = bits.unsigned()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let (width, height) = (bits.unsigned()?, bits.unsigned()?);
    let (across, down) = crop(&mut bits, chroma)?;
    Picture::checked(width.checked_sub(across)?, height.checked_sub(down)?, None)
}

/// What is cut off at the sides, in pixels: in units of the chroma samples.
fn crop(bits: &mut Bits<'_>, chroma: u32) -> Option<(u32, u32)> {
    if !bits.flag()? {
        return Some((0, 0));
    }
    let (wide, high) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut sum = || bits.unsigned()?.checked_add(bits.unsigned()?);
    let (across, down) = (sum()?, sum()?);
    Some((across.checked_mul(wide)?, down.checked_mul(high)?))
}

fn skip_scaling(bits: &mut Bits<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.signed()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// How the order of pictures is told.
fn skip_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.signed()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Transfer characteristics of the usability information that follows; none: it does not say.
fn transfer(bits: &mut Bits<'_>) -> Option<u32> {
    if !bits.flag()? {
        return None;
    }
    if bits.flag()? && bits.take(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if !bits.flag()? {
        return None;
    }
    bits.skip(4)?;
    if !bits.flag()? {
        return None;
    }
    bits.skip(8)?;
    bits.take(8)
}

/// What is between the start codes of a stream.
fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let start = rest.windows(3).position(|three| three == b"\0\0\x01")? + 3;
        rest = rest.get(start..)?;
        let end = rest.windows(3).position(|three| three == b"\0\0\x01").unwrap_or(rest.len());
        rest.get(..end)
    })
}

/// A unit without the bytes that keep start codes out of it.
fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zeros = 0;
    for byte in unit.iter().take(SET_BYTES_MAX) {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_part_a_stream() {
        let stream = b"\x09\0\0\x01\x67ab\0\0\0\x01\x68\0\0\x01";
        let found: Vec<_> = units(stream).collect();
        assert_eq!(found, [&b"\x67ab\0"[..], b"\x68", b""]);
        assert_eq!(unescaped(b"\0\0\x03\x01\0\0\0\x03"), b"\0\0\x01\0\0\0");
    }

    #[test]
    fn an_mpeg_sequence() {
        let stream = b"\0\0\x01\xb3\x14\x00\xf0\x13";
        assert_eq!(mpeg(stream), Some(Picture { width: 320, height: 240, transfer: None }));
        assert_eq!(mpeg(b"\0\0\x01\xb3\0\0\0"), None);
    }
}
