//! One suite for both places where objects can be, and what is true of one of them only.

use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _};
use std::path::PathBuf;

use tempfile::TempDir;
use testkit::bucket::Bucket as Store;
use tokio::io::AsyncReadExt as _;

use super::trouble::kinds;
use super::*;

const MIB: usize = 1024 * 1024;

/// Objects, and a look at what really is in their place.
struct Bed {
    data: TempDir,
    store: Option<Store>,
    objects: Objects,
}

impl Bed {
    fn in_directory() -> Self {
        let data = tempfile::tempdir().unwrap();
        let objects = Objects::open(data.path()).unwrap();
        Self { data, store: None, objects }
    }

    async fn in_bucket() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::start().await.unwrap();
        let objects = Objects::in_bucket(data.path(), &s3(&store)).unwrap();
        let unchecked = objects.write("00/early").await.unwrap_err();
        assert!(bucket_error(&unchecked).is_some(), "{unchecked}");
        objects.set_checked();
        Self { data, store: Some(store), objects }
    }

    async fn both() -> [Self; 2] {
        [Self::in_directory(), Self::in_bucket().await]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join("objects").join(name)
    }

    /// The names of all objects that can be seen.
    async fn names(&self) -> Vec<String> {
        let mut names = match &self.store {
            Some(store) => {
                let keys = store.keys().await.unwrap();
                keys.iter().map(|key| key.strip_prefix("some/where/").unwrap().to_owned()).collect()
            }
            None => files(&self.data.path().join("objects")),
        };
        names.sort();
        names
    }

    async fn write(&self, name: &str, bytes: &[u8], piece: usize) -> crate::digest::Sums {
        let mut writer = self.objects.write(name).await.unwrap();
        for piece in bytes.chunks(piece) {
            writer.write(piece).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    async fn read(&self, name: &str, start: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.objects.read(name, start, len).await?.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn remove(&self, names: &[&str]) -> Vec<(String, io::Error)> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let leftovers = self.objects.sweep_begins(Mono(0)).await.unwrap();
        let failed = self.objects.remove(&names, &leftovers).await;
        self.objects.sweep_ends(&leftovers, failed.is_empty());
        failed
    }
}

fn s3(store: &Store) -> S3 {
    S3 {
        endpoint: store.endpoint().parse().unwrap(),
        bucket: testkit::bucket::NAME.to_owned(),
        region: "us-east-1".to_owned(),
        prefix: "some/where".to_owned(),
        access_key_id: "testing".to_owned(),
        secret_access_key: "testing".to_owned().into(),
        path_style: true,
        authorities: Vec::new(),
    }
}

fn files(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for below in fs::read_dir(directory).unwrap() {
        let below = below.unwrap();
        for file in fs::read_dir(below.path()).unwrap() {
            let (directory, file) = (below.file_name(), file.unwrap().file_name());
            names.push(format!("{}/{}", directory.display(), file.display()));
        }
    }
    names
}

/// Bytes that differ from place to place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n ^ (n >> 8) ^ (n >> 16)).to_le_bytes()[0]).collect()
}

#[tokio::test]
async fn an_object_is_whole_whatever_the_pieces() {
    let bytes = pattern(11 * MIB + 7);
    let part = 5 * MIB;
    for bed in Bed::both().await {
        for (name, len, piece) in [
            ("00/none", 0, 1),
            ("00/one", 1, 1),
            ("00/small", 70_001, 1_001),
            ("00/chunk", MIB, MIB),
            ("00/part", part, 70_001),
            ("00/part-and-one", part + 1, part),
            ("00/two-parts", 2 * part, 2 * part),
            ("00/all", bytes.len(), 700_001),
        ] {
            let wanted = &bytes[..len];
            let sums = bed.write(name, wanted, piece).await;
            assert_eq!(usize::try_from(sums.size).unwrap(), len, "{name}");
            assert!(bed.read(name, 0, sums.size).await.unwrap() == wanted, "{name}");
            assert_eq!(bed.objects.size(name).await.unwrap(), Some(sums.size), "{name}");
            // of bytes that are on this machine already, the same becomes
            let again = format!("{name}-again");
            let mut writer = bed.objects.write_sized(&again, sums.size).await.unwrap();
            for piece in wanted.chunks(piece) {
                writer.write(piece).await.unwrap();
            }
            assert_eq!(writer.finish().await.unwrap(), sums, "{name}");
            assert!(bed.read(&again, 0, sums.size).await.unwrap() == wanted, "{name}");
        }
        assert_eq!(bed.names().await.len(), 16);
        if let Some(store) = &bed.store {
            assert!(store.incomplete().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn ranges_are_read_and_nothing_else() {
    let bytes = pattern(6 * MIB);
    for bed in Bed::both().await {
        bed.write("00/object", &bytes, MIB).await;
        let size = bytes.len();
        for (start, len) in [(0, 1), (1, 0), (size - 1, 1), (5 * MIB - 1, 2), (17, MIB), (0, size)]
        {
            let [from, count] = [start, len].map(|number| u64::try_from(number).unwrap());
            let read = bed.read("00/object", from, count).await.unwrap();
            assert!(read == bytes[start..start + len], "{start} {len}");
        }
        let mut file = bed.objects.probe_input("00/object", 6 << 20).await.unwrap().unwrap();
        let mut probed = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut probed).unwrap();
        assert!(probed == bytes);
        let counts = bed.objects.counts();
        assert_eq!(counts.stored_bytes, 6 << 20);
        assert!(counts.read_bytes > 6 << 20);
        assert_eq!((counts.unreachable, counts.refused), (0, 0));
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_so() {
    for bed in Bed::both().await {
        let error = bed.read("00/none", 0, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert_eq!(bed.objects.size("00/none").await.unwrap(), None);
        let error = bed.objects.probe_input("00/none", 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn a_copy_stays_when_the_first_goes() {
    let bytes = pattern(6 * MIB);
    for bed in Bed::both().await {
        bed.write("00/first", &bytes, MIB).await;
        bed.objects.copy("00/first", "00/copy").await.unwrap();
        assert!(bed.remove(&["00/first"]).await.is_empty());
        assert_eq!(bed.names().await, ["00/copy"]);
        assert!(bed.read("00/copy", 0, 6 << 20).await.unwrap() == bytes);
        let error = bed.objects.copy("00/none", "00/other").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn nothing_is_seen_before_the_end() {
    for bed in Bed::both().await {
        let mut abandoned = bed.objects.write("00/abandoned").await.unwrap();
        let mut sized = bed.objects.write_sized("00/sized", 20 << 20).await.unwrap();
        let piece = pattern(12 * MIB);
        for writer in [&mut abandoned, &mut sized] {
            writer.write(&piece).await.unwrap();
        }
        let seen = bed.names().await;
        assert!(seen.iter().all(|name| name.ends_with("#1")), "{seen:?}");
        for name in ["00/abandoned", "00/sized"] {
            assert_eq!(bed.objects.size(name).await.unwrap(), None);
        }
        drop((abandoned, sized));
        // as a sweep does it: the names are garbage
        assert!(bed.remove(&["00/abandoned", "00/sized"]).await.is_empty());
        if let Some(store) = &bed.store {
            assert!(store.incomplete().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn objects_are_removed_with_what_interrupted_writes_left() {
    for bed in Bed::both().await {
        for name in ["00/a", "00/b", "ff/c"] {
            bed.write(name, b"bytes", 5).await;
        }
        match &bed.store {
            Some(store) => {
                for name in ["00/a", "00/never", "00/never", "00/foreign"] {
                    store.begin(&format!("some/where/{name}")).await.unwrap();
                }
                store.begin("else/where/00/a").await.unwrap();
                assert_eq!(store.incomplete().await.unwrap().len(), 5);
            }
            None => fs::write(bed.file("00/never#1"), b"half").unwrap(),
        }
        assert!(bed.remove(&["00/a", "00/never", "00/not-there", "ff/c"]).await.is_empty());
        assert_eq!(bed.names().await, ["00/b"]);
        if let Some(store) = &bed.store {
            // what nobody said to be garbage here is let be
            let mut left = store.incomplete().await.unwrap();
            left.sort();
            assert_eq!(left, ["else/where/00/a", "some/where/00/foreign"]);
        }
    }
}

#[tokio::test]
async fn a_place_is_tried_out_and_left_as_it_was() {
    for bed in Bed::both().await {
        bed.objects.try_out().await.unwrap();
        assert!(bed.names().await.is_empty());
    }
}

#[tokio::test]
async fn an_outage_fails_what_is_under_way_and_nothing_half_is_left() {
    let bed = Bed::in_bucket().await;
    let store = bed.store.as_ref().unwrap();
    bed.write("00/before", &pattern(6 * MIB), MIB).await;
    let mut sized = bed.objects.write_sized("00/sized", 20 << 20).await.unwrap();
    let mut slow = bed.objects.write("00/slow").await.unwrap();
    for writer in [&mut sized, &mut slow] {
        writer.write(&pattern(6 * MIB)).await.unwrap();
    }
    store.cut();
    let failed = async {
        sized.write(&pattern(14 * MIB)).await?;
        sized.finish().await
    };
    let error = failed.await.unwrap_err();
    assert_eq!(
        bucket_error(&error).map(BucketError::trouble),
        Some(Trouble::Unreachable),
        "{error}"
    );
    assert!(!is_disk_full(&error));
    let error = slow.finish().await.unwrap_err();
    assert_eq!(
        bucket_error(&error).map(BucketError::trouble),
        Some(Trouble::Unreachable),
        "{error}"
    );
    let error = bed.read("00/before", 0, 10).await.unwrap_err();
    assert_eq!(
        bucket_error(&error).map(BucketError::trouble),
        Some(Trouble::Unreachable),
        "{error}"
    );
    let names = ["00/sized".to_owned(), "00/slow".to_owned()];
    assert!(bed.objects.sweep_begins(Mono(0)).await.is_err());
    assert_eq!(bed.objects.remove(&names, &Leftovers::default()).await.len(), 2);
    assert!(bed.objects.counts().unreachable > 0);
    store.mend();
    assert_eq!(bed.names().await, ["00/before"]);
    assert_eq!(store.incomplete().await.unwrap(), ["some/where/00/sized"]);
    assert!(bed.remove(&["00/sized", "00/slow"]).await.is_empty());
    assert!(store.incomplete().await.unwrap().is_empty());
    assert_eq!(bed.read("00/before", 0, 10).await.unwrap(), pattern(10));
    // nothing is suspected any more
    assert!(bed.objects.sweep_begins(Mono(0)).await.unwrap().by_name.is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_told() {
    let store = Store::start().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let trouble = async |change: fn(&mut S3)| {
        let mut s3 = s3(&store);
        change(&mut s3);
        let error = Objects::in_bucket(data.path(), &s3).unwrap().try_out().await.unwrap_err();
        let error = bucket_error(&error).unwrap().clone();
        assert!(error.to_string().contains(s3.endpoint.as_str()), "{error}");
        error.trouble()
    };
    assert_eq!(trouble(|s3| s3.bucket = "other".to_owned()).await, Trouble::NoBucket);
    let nobody = |s3: &mut S3| s3.endpoint = "http://127.0.0.1:1/".parse().unwrap();
    assert_eq!(trouble(nobody).await, Trouble::Unreachable);
    let mut s3 = s3(&store);
    s3.authorities = b"no certificate".to_vec();
    assert!(matches!(Objects::in_bucket(data.path(), &s3), Err(S3Error::Authorities(_))));
}

#[tokio::test]
async fn why_a_file_could_not_be_finished_is_told() {
    let bed = Bed::in_directory();
    let mut writer = bed.objects.write("00/taken").await.unwrap();
    writer.write(b"bytes").await.unwrap();
    // renaming to this name fails, as it might for want of room
    fs::create_dir(bed.file("00/taken")).unwrap();
    let error = writer.finish().await.unwrap_err();
    assert!(kinds(&error).any(|kind| kind == ErrorKind::IsADirectory), "{error:?}");
}
