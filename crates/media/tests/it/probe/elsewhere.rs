//! Files that are not on this machine: what is said of their excerpts is what is said of them.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use media::probe::{MetaData, excerpt};
use tempfile::TempDir;

use super::{built_in, known, make, source, tone, with_ffprobe, write};

/// The file as a probe gets it from elsewhere, and the bytes that were read for it.
async fn excerpt_of(directory: &TempDir, path: &Path) -> (Vec<u8>, u64) {
    let read = AtomicU64::new(0);
    let fetch = async |start: u64, len: u64| {
        read.fetch_add(len, Ordering::Relaxed);
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(len).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(io::Cursor::new(bytes))
    };
    let size = fs::metadata(path).unwrap().len();
    let mut file = excerpt(directory.path(), size, fetch).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    (bytes, read.into_inner())
}

#[tokio::test]
async fn an_excerpt_says_what_the_whole_says() {
    let directory = TempDir::new().unwrap();
    let noise = || source("nullsrc=size=640x360:rate=25:duration=4,geq=random(1)*255:128:128");
    let loud = "-c:v mpeg2video -q:v 1 -qmin 1 -b:v 60M -maxrate 60M -bufsize 8M -c:a mp2";
    let both = || vec![noise(), tone("4")];
    let sound = || vec![tone("180")];
    for (name, sources, options) in [
        ("end.mp4", both(), loud.to_owned()),
        ("start.mp4", both(), format!("{loud} -movflags +faststart")),
        ("fragments.mp4", both(), format!("{loud} -movflags frag_keyframe+empty_moov")),
        ("film.mkv", both(), loud.to_owned()),
        ("film.ts", both(), loud.to_owned()),
        ("film.avi", both(), loud.to_owned()),
        ("sound.wav", sound(), "-c:a pcm_s16le -ac 2".to_owned()),
        ("sound.flac", sound(), "-c:a flac -filter:a aeval=random(0)|random(1)".to_owned()),
    ] {
        let path = make(&directory, name, &sources, &options);
        let (bytes, read) = excerpt_of(&directory, &path).await;
        let size = fs::metadata(&path).unwrap().len();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), size, "{name}");
        assert!(size > 13 << 20, "{name} should be larger than its excerpt: {size}");
        assert!(read < 13 << 20, "{name}: {read} of {size} bytes were read");
        let taken = write(&directory, format!("taken-{name}"), &bytes);
        assert_eq!(
            known(&with_ffprobe(), &taken).await,
            known(&with_ffprobe(), &path).await,
            "{name}"
        );
        let ours: [Option<MetaData>; 2] =
            [built_in().run(&taken).await.unwrap(), built_in().run(&path).await.unwrap()];
        assert_eq!(ours[0], ours[1], "{name}");
        fs::remove_file(path).unwrap();
        fs::remove_file(taken).unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error() {
    let directory = TempDir::new().unwrap();
    let short = async |_: u64, _: u64| Ok::<_, io::Error>(&b"short"[..]);
    let error = excerpt(directory.path(), 1_000, short).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let gone =
        async |_: u64, _: u64| Err::<&[u8], _>(io::Error::from(io::ErrorKind::ConnectionReset));
    let error = excerpt(directory.path(), 1_000, gone).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
