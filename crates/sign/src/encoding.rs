//! Percent encoding as the signature methods need it, on bytes: a query may hold any octets, and a
//! signature is over octets.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Everything but letters, digits and `-_.~` is encoded: Python's `quote`, Go's `QueryEscape` and COS's
/// signature rules agree on this set (they differ in how a space is written).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes with upper-case hexadecimal digits and `%20` for a space.
pub(crate) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

/// Encodes as a form does: `+` for a space.
pub(crate) fn encode_form(bytes: &[u8]) -> String {
    encode(bytes).replace("%20", "+")
}

/// Decodes a path segment or path: `+` stands for itself. An invalid escape is left as it is.
pub(crate) fn decode_path(text: &str) -> Vec<u8> {
    percent_decode(text.as_bytes()).collect()
}

/// Decodes a query component: `+` stands for a space.
pub(crate) fn decode_form(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}

/// The pairs of a raw query, decoded, in their order; a piece without `=` has an empty value.
pub(crate) fn query_pairs(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            (decode_form(key), decode_form(value))
        })
        .collect()
}

/// The same query, decoded and encoded again, in its order. Rescues a client whose URL library changed
/// the spelling after the signature was made.
pub(crate) fn respell_query(query: &str) -> String {
    let again = |text: &str| encode_form(&decode_form(text));
    let pieces: Vec<String> = query
        .split('&')
        .map(|piece| match piece.split_once('=') {
            Some((key, value)) => format!("{}={}", again(key), again(value)),
            None => again(piece),
        })
        .collect();
    pieces.join("&")
}

#[cfg(test)]
mod tests {
    use super::{decode_form, decode_path, encode, encode_form, query_pairs, respell_query};

    #[test]
    fn encodes_all_but_the_unreserved() {
        assert_eq!(encode("aZ09-_.~ /+*%中".as_bytes()), "aZ09-_.~%20%2F%2B%2A%25%E4%B8%AD");
        assert_eq!(encode_form(b"a b+c"), "a+b%2Bc");
    }

    #[test]
    fn decodes_octets_and_leaves_broken_escapes() {
        assert_eq!(decode_form("a+b%2B%ff%zz%4"), b"a b+\xff%zz%4");
        assert_eq!(decode_path("/a+b%20c"), b"/a+b c");
    }

    #[test]
    fn respells_in_order_and_keeps_the_shape() {
        assert_eq!(
            respell_query("b=http:%2f%2Fa&a=x%20y&flag&e="),
            "b=http%3A%2F%2Fa&a=x+y&flag&e="
        );
        assert_eq!(respell_query(""), "");
    }

    #[test]
    fn reads_pairs_with_empty_values() {
        let pairs = query_pairs("uploads&prefix=a%2Fb&&x=");
        let expected: [(&[u8], &[u8]); 3] = [(b"uploads", b""), (b"prefix", b"a/b"), (b"x", b"")];
        assert_eq!(pairs.len(), expected.len());
        for ((key, value), (expected_key, expected_value)) in pairs.iter().zip(expected) {
            assert_eq!((key.as_slice(), value.as_slice()), (expected_key, expected_value));
        }
    }
}
