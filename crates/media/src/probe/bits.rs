//! Bits in a row, most significant first, and the variable-length numbers of H.264 and HEVC.

use super::input::be;

/// Bits of `bytes` from the first on; none beyond the end.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// So many bits, at most 32, as a number.
    pub(super) fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = be::u8(self.bytes, self.at / 8)?;
            value = (value << 1) | u32::from((byte >> (7 - self.at % 8)) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// One bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    /// Passes over so many bits.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        (self.at <= self.bytes.len().checked_mul(8)?).then_some(())
    }

    /// An Exp-Golomb number without sign (`ue(v)`).
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.take(zeros)?;
        (1_u32.checked_shl(u32::try_from(zeros).ok()?)? - 1).checked_add(rest)
    }

    /// An Exp-Golomb number with a sign (`se(v)`).
    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = i64::from(self.unsigned()?);
        Some(if number % 2 == 1 { (number + 1) / 2 } else { -number / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length() {
        // 1 010 011 00100 00101 1, and then no end
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1100_0000]);
        assert_eq!(
            (bits.unsigned(), bits.unsigned(), bits.unsigned()),
            (Some(0), Some(1), Some(2))
        );
        assert_eq!((bits.signed(), bits.unsigned()), (Some(2), Some(4)));
        assert_eq!((bits.flag(), bits.unsigned()), (Some(true), None));
        assert_eq!(Bits::new(&[0; 8]).unsigned(), None);
        assert_eq!(Bits::new(&[0; 2]).skip(16), Some(()));
        assert_eq!(Bits::new(&[0; 2]).skip(17), None);
    }
}
