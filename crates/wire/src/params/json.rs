//! Reading a JSON body without letting its shape cost more than its size.
//!
//! A tree of values takes up to forty times the memory of its text, and a deep one needs a deep
//! stack. So the text is scanned once for depth and for the number of values before a tree is made
//! of it. The scan understands strings and brackets only; whether it is JSON is the parser's word.

use model::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};

pub(super) fn read(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let size = measure(body);
    if size.depth > JSON_DEPTH_MAX {
        let text = format!("The request content is nested deeper than {JSON_DEPTH_MAX} levels.");
        return Err(ApiError::new(Code::InvalidRequest, text));
    }
    if size.values > JSON_VALUES_MAX {
        let text = format!("The request content holds more than {JSON_VALUES_MAX} values.");
        return Err(ApiError::new(Code::RequestSizeLimitExceeded, text));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::malformed_json().because(error))
}

struct Size {
    depth: usize,
    /// Never less than the number of values in the text.
    values: usize,
}

fn measure(text: &[u8]) -> Size {
    let mut size = Size { depth: 0, values: 1 };
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                }
            }
            b'[' | b'{' => {
                depth += 1;
                size.depth = size.depth.max(depth);
                size.values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => size.values += 1,
            _ => {}
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &[u8]) -> Code {
        read(body).unwrap_err().code
    }

    #[test]
    fn only_objects_are_bodies() {
        assert!(read(b"{}").unwrap().is_empty());
        assert!(read(b" {\"a\":[1,{\"b\":null}]}\n").is_ok());
        for bad in [
            &b""[..],
            b"  ",
            b"[]",
            b"null",
            b"1",
            b"{\"a\":1",
            b"{\"a\":1}}",
            b"{\"a\":1} x",
            b"{'a':1}",
            b"\xff",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":1e999}",
            b"{\"a",
            b"\"\\",
        ] {
            assert_eq!(code(bad), Code::InvalidRequest, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn depth_and_number_of_values_end() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            format!("{{\"a\":{open}{close}}}").into_bytes()
        };
        assert!(read(&nested(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(code(&nested(JSON_DEPTH_MAX + 1)), Code::InvalidRequest);
        assert_eq!(code(&nested(1_000_000)), Code::InvalidRequest);
        let flat = |values: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(values)).into_bytes();
        assert!(read(&flat(1000)).is_ok());
        assert_eq!(code(&flat(JSON_VALUES_MAX)), Code::RequestSizeLimitExceeded);
        let quoted =
            format!("{{\"a\":\"{}\\\"{}\"}}", "[".repeat(100), ",".repeat(JSON_VALUES_MAX));
        assert!(read(quoted.as_bytes()).is_ok(), "strings nest nothing");
    }
}
