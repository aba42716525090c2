//! Manifests that ffmpeg writes name exactly the files that it wrote with them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use media::manifest::{ManifestType, files};
use tempfile::TempDir;

/// Makes a manifest of that name, and whatever belongs to it, in an empty directory.
fn make(name: &str, options: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(["-f", "lavfi", "-i", "testsrc=size=128x72:rate=25:duration=5"])
        .args(["-f", "lavfi", "-i", "sine=duration=5"])
        .args("-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p -c:a aac".split(' '))
        .args(options.split_whitespace())
        .arg(name)
        .current_dir(&directory)
        .stdin(Stdio::null())
        .output()
        .expect("these tests make their files with ffmpeg: ./scripts/test installs it");
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    directory
}

/// Every file below a directory but the manifest, by its relative path.
fn beside(root: &Path, below: &Path, manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(beside(root, &path, manifest));
        } else {
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.remove(manifest);
    found
}

#[test]
fn every_file_that_ffmpeg_wrote_is_named() {
    let hls = "-f hls -hls_time 1 -hls_list_size 0";
    for (kind, name, options) in [
        (ManifestType::M3u8, "list.m3u8", hls.to_owned()),
        (ManifestType::M3u8, "list.m3u8", format!("{hls} -hls_segment_type fmp4")),
        (ManifestType::M3u8, "list.m3u8", format!("{hls} -hls_flags single_file")),
        (
            ManifestType::M3u8,
            "list.m3u8",
            format!("{hls} -hls_segment_type fmp4 -hls_flags single_file"),
        ),
        (ManifestType::Mpd, "list.mpd", "-f dash -seg_duration 1".to_owned()),
        (ManifestType::Mpd, "list.mpd", "-f dash -seg_duration 1 -use_timeline 0".to_owned()),
        (ManifestType::Mpd, "list.mpd", "-f dash -seg_duration 1 -single_file 1".to_owned()),
        (ManifestType::Mpd, "list.mpd", "-f dash -seg_duration 1 -use_template 0".to_owned()),
    ] {
        let directory = make(name, &options);
        let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
        let named: BTreeSet<String> = files(kind, &text).unwrap().into_iter().collect();
        let mut written = beside(directory.path(), directory.path(), name);
        if options.contains("-use_timeline 0") {
            // by its own numbers such a manifest ends before the last bit of sound that is written
            written.remove("chunk-stream1-00006.m4s");
        }
        assert_eq!(named, written, "{options}\n{text}");
    }
}
