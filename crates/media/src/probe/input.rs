//! A local file that the built-in parsers may read only so much of.
//!
//! Every byte read is charged to a budget, so that no file, however it lies about its contents,
//! costs more than that; and every read allocates only what the file can really give. Absent:
//! writing, and any other source than an open file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

/// An open file from `start` to its end, with what may still be read of it.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    start: u64,
    len: u64,
    at: u64,
    budget: u64,
}

impl Input {
    /// The whole of `file`, of which `budget` bytes may be read.
    pub(super) fn new(file: File, budget: u64) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, start: 0, len, at: 0, budget })
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The same input without its first `offset` bytes, read from there on.
    pub(super) fn beginning_at(mut self, offset: u64) -> Self {
        let offset = offset.min(self.len);
        self.start += offset;
        self.len -= offset;
        self.at = 0;
        self
    }

    /// Up to `len` bytes from `offset`; fewer only at the end of the file.
    pub(super) fn some_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let left = self.len.saturating_sub(offset);
        let len = usize::try_from(left).map_or(len, |left| left.min(len));
        let mut bytes = vec![0; len];
        self.at = offset;
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Exactly `len` bytes from `offset`; none if that is more than `most` or than the file has.
    pub(super) fn all_at(&mut self, offset: u64, len: u64, most: usize) -> Option<Vec<u8>> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        let len = usize::try_from(len).ok().filter(|len| *len <= most)?;
        self.some_at(offset, len).ok()
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let want = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        if want == 0 {
            return Ok(0);
        }
        let charge = u64::try_from(want).unwrap_or(u64::MAX);
        if charge > self.budget {
            return Err(io::Error::other("the probe's read budget is used up"));
        }
        self.file.seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let got = self.file.read(out.get_mut(..want).unwrap_or_default())?;
        let got64 = u64::try_from(got).unwrap_or(u64::MAX);
        self.budget = self.budget.saturating_sub(got64);
        self.at = self.at.saturating_add(got64);
        Ok(got)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

impl MediaSource for Input {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// Big-endian numbers out of a byte slice; none beyond its end.
pub(super) mod be {
    /// The byte at `at`.
    pub(in crate::probe) fn u8(bytes: &[u8], at: usize) -> Option<u8> {
        bytes.get(at).copied()
    }

    /// Two bytes from `at`.
    pub(in crate::probe) fn u16(bytes: &[u8], at: usize) -> Option<u16> {
        array(bytes, at).map(u16::from_be_bytes)
    }

    /// Four bytes from `at`.
    pub(in crate::probe) fn u32(bytes: &[u8], at: usize) -> Option<u32> {
        array(bytes, at).map(u32::from_be_bytes)
    }

    /// Eight bytes from `at`.
    pub(in crate::probe) fn u64(bytes: &[u8], at: usize) -> Option<u64> {
        array(bytes, at).map(u64::from_be_bytes)
    }

    /// `N` bytes from `at`.
    pub(in crate::probe) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}
