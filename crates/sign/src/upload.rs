//! The client upload signature: what an application's server gives a browser or an app, so that it may
//! upload without a key of its own (Tencent's documents 266/9221 and 266/33922).
//!
//! `base64(HMAC-SHA1(SecretKey, original) + original)`, where `original` is a query that names the key, the
//! time from and to which it holds, a random number, and what the upload shall be. So the text carries its
//! own parameters; whoever reads them must verify before it believes any.
//!
//! Deliberately absent: whether a signature for one use was used before, which takes a memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{encoding, mac, window};

/// The longest time from `currentTimeStamp` to `expireTime`, in seconds (documented: 90 days).
pub const LIFE_S_MAX: i64 = 90 * 24 * 3600;
/// Bytes of a signature that are looked at: SourceContext and SessionContext at their documented 250 and
/// 1,000 characters, of four bytes each, percent-encoded and in base64, are 20,000.
pub const BYTES_MAX: usize = 32 * 1024;

const MAC_BYTES: usize = 20;

/// Why a text is no upload signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadSignatureError {
    /// Not base64, too short or too long, or the parameters are not UTF-8.
    #[error("it is not base64 of a digest and parameters")]
    Form,
    /// A parameter that must be there is not, or is empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter stands twice.
    #[error("a parameter stands twice")]
    Repeated,
    /// A number that is none, or out of its range.
    #[error("{0} is not a whole number in its range")]
    Number(&'static str),
}

/// Why a signature does not hold at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadWindowError {
    /// `expireTime` has passed.
    #[error("its expireTime has passed")]
    Expired,
    /// `currentTimeStamp` lies more than five minutes ahead.
    #[error("its currentTimeStamp lies ahead of this machine's time")]
    NotYet,
    /// It lasts longer than documented, or ends before it begins.
    #[error("its expireTime must lie within 90 days after its currentTimeStamp")]
    Life,
}

/// A signature as read, before it is believed.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadSignature {
    /// `secretId`: whose key signed.
    pub secret_id: String,
    /// `currentTimeStamp` in Unix seconds.
    pub from_s: i64,
    /// `expireTime` in Unix seconds.
    pub to_s: i64,
    /// `oneTimeValid`: whether it is good for one upload only.
    pub one_time: bool,
    /// `vodSubAppId`; none: absent or 0.
    pub sub_app_id: Option<u64>,
    /// `classId`.
    pub class_id: i64,
    /// `procedure`.
    pub procedure: String,
    /// `sourceContext`.
    pub source_context: String,
    /// `sessionContext`.
    pub session_context: String,
    /// `storageRegion`.
    pub storage_region: String,
    mac: [u8; MAC_BYTES],
    original: String,
}

impl std::fmt::Debug for UploadSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadSignature")
            .field("secret_id", &self.secret_id)
            .field("from_s", &self.from_s)
            .field("to_s", &self.to_s)
            .finish_non_exhaustive()
    }
}

impl UploadSignature {
    /// Reads a signature. Parameters that are not named here, such as `taskPriority`, are covered by the
    /// digest and left alone.
    ///
    /// # Errors
    /// If it has not the documented form. Line breaks around it are ignored; values are decoded as forms.
    pub fn parse(text: &str) -> Result<Self, UploadSignatureError> {
        let text = text.trim();
        if text.len() > BYTES_MAX {
            return Err(UploadSignatureError::Form);
        }
        let bytes = STANDARD.decode(text).map_err(|_no_base64| UploadSignatureError::Form)?;
        let (mac, original) =
            bytes.split_first_chunk::<MAC_BYTES>().ok_or(UploadSignatureError::Form)?;
        let original =
            std::str::from_utf8(original).map_err(|_no_text| UploadSignatureError::Form)?;
        let named = Named::read(original)?;
        // a random number is what makes two signatures of a second differ
        named.number("random", 0, u32::MAX.into())?;
        Ok(Self {
            secret_id: named.required("secretId")?.to_owned(),
            from_s: named.number("currentTimeStamp", 0, i64::MAX)?,
            to_s: named.number("expireTime", 0, i64::MAX)?,
            one_time: named.optional("oneTimeValid", 0, 1)? == Some(1),
            sub_app_id: named
                .optional("vodSubAppId", 0, i64::MAX)?
                .and_then(|id| u64::try_from(id).ok())
                .filter(|id| *id != 0),
            class_id: named.optional("classId", i64::MIN, i64::MAX)?.unwrap_or(0),
            procedure: named.text("procedure"),
            source_context: named.text("sourceContext"),
            session_context: named.text("sessionContext"),
            storage_region: named.text("storageRegion"),
            mac: *mac,
            original: original.to_owned(),
        })
    }

    /// Whether the key signed it. Compared in constant time.
    #[must_use]
    pub fn verify(&self, secret_key: &str) -> bool {
        let expected = mac::hmac_sha1(secret_key.as_bytes(), &[self.original.as_bytes()]);
        mac::same(&expected, &self.mac)
    }

    /// Whether it holds at `now_s`. The second of `expireTime` is its last.
    ///
    /// # Errors
    /// Why it does not.
    pub const fn check_window(&self, now_s: i64) -> Result<(), UploadWindowError> {
        // both are 0 or more, so this cannot overflow
        let life_s = self.to_s - self.from_s;
        if life_s <= 0 || life_s > LIFE_S_MAX {
            return Err(UploadWindowError::Life);
        }
        if now_s > self.to_s {
            return Err(UploadWindowError::Expired);
        }
        if self.from_s.saturating_sub(now_s) > window::SKEW_S {
            return Err(UploadWindowError::NotYet);
        }
        Ok(())
    }

    /// What tells it apart from every other signature: the digest that the key made of its parameters, in
    /// hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(self.mac)
    }
}

/// The signature of `original`, a query whose values are percent-encoded.
#[must_use]
pub fn sign(secret_key: &str, original: &str) -> String {
    let mut bytes = mac::hmac_sha1(secret_key.as_bytes(), &[original.as_bytes()]).to_vec();
    bytes.extend_from_slice(original.as_bytes());
    STANDARD.encode(bytes)
}

/// The parameters by name, each once.
struct Named(Vec<(String, String)>);

impl Named {
    fn read(original: &str) -> Result<Self, UploadSignatureError> {
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_no_text| UploadSignatureError::Form)
        };
        let mut pairs = Vec::new();
        for (name, value) in encoding::query_pairs(original) {
            let name = text(name)?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(UploadSignatureError::Repeated);
            }
            pairs.push((name, text(value)?));
        }
        Ok(Self(pairs))
    }

    /// A value that is there and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn required(&self, name: &'static str) -> Result<&str, UploadSignatureError> {
        self.get(name).ok_or(UploadSignatureError::Missing(name))
    }

    fn number(
        &self,
        name: &'static str,
        least: i64,
        most: i64,
    ) -> Result<i64, UploadSignatureError> {
        self.required(name)?;
        self.optional(name, least, most)?.ok_or(UploadSignatureError::Missing(name))
    }

    fn optional(
        &self,
        name: &'static str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, UploadSignatureError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.map(Some).ok_or(UploadSignatureError::Number(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
    const ORIGINAL: &str = "secretId=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE&currentTimeStamp=1571215095\
                            &expireTime=1571301495&random=220625";
    /// Reference: `(printf '%s' "$ORIGINAL" | openssl dgst -sha1 -hmac "$KEY" -binary; printf '%s'
    /// "$ORIGINAL") | base64 -w0`.
    const SIGNED: &str = "JSZjpk/t00XNgamT0fSeKvToIAhzZWNyZXRJZD1BS0lEejhrcmJzSjV5S0JaUXBuNzRXRmttTFB4\
                          M0VYQU1QTEUmY3VycmVudFRpbWVTdGFtcD0xNTcxMjE1MDk1JmV4cGlyZVRpbWU9MTU3MTMwMTQ5\
                          NSZyYW5kb209MjIwNjI1";

    fn read(more: &str) -> Result<UploadSignature, UploadSignatureError> {
        UploadSignature::parse(&sign(KEY, &format!("{ORIGINAL}{more}")))
    }

    #[test]
    fn it_is_the_documented_composition() {
        assert_eq!(sign(KEY, ORIGINAL), SIGNED);
        let read = UploadSignature::parse(&format!("{SIGNED}\n")).unwrap();
        assert_eq!(read.secret_id, "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE");
        assert_eq!((read.from_s, read.to_s), (1_571_215_095, 1_571_301_495));
        assert!(!read.one_time && read.sub_app_id.is_none() && read.class_id == 0);
        assert!(read.verify(KEY) && !read.verify("another"));
        let mut other = read.clone();
        other.original = other.original.replace("220625", "220626");
        assert!(!other.verify(KEY), "a parameter was changed");
        assert_eq!(read.digest().len(), 40);
    }

    #[test]
    fn options_are_read_as_forms() {
        let read = read(
            "&classId=7&procedure=p&taskPriority=-1&taskNotifyMode=Finish&oneTimeValid=1\
             &vodSubAppId=1500000001&sourceContext=a+b%26%E4%B8%AD&sessionContext=s%3D\
             &storageRegion=ap-chongqing",
        )
        .unwrap();
        assert!(read.verify(KEY) && read.one_time);
        assert_eq!((read.class_id, read.sub_app_id), (7, Some(1_500_000_001)));
        assert_eq!((&*read.source_context, &*read.session_context), ("a b&中", "s="));
        assert_eq!((&*read.procedure, &*read.storage_region), ("p", "ap-chongqing"));
        assert_eq!(self::read("&vodSubAppId=0&oneTimeValid=0&classId=").unwrap().sub_app_id, None);
    }

    #[test]
    fn what_has_not_the_form_is_refused() {
        for text in ["", "=", "a b", "AAAA", &STANDARD.encode([b'a'; 20]), &"A".repeat(40_000)] {
            assert!(UploadSignature::parse(text).is_err(), "{text}");
        }
        let refused = |original: &str| UploadSignature::parse(&sign(KEY, original)).unwrap_err();
        let missing = UploadSignatureError::Missing;
        assert_eq!(refused(&ORIGINAL.replace("secretId", "secret")), missing("secretId"));
        assert_eq!(refused(&ORIGINAL.replace("=220625", "=")), missing("random"));
        assert_eq!(
            refused(&ORIGINAL.replace("1571301495", "1571301495.5")),
            UploadSignatureError::Number("expireTime")
        );
        assert_eq!(
            refused(&ORIGINAL.replace("220625", "4294967296")),
            UploadSignatureError::Number("random")
        );
        assert_eq!(read("&random=1").unwrap_err(), UploadSignatureError::Repeated);
        assert_eq!(
            read("&oneTimeValid=2").unwrap_err(),
            UploadSignatureError::Number("oneTimeValid")
        );
        assert_eq!(read("&sourceContext=%ff").unwrap_err(), UploadSignatureError::Form);
    }

    #[test]
    fn it_holds_from_five_minutes_before_to_its_end() {
        let read = read("").unwrap();
        let (from, to) = (read.from_s, read.to_s);
        assert_eq!(read.check_window(from - 300), Ok(()));
        assert_eq!(read.check_window(from - 301), Err(UploadWindowError::NotYet));
        assert_eq!(read.check_window(to), Ok(()));
        assert_eq!(read.check_window(to + 1), Err(UploadWindowError::Expired));
        let lasting = |life_s: i64| UploadSignature { to_s: from + life_s, ..read.clone() };
        assert_eq!(lasting(LIFE_S_MAX).check_window(from), Ok(()));
        for life_s in [LIFE_S_MAX + 1, 0, -1] {
            assert_eq!(lasting(life_s).check_window(from), Err(UploadWindowError::Life));
        }
    }
}
