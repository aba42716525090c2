//! Signed addresses: with a key (`media.signing_key`) a file is served to those only whose address the key
//! has signed. What such an address looks like is `sign::hotlink`'s business; here it is held against the
//! request.
//!
//! Pictures need no signature, as in the cloud: covers are shown where nobody plays anything. What cannot
//! be kept is refused: lists of referrers and regions, and a preview of a file that is no playlist.

use std::borrow::Cow;
use std::net::IpAddr;

use http::request::Parts;
use media::catalogue;
use percent_encoding::percent_decode_str;
use sign::hotlink::{Hotlink, HotlinkError};
use url::Url;

use super::viewers::Viewers;

/// Addresses that `rlimit` may allow (documented).
const ADDRESSES_MAX: usize = 9;

/// Why an address is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    /// It has no signature, or none that can be read.
    #[error("this address needs a signature: {0}")]
    Unreadable(#[from] HotlinkError),
    /// Another key, another directory, other parameters.
    #[error("the signature is not that of this directory and these parameters")]
    Forged,
    /// Its time has passed.
    #[error("the signature has expired")]
    Over,
    /// `rlimit` is no number from 1 to 9.
    #[error("rlimit must be 1 to {ADDRESSES_MAX}")]
    Rlimit,
    /// More addresses play than it allows.
    #[error("rlimit: as many others as it allows play already")]
    TooMany,
    /// It names who may play by other means than the signature.
    #[error("whref, bkref, whreg and bkreg are not supported")]
    Lists,
    /// `exper` for what cannot be cut.
    #[error("exper is supported for HLS only")]
    Preview,
}

/// A signature that holds for a request.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    /// The key.
    pub(super) key: &'a str,
    /// The directory of the file as it was asked for, with a slash at both ends.
    pub(super) directory: &'a str,
    /// The parameters.
    pub(super) hotlink: Hotlink,
}

/// What requests are held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard<'a> {
    pub(super) key: &'a str,
    /// What stands before the paths that are handed out.
    pub(super) public_url: &'a str,
    pub(super) viewers: &'a Viewers,
    pub(super) now_s: i64,
}

impl<'a> Guard<'a> {
    /// The signature of a request; none: the file needs none.
    pub(super) fn check(
        &self,
        parts: &'a Parts,
        key: &str,
        peer: Option<IpAddr>,
    ) -> Result<Option<Signed<'a>>, Unsigned> {
        let kind = catalogue::content_type(key);
        if kind.starts_with("image/") {
            return Ok(None);
        }
        let hotlink = Hotlink::parse(parts.uri.query().unwrap_or_default())?;
        let path = parts.uri.path();
        let (directory, name) = path.split_at(path.rfind('/').map_or(0, |at| at + 1));
        // a slash in disguise would reach below the directory that was signed
        if percent_decode_str(name).any(|byte| byte == b'/') {
            return Err(Unsigned::Forged);
        }
        if !self.directories(directory).iter().any(|one| hotlink.verify(self.key, one)) {
            return Err(Unsigned::Forged);
        }
        if hotlink.is_over(self.now_s) {
            return Err(Unsigned::Over);
        }
        if hotlink.has_lists() {
            return Err(Unsigned::Lists);
        }
        if !matches!(hotlink.preview(), "" | "0") && !is_playlist(key) {
            return Err(Unsigned::Preview);
        }
        self.admit(&hotlink, peer)?;
        Ok(Some(Signed { key: self.key, directory, hotlink }))
    }

    fn admit(&self, hotlink: &Hotlink, peer: Option<IpAddr>) -> Result<(), Unsigned> {
        if hotlink.addresses().is_empty() {
            return Ok(());
        }
        let limit = hotlink.addresses().parse().ok();
        let limit = limit.filter(|limit| (1..=ADDRESSES_MAX).contains(limit));
        let limit = limit.ok_or(Unsigned::Rlimit)?;
        let admitted = peer.is_some_and(|peer| {
            let ends_s = hotlink.ends_s();
            self.viewers.admit((hotlink.sign(), ends_s), peer, limit, self.now_s)
        });
        if admitted { Ok(()) } else { Err(Unsigned::TooMany) }
    }

    /// How the directory may have been written when it was signed: as it was asked for or decoded, and with
    /// the path of `public_url` that a proxy in front has taken off.
    fn directories(&self, asked: &str) -> Vec<String> {
        let decoded = percent_decode_str(asked).decode_utf8().unwrap_or(Cow::Borrowed(asked));
        let above = Url::parse(self.public_url);
        let above = above.as_ref().map_or("", |url| url.path().trim_end_matches('/'));
        let mut all = vec![asked.to_owned(), decoded.clone().into_owned()];
        if !above.is_empty() {
            all.extend([format!("{above}{asked}"), format!("{above}{decoded}")]);
        }
        all
    }
}

/// Whether a key names an HLS playlist.
pub(super) fn is_playlist(key: &str) -> bool {
    catalogue::content_type(key) == "application/vnd.apple.mpegurl"
}
