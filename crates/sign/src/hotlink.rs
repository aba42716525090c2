//! The key hotlink protection of VOD: a signature in the address of a media file, good for its directory
//! until a time (Tencent's document 266/33986, in Chinese 266/14047).
//!
//! `sign = md5(KEY + Dir + t + exper + rlimit + us + whref + bkref + whreg + bkreg)`, where Dir is the path
//! without the file's name and all else are parameters of the query as they stand there, decoded. Because
//! Dir covers a directory, the segments of a playlist beside it share its signature.
//!
//! The scheme joins its parts without saying where one ends, so who has a good address may move what stood
//! in `exper` or `rlimit` to the front of `us`. Expiry and directory are safe, because `t` has a fixed length
//! and no value may hold a slash: else the end of a directory could be moved too, and `/a/deadbeef-1/` until
//! `t` would be `/a/` until the time `deadbeef`. It is kept for players and servers that were written for it.

use md5::{Digest as _, Md5};

use crate::{encoding, mac};

/// How long after `t` an address is still good, in seconds (documented: the clocks of machines differ).
pub const TOLERANCE_S: i64 = 300;
/// Bytes of `us` and of each list: the documented ten domains, with room.
const VALUE_BYTES_MAX: usize = 1024;
/// Digits of `t`: eight name every second from 1978 to 2106.
const T_DIGITS: usize = 8;

/// The parameters that a signature covers, in its order.
const NAMES: [&str; 8] = ["t", "exper", "rlimit", "us", "whref", "bkref", "whreg", "bkreg"];
const SIGN: &str = "sign";

/// Why an address carries no signature that could be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HotlinkError {
    /// `t` or `sign` is not there.
    #[error("it has no t and sign")]
    Missing,
    /// A parameter stands twice, is too long, holds a slash, or is not UTF-8.
    #[error("its parameters cannot be read")]
    Form,
    /// `t` is not eight digits of lower-case hexadecimal.
    #[error("its t is not a time in lower-case hexadecimal")]
    Time,
}

/// The signature of an address as read, before it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hotlink {
    /// The values in the order of [`NAMES`]; empty: absent.
    values: [String; NAMES.len()],
    sign: String,
    to_s: i64,
}

impl Hotlink {
    /// Reads the query of an address. Other parameters are ignored.
    ///
    /// # Errors
    /// If it has no signature of the documented form.
    pub fn parse(query: &str) -> Result<Self, HotlinkError> {
        let mut values: [String; NAMES.len()] = Default::default();
        let mut sign = String::new();
        for (name, value) in encoding::query_pairs(query) {
            let named = NAMES.iter().zip(values.iter_mut());
            let mut all = named.chain([(&SIGN, &mut sign)]);
            let Some((_, place)) = all.find(|(known, _)| known.as_bytes() == name) else {
                continue;
            };
            if !place.is_empty() || value.len() > VALUE_BYTES_MAX || value.contains(&b'/') {
                return Err(HotlinkError::Form);
            }
            *place = String::from_utf8(value).map_err(|_no_text| HotlinkError::Form)?;
        }
        let [t, ..] = &values;
        if t.is_empty() || sign.is_empty() {
            return Err(HotlinkError::Missing);
        }
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if t.len() != T_DIGITS || !t.bytes().all(digits) {
            return Err(HotlinkError::Time);
        }
        let to_s = i64::from_str_radix(t, 16).map_err(|_too_large| HotlinkError::Time)?;
        Ok(Self { values, sign, to_s })
    }

    /// A signature until `to_s` (Unix seconds) for a directory, which begins and ends with a slash. None:
    /// the time cannot be written in eight digits.
    #[must_use]
    pub fn new(key: &str, directory: &str, to_s: i64, us: &str) -> Option<Self> {
        let t = u32::try_from(to_s).ok().map(|t| format!("{t:08x}"))?;
        let mut values: [String; NAMES.len()] = Default::default();
        let [first, _, _, fourth, ..] = &mut values;
        *first = t;
        us.clone_into(fourth);
        let made = Self { values, sign: String::new(), to_s };
        Some(made.of(key, directory))
    }

    /// Whether the key signed these parameters for the directory. Compared in constant time.
    #[must_use]
    pub fn verify(&self, key: &str, directory: &str) -> bool {
        mac::same(self.digest(key, directory).as_bytes(), self.sign.as_bytes())
    }

    /// The last second at which it is good, tolerance included.
    #[must_use]
    pub const fn ends_s(&self) -> i64 {
        self.to_s.saturating_add(TOLERANCE_S)
    }

    /// Whether its time has passed.
    #[must_use]
    pub const fn is_over(&self, now_s: i64) -> bool {
        now_s > self.ends_s()
    }

    /// The same parameters, signed for another directory.
    #[must_use]
    pub fn of(&self, key: &str, directory: &str) -> Self {
        Self { sign: self.digest(key, directory), ..self.clone() }
    }

    /// The same without `exper`, not signed yet: for what a preview names and may be had whole.
    #[must_use]
    pub fn whole(&self) -> Self {
        let mut whole = self.clone();
        let [_, exper, ..] = &mut whole.values;
        exper.clear();
        whole
    }

    /// `exper`: seconds of a preview; empty or 0: the whole is meant.
    #[must_use]
    pub fn preview(&self) -> &str {
        let [_, exper, ..] = &self.values;
        exper
    }

    /// `rlimit`: how many addresses may play; empty: any number.
    #[must_use]
    pub fn addresses(&self) -> &str {
        let [_, _, rlimit, ..] = &self.values;
        rlimit
    }

    /// Whether it names referrers or regions that may, or may not, play.
    #[must_use]
    pub fn has_lists(&self) -> bool {
        let [_, _, _, _, lists @ ..] = &self.values;
        lists.iter().any(|list| !list.is_empty())
    }

    /// The signature itself, by which one address is told from another.
    #[must_use]
    pub fn sign(&self) -> &str {
        &self.sign
    }

    /// As a query, in the documented order.
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = String::new();
        let pairs = NAMES.iter().zip(&self.values).chain([(&SIGN, &self.sign)]);
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&encoding::encode(value.as_bytes()));
        }
        query
    }

    fn digest(&self, key: &str, directory: &str) -> String {
        let mut hash = Md5::new();
        hash.update(key);
        hash.update(directory);
        for value in &self.values {
            hash.update(value);
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "24FEQmTzro4V5u3D5epW";
    const DIR: &str = "/dir1/dir2/";
    const T_S: i64 = 1_517_400_000;

    #[test]
    fn the_documented_examples_are_good() {
        for query in [
            "t=5a71afc0&us=72d4cd1101&sign=3d8488faeb37d52d6bf63b63c1b171c3",
            "t=5a71afc0&rlimit=3&us=72d4cd1101&sign=c5214f0d5961b13acd558b4957c4dfc5",
            "t=5a71afc0&exper=300&us=72d4cd1101&sign=547d98c4b91e81b5ea55c95cef63223f",
        ] {
            let read = Hotlink::parse(query).unwrap();
            assert!(read.verify(KEY, DIR), "{query}");
            assert_eq!(read.query(), query);
            assert!(!read.verify(KEY, "/dir1/") && !read.verify("24FEQmTzro4V5u3D5epX", DIR));
            assert!(!read.is_over(T_S + 300) && read.is_over(T_S + 301));
        }
        let made = Hotlink::new(KEY, DIR, T_S, "72d4cd1101").unwrap();
        assert_eq!(made.sign(), "3d8488faeb37d52d6bf63b63c1b171c3");
        assert_eq!(Hotlink::new(KEY, DIR, -1, ""), None);
    }

    #[test]
    fn parameters_are_told_apart_and_covered() {
        let read =
            Hotlink::parse("a=b&t=5a71afc0&rlimit=3&exper=60&us=x&sign=0&whref=a.com").unwrap();
        assert_eq!((read.preview(), read.addresses()), ("60", "3"));
        assert!(read.has_lists() && !read.verify(KEY, DIR));
        let signed = read.of(KEY, DIR);
        assert!(signed.verify(KEY, DIR));
        let longer = signed.query().replace("5a71afc0", "6a71afc0");
        assert!(!Hotlink::parse(&longer).unwrap().verify(KEY, DIR));
        assert!(signed.of(KEY, "/dir1/").verify(KEY, "/dir1/"));
        let whole = signed.whole();
        assert!(whole.preview().is_empty() && !whole.verify(KEY, DIR));
        assert!(
            whole.of(KEY, DIR).query().starts_with("t=5a71afc0&rlimit=3&us=x&whref=a.com&sign=")
        );
    }

    #[test]
    fn the_end_of_a_directory_cannot_be_moved_into_the_parameters() {
        let below = Hotlink::new(KEY, "/dir1/deadbeef-1/", T_S, "x").unwrap();
        let moved = format!("t=deadbeef&us=-1/5a71afc0x&sign={}", below.sign());
        assert_eq!(Hotlink::parse(&moved), Err(HotlinkError::Form));
        let joined = format!("{KEY}/dir1/deadbeef-1/5a71afc0x");
        assert_eq!(
            below.sign(),
            hex::encode(Md5::digest(joined)),
            "else it would be good for /dir1/"
        );
    }

    #[test]
    fn what_has_not_the_form_is_refused() {
        let refused = |query: &str| Hotlink::parse(query).unwrap_err();
        for query in ["", "t=5a71afc0", "sign=0", "t=&sign=0"] {
            assert_eq!(refused(query), HotlinkError::Missing, "{query}");
        }
        for t in ["5A71AFC0", "5a71afc", "05a71afc0", "5a71afcg", "-a71afc0"] {
            assert_eq!(refused(&format!("t={t}&sign=0")), HotlinkError::Time, "{t}");
        }
        for query in ["t=5a71afc0&t=5a71afc1&sign=0", "t=5a71afc0&sign=0&us=%ff"] {
            assert_eq!(refused(query), HotlinkError::Form, "{query}");
        }
        let long = format!("t=5a71afc0&sign=0&us={}", "x".repeat(VALUE_BYTES_MAX + 1));
        assert_eq!(refused(&long), HotlinkError::Form);
    }
}
