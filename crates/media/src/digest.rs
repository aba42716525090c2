//! The two sums that COS clients check: MD5 (the ETag) and CRC-64/XZ (`x-cos-hash-crc64ecma`).
//!
//! Both run while the bytes pass by, so an object is never read again for them. The sum of the
//! parts of an upload is computed from the sums of the parts. SHA-1 is deliberately absent: no
//! client asks for it.

use crc_fast::{CrcAlgorithm, checksum_combine};
use md5::{Digest as _, Md5};

/// The sums of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    /// MD5.
    pub md5: [u8; 16],
    /// CRC-64/XZ, which COS calls ECMA.
    pub crc64: u64,
    /// How many bytes there were.
    pub size: u64,
}

impl Sums {
    /// The ETag of an object that was put in one piece, without its quotes.
    pub(crate) fn etag(&self) -> String {
        hex::encode(self.md5)
    }

    /// The ETag and the CRC-64 of the object that these parts make, in order: the MD5 of the
    /// parts' MD5s with `-N` appended, which is the form of S3 and COS.
    pub(crate) fn of_parts(parts: &[Self]) -> (String, u64) {
        let mut md5 = Md5::new();
        let mut crc64 = 0;
        for part in parts {
            md5.update(part.md5);
            crc64 = checksum_combine(CrcAlgorithm::Crc64Xz, crc64, part.crc64, part.size);
        }
        (format!("{}-{}", hex::encode(md5.finalize()), parts.len()), crc64)
    }
}

/// Sums in the making.
pub(crate) struct Summing {
    md5: Md5,
    crc64: crc_fast::Digest,
    size: u64,
}

impl Summing {
    pub(crate) fn new() -> Self {
        Self { md5: Md5::new(), crc64: crc_fast::Digest::new(CrcAlgorithm::Crc64Xz), size: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.crc64.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// CRC-64 of what has passed so far.
    pub(crate) fn crc64(&self) -> u64 {
        self.crc64.finalize()
    }

    /// The sums of what has passed so far.
    pub(crate) fn sums(&self) -> Sums {
        Sums { md5: self.md5.clone().finalize().into(), crc64: self.crc64(), size: self.size }
    }

    pub(crate) fn finish(self) -> Sums {
        Sums { crc64: self.crc64(), size: self.size, md5: self.md5.finalize().into() }
    }
}

impl std::fmt::Debug for Summing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summing").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(bytes: &[u8]) -> Sums {
        let mut summing = Summing::new();
        summing.update(bytes);
        summing.finish()
    }

    #[test]
    fn sums_are_the_published_ones() {
        let sums = sums(b"123456789");
        // the check value of CRC-64/XZ, and RFC 1321's style of MD5
        assert_eq!(sums.crc64, 11_051_210_869_376_104_954);
        assert_eq!(sums.etag(), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(sums.size, 9);
    }

    #[test]
    fn the_crc_of_parts_is_the_crc_of_the_whole() {
        let (a, b, c) = (b"hello ".as_slice(), b"".as_slice(), b"multipart world".as_slice());
        let whole = sums(&[a, b, c].concat());
        let (etag, crc64) = Sums::of_parts(&[sums(a), sums(b), sums(c)]);
        assert_eq!(crc64, whole.crc64);
        assert!(etag.ends_with("-3"), "{etag}");
        let one = Sums::of_parts(&[sums(a)]);
        assert_eq!(one.1, sums(a).crc64);
        let md5_of_md5 = hex::encode(Md5::digest(sums(a).md5));
        assert_eq!(one.0, format!("{md5_of_md5}-1"));
    }
}
