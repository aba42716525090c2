//! The beginning of a playlist's pictures and sound, as a file that a probe understands.
//!
//! A segment says nothing without its map, may be a part of a file, and may be encrypted. What a
//! player would put together is put together here, up to a bound. A key is used if it is a file of
//! the tree; keys elsewhere are never fetched, and what they lock has no streams.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use aes::Aes128;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use model::limits;
use tokio::io::AsyncReadExt;

use super::Hls;
use crate::error::Fault;
use crate::library::Library;
use crate::playlist::{ByteRange, Key, MediaPlaylist, Method, Reference};
use crate::probe::{Finding, unnamed};
use crate::record::Object;

/// Bytes of an AES block, of an AES-128 key and of an IV.
const BLOCK: usize = 16;

/// A segment or a map: a part of a file, locked or not.
struct Piece<'a> {
    file: &'a Reference,
    range: Option<ByteRange>,
    keys: &'a [Arc<Key>],
    /// What stands for the IV of a key that has none. A map has no number.
    number: Option<u64>,
}

/// How a piece is decrypted.
struct Lock {
    key: [u8; BLOCK],
    iv: [u8; BLOCK],
}

impl Library {
    /// The streams of the first segment that is there; none: they cannot be told.
    pub(super) async fn sample_streams(
        &self,
        hls: &Hls,
        playlist: &MediaPlaylist,
    ) -> Result<Option<Finding>, Fault> {
        let turn = self.probe.turn().await;
        let Some(sample) = self.sample(hls, playlist).await? else { return Ok(None) };
        Ok(turn.streams(sample).await?)
    }

    async fn sample(&self, hls: &Hls, playlist: &MediaPlaylist) -> Result<Option<File>, Fault> {
        let found = playlist.segments.iter().enumerate().find(|(_, segment)| !segment.gap);
        let Some((index, segment)) = found else { return Ok(None) };
        let whole = segment.map.is_none() && segment.range.is_none() && !is_locked(&segment.keys);
        if let (true, Some(object)) = (whole, hls.objects.get(&segment.file.path)) {
            return self.probe_input(object).await;
        }
        let map = segment.map.as_deref().map(|map| Piece {
            file: &map.file,
            range: map.range,
            keys: &map.keys,
            number: None,
        });
        let segment = Piece {
            file: &segment.file,
            range: segment.range,
            keys: &segment.keys,
            number: Some(playlist.sequence_of(index)),
        };
        let mut bytes = Vec::new();
        for piece in map.iter().chain([&segment]) {
            let Some(piece) = self.bytes_of(hls, piece).await? else { return Ok(None) };
            bytes.extend(piece);
        }
        let mut file = unnamed(self.objects.staging()).await?;
        let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file));
        Ok(Some(written.await.map_err(io::Error::other)??))
    }

    /// The bytes of a piece, decrypted; none: they are locked, or not there.
    async fn bytes_of(&self, hls: &Hls, piece: &Piece<'_>) -> Result<Option<Vec<u8>>, Fault> {
        let Some(object) = hls.objects.get(&piece.file.path) else { return Ok(None) };
        let lock = if is_locked(piece.keys) {
            let Some(lock) = self.lock(hls, piece).await? else { return Ok(None) };
            Some(lock)
        } else {
            None
        };
        let (start, len) = piece.range.map_or((0, object.size), |range| (range.start, range.len));
        let len = len.min(object.size.saturating_sub(start)).min(limits::HLS_SAMPLE_BYTES_MAX);
        let mut bytes = self.read_some(object, start, len).await?;
        if let Some(lock) = lock {
            lock.open(&mut bytes);
        }
        Ok(Some(bytes))
    }

    /// How a piece is decrypted; none: not by us.
    async fn lock(&self, hls: &Hls, piece: &Piece<'_>) -> Result<Option<Lock>, Fault> {
        let Some(key) = piece.keys.iter().find(|key| key.format == "identity") else {
            return Ok(None);
        };
        let object = key.file().and_then(|file| hls.objects.get(&file.path));
        let Some(object) = object else { return Ok(None) };
        let numbered = piece.number.map(|number| u128::from(number).to_be_bytes());
        let Some(iv) = key.iv.or(numbered) else { return Ok(None) };
        // one byte more than a key has: a longer file is none
        let bytes = self.read_some(object, 0, object.size.min(17)).await?;
        Ok(bytes.try_into().ok().map(|key| Lock { key, iv }))
    }

    async fn read_some(&self, object: &Object, start: u64, len: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        if len > 0 {
            self.open(object, start, len).await?.take(len).read_to_end(&mut bytes).await?;
        }
        Ok(bytes)
    }
}

/// Whether the bytes themselves are encrypted. Where only the samples in them are, the container can
/// be read.
fn is_locked(keys: &[Arc<Key>]) -> bool {
    keys.iter().any(|key| key.method == Method::Aes128)
}

impl Lock {
    /// Decrypts all whole blocks, and takes away the padding, if the end is there: behind a map it
    /// would be read as what follows.
    fn open(&self, bytes: &mut Vec<u8>) {
        let mut cipher = cbc::Decryptor::<Aes128>::new(&self.key.into(), &self.iv.into());
        for block in bytes.chunks_exact_mut(BLOCK) {
            cipher.decrypt_block_mut(block.into());
        }
        let count = bytes.last().map_or(0, |last| usize::from(*last));
        let begin = bytes.len().saturating_sub(count);
        let is_padding = |padding: &[u8]| padding.iter().all(|byte| usize::from(*byte) == count);
        if (1..=BLOCK).contains(&count) && bytes.get(begin..).is_some_and(is_padding) {
            bytes.truncate(begin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_chained() {
        // NIST SP 800-38A, F.2.2: CBC-AES128, the first two blocks
        let lock = Lock {
            key: hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap().try_into().unwrap(),
            iv: hex::decode("000102030405060708090a0b0c0d0e0f").unwrap().try_into().unwrap(),
        };
        let locked = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2";
        let mut bytes = hex::decode(locked).unwrap();
        lock.open(&mut bytes);
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
        assert_eq!(hex::encode(bytes), plain);

        // the same key and IV over 14 bytes of 1 and two bytes of padding
        let mut bytes = hex::decode("306cd3f132d9bbc1b5ec8eb22134775d").unwrap();
        lock.open(&mut bytes);
        assert_eq!(bytes, [1; 14]);
    }
}
