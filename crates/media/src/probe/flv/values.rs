//! The numbers of `onMetaData`, in the notation AMF0.
//!
//! Only the first level is kept. What is nested is passed over, to a fixed depth: a value inside
//! could have the name of one outside.

use std::collections::HashMap;

use super::super::input::be;

/// Levels of objects in objects: the places of key frames are one level down.
const DEPTH_MAX: usize = 4;
/// Members of an object.
const MEMBERS_MAX: usize = 200;

/// Numbers by their names.
#[derive(Debug, Default)]
pub(super) struct Values(HashMap<String, f64>);

impl Values {
    /// The values of a script tag; none: it is not `onMetaData`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let rest = body.strip_prefix(b"\x02\0\x0aonMetaData")?;
        let mut reader = Reader(rest);
        // an array is an object behind a count that need not be right
        match reader.byte()? {
            3 => {}
            8 => reader.skip(4)?,
            _ => return None,
        }
        let mut values = Self::default();
        for _ in 0..MEMBERS_MAX {
            let Some((name, kind)) = reader.member() else { break };
            if kind == 0 {
                let Some(number) = be::u64(reader.0, 0).map(f64::from_bits) else { break };
                values.0.insert(String::from_utf8_lossy(name).into_owned(), number);
            }
            if reader.pass(kind, DEPTH_MAX).is_none() {
                break;
            }
        }
        Some(values)
    }

    /// The number of that name.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied().filter(|number| number.is_finite())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn count(&mut self) -> Option<usize> {
        let count = be::u32(self.0, 0)?;
        self.skip(4)?;
        usize::try_from(count).ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(be::u16(self.0, 0)?);
        let text = self.0.get(2..2 + length)?;
        self.skip(2 + length)?;
        Some(text)
    }

    /// The name of a member and the kind of its value; none: the object ends.
    fn member(&mut self) -> Option<(&'a [u8], u8)> {
        let name = self.text()?;
        let kind = self.byte()?;
        (kind != 9).then_some((name, kind))
    }

    /// Passes over a value.
    fn pass(&mut self, kind: u8, depth: usize) -> Option<()> {
        let inside = depth.checked_sub(1)?;
        match kind {
            0 => self.skip(8),
            1 => self.skip(1),
            2 => self.text().map(|_text| ()),
            3 | 8 => {
                if kind == 8 {
                    self.skip(4)?;
                }
                while let Some((_, kind)) = self.member() {
                    self.pass(kind, inside)?;
                }
                Some(())
            }
            5 | 6 => Some(()),
            10 => {
                for _ in 0..self.count()? {
                    let kind = self.byte()?;
                    self.pass(kind, inside)?;
                }
                Some(())
            }
            11 => self.skip(10),
            12 => {
                let length = self.count()?;
                self.skip(length)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_first_level() {
        let number = |name: &[u8], value: f64| {
            let length = u16::try_from(name.len()).unwrap().to_be_bytes();
            [&length[..], name, b"\0", &value.to_be_bytes()].concat()
        };
        let inner = [&b"\0\x03box\x03"[..], &number(b"width", 7.0), b"\0\0\x09"].concat();
        let list = b"\0\x04list\x0a\0\0\0\x02\x01\x01\x05".to_vec();
        let members = [number(b"width", 320.0), inner, list, number(b"duration", 2.5)].concat();
        let body =
            [&b"\x02\0\x0aonMetaData\x08\xff\xff\xff\xff"[..], &members, b"\0\0\x09"].concat();
        let values = Values::read(&body).unwrap();
        assert_eq!((values.number("width"), values.number("duration")), (Some(320.0), Some(2.5)));
        assert_eq!(values.number("box"), None);
        for cut in 0..body.len() {
            let _whatever_is_there = Values::read(&body[..cut]);
        }
        assert!(Values::read(b"\x02\0\x09otherData\x08").is_none());
        let deep = [&b"\x02\0\x0aonMetaData\x03"[..], &b"\0\x01a\x03".repeat(1_000)].concat();
        assert!(Values::read(&deep).unwrap().number("a").is_none());
    }
}
