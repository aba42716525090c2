//! Queries and forms, decoded to bytes.
//!
//! Signature v1 covers the decoded octets, whatever they are; only afterwards do they have to be
//! UTF-8. Hence no ready-made form parser: those replace what is not UTF-8.

use percent_encoding::percent_decode;

/// A decoded name and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The pairs of a query or form, in order. A piece without `=` is a name with an empty value; an
/// invalid escape stands for itself.
pub(crate) fn decode(text: &[u8]) -> Vec<Pair> {
    let pieces = text.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let mut parts = piece.splitn(2, |&byte| byte == b'=');
            let mut next = || unescape(parts.next().unwrap_or_default());
            (next(), next())
        })
        .collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).collect()
}

/// The pairs as text; none: one of them is not UTF-8.
pub(crate) fn text(pairs: Vec<Pair>) -> Option<Vec<(String, String)>> {
    pairs
        .into_iter()
        .map(|(name, value)| Some((String::from_utf8(name).ok()?, String::from_utf8(value).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_octets_in_order() {
        let pairs = decode(b"A=1+2&&B=%E4%B8%AD%2b&flag&C=x=y&D=%zz%ff");
        let expected: [(&[u8], &[u8]); 5] = [
            (b"A", b"1 2"),
            (b"B", "中+".as_bytes()),
            (b"flag", b""),
            (b"C", b"x=y"),
            (b"D", b"%zz\xff"),
        ];
        assert_eq!(pairs.len(), expected.len());
        for (pair, (name, value)) in pairs.iter().zip(expected) {
            assert_eq!((pair.0.as_slice(), pair.1.as_slice()), (name, value));
        }
        assert_eq!(text(pairs), None);
        assert_eq!(text(decode(b"A=1")), Some(vec![("A".to_owned(), "1".to_owned())]));
    }
}
