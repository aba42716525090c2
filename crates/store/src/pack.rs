//! Packed numbers: what settlements and open entries look like on disk.
//!
//! Unsigned LEB128, seven bits a byte, low bits first. Signed numbers are stored as what they are
//! above zero; none of ours is below.

/// Appends numbers.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    pub(crate) fn put(&mut self, mut number: u64) -> &mut Self {
        loop {
            let low = u8::try_from(number & 127).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                self.bytes.push(low);
                return self;
            }
            self.bytes.push(low | 128);
        }
    }

    /// Appends a text, its length first.
    pub(crate) fn put_text(&mut self, text: &str) -> &mut Self {
        self.put(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads numbers back.
#[derive(Debug)]
pub(crate) struct Unpacker<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> Unpacker<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.as_slice().is_empty()
    }

    /// The next number; none if the bytes end or make no number.
    pub(crate) fn get(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.next()?;
            let low = u64::from(byte & 127);
            number |= low.checked_shl(shift)?;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    /// The next text; none if the bytes end or make no text.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.get()?).ok()?;
        let (text, rest) = self.bytes.as_slice().split_at_checked(len)?;
        self.bytes = rest.iter();
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_round_trip(numbers: Vec<u64>) {
            let mut packer = Packer::default();
            for number in &numbers {
                packer.put(*number);
            }
            let mut unpacker = Unpacker::new(packer.bytes());
            for number in numbers {
                prop_assert_eq!(unpacker.get(), Some(number));
            }
            prop_assert!(unpacker.is_empty());
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let mut unpacker = Unpacker::new(&bytes);
            while unpacker.get().is_some() {}
        }
    }
}
