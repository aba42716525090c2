//! Random numbers and texts for ids and temporary keys, from the system's generator.
//!
//! Everything here guards access or must never repeat, so there is no seed and no test generator.

use std::io;

/// The letters and digits that random texts are made of.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// That many random letters and digits, each equally likely.
pub(crate) fn text(len: usize) -> io::Result<String> {
    let mut text = String::with_capacity(len);
    while text.len() < len {
        for byte in bytes::<64>()? {
            // 62 and 63 are passed over: folding them in would favour the first letters
            let letter = ALPHABET.get(usize::from(byte & 63));
            if let (Some(&letter), true) = (letter, text.len() < len) {
                text.push(char::from(letter));
            }
        }
    }
    Ok(text)
}

/// A number of 19 digits that fits a signed 64-bit integer, as FileIds do.
pub(crate) fn file_number() -> io::Result<u64> {
    const LOW: u64 = 1_000_000_000_000_000_000;
    const SPAN: u64 = 8_000_000_000_000_000_000;
    Ok(LOW + u64::from_le_bytes(bytes()?) % SPAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_no_favourites() {
        let text = text(62 * 200).unwrap();
        assert_eq!(text.len(), 62 * 200);
        for letter in ALPHABET {
            let count = text.bytes().filter(|b| b == letter).count();
            assert!((100..300).contains(&count), "{letter} came {count} times");
        }
    }

    #[test]
    fn file_numbers_have_nineteen_digits_and_fit_i64() {
        for _ in 0..100 {
            let number = file_number().unwrap();
            assert_eq!(number.to_string().len(), 19);
            assert!(i64::try_from(number).is_ok());
        }
    }
}
