//! The two readers say the same about the same file.

use media::probe::MetaData;
use tempfile::TempDir;

use super::{built_in, known, make, picture, plain_mp4, tone, with_ffprobe};

/// Sizes, codecs and rates are equal; lengths within 0.1 s; bitrates within a tenth and 2 kbit/s,
/// where ours is known: ffprobe also finds some in the codecs' own headers.
fn assert_agree(name: &str, ours: &MetaData, theirs: &MetaData) {
    assert_same_streams(name, ours, theirs);
    assert_close(name, ours, theirs);
}

fn assert_same_streams(name: &str, ours: &MetaData, theirs: &MetaData) {
    let exact = |meta: &MetaData| {
        let video: Vec<_> = (meta.video_streams.iter())
            .map(|v| {
                (v.width, v.height, v.codec.clone(), v.fps, v.codec_tag.clone(), v.dynamic_range)
            })
            .collect();
        let audio: Vec<_> =
            (meta.audio_streams.iter()).map(|a| (a.codec.clone(), a.sampling_rate)).collect();
        (meta.container.clone(), meta.size, meta.width, meta.height, meta.rotate, video, audio)
    };
    assert_eq!(exact(ours), exact(theirs), "{name}");
}

fn assert_close(name: &str, ours: &MetaData, theirs: &MetaData) {
    for (what, a, b) in [
        ("duration", ours.duration, theirs.duration),
        ("video_duration", ours.video_duration, theirs.video_duration),
        ("audio_duration", ours.audio_duration, theirs.audio_duration),
    ] {
        assert!((a - b).abs() <= 0.1, "{name}: {what} {a} is not {b}");
    }
    let rates = |meta: &MetaData| {
        let video = meta.video_streams.iter().map(|v| v.bitrate);
        let audio = meta.audio_streams.iter().map(|a| a.bitrate);
        [meta.bitrate].into_iter().chain(video).chain(audio).collect::<Vec<_>>()
    };
    for (a, b) in rates(ours).into_iter().zip(rates(theirs)).filter(|(a, _)| *a > 0) {
        assert!(
            a.abs_diff(b) <= b / 10 + 2_000,
            "{name}: {:?} is not {:?}",
            rates(ours),
            rates(theirs)
        );
    }
}

#[tokio::test]
async fn files_with_video() {
    let directory = TempDir::new().unwrap();
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    for (name, codecs) in [
        ("end.mp4", format!("{h264} -c:a aac")),
        ("start.mp4", format!("{h264} -c:a aac -movflags +faststart")),
        ("fragments.mp4", format!("{h264} -g 25 -c:a aac -movflags frag_keyframe+empty_moov")),
        ("apple.mov", format!("{h264} -c:a pcm_s16le")),
        ("wide.mp4", format!("{h264} -c:a libopus -strict -2")),
        (
            "hdr.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none \
            -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 \
            -colorspace bt2020nc -tag:v hvc1 -c:a aac -movflags +write_colr"
                .to_owned(),
        ),
        ("old.mp4", "-c:v mpeg4 -c:a libmp3lame".to_owned()),
        ("mkv.mkv", format!("{h264} -c:a ac3")),
        ("mp3.mkv", format!("{h264} -c:a libmp3lame")),
        ("clip.avi", "-c:v mpeg4 -c:a libmp3lame".to_owned()),
        ("other.avi", "-c:v msmpeg4v2 -c:a ac3".to_owned()),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus".to_owned()),
        ("vp8.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis".to_owned()),
    ] {
        let path = make(&directory, name, &[picture("2"), tone("2.5")], &codecs);
        let theirs = known(&with_ffprobe(), &path).await;
        assert_agree(name, &known(&built_in(), &path).await, &theirs);
        assert_eq!((theirs.width, theirs.height), (320, 180), "{name}");
        assert_eq!(theirs.video_streams[0].fps, 25, "{name}");
        assert!((theirs.duration - 2.5).abs() < 0.1, "{name}: {}", theirs.duration);
        assert!((theirs.video_duration - 2.0).abs() < 0.1, "{name}: {}", theirs.video_duration);
        assert!(theirs.bitrate > 10_000, "{name}: {}", theirs.bitrate);
        assert_eq!(theirs.md5, None);
    }
}

/// Flash video has one length for all streams.
#[tokio::test]
async fn flash_video() {
    let directory = TempDir::new().unwrap();
    for (name, options) in [
        ("clip.flv", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"),
        ("old.flv", "-c:v flv -c:a libmp3lame -b:a 64k"),
        // without a seekable file the writer cannot go back to write the length
        (
            "open.flv",
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -flvflags no_duration_filesize",
        ),
    ] {
        let path = make(&directory, name, &[picture("2"), tone("2")], options);
        let ours = known(&built_in(), &path).await;
        assert_agree(name, &ours, &known(&with_ffprobe(), &path).await);
        assert!((ours.duration - 2.0).abs() < 0.1, "{name}: {ours:?}");
    }
}

/// ffprobe takes the last frames of sound together for one, so the lengths are held to what was made.
#[tokio::test]
async fn transport_streams() {
    let directory = TempDir::new().unwrap();
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    for (name, codecs) in [
        ("plain.ts", format!("{h264} -c:a aac")),
        ("film.ts", "-c:v mpeg2video -c:a mp2".to_owned()),
        ("mp3.ts", format!("{h264} -c:a libmp3lame")),
        ("dolby.ts", format!("{h264} -profile:v high -preset medium -s 322x182 -c:a ac3")),
        (
            "hevc.ts",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -c:a eac3".to_owned(),
        ),
        ("disc.m2ts", format!("{h264} -c:a ac3 -f mpegts -mpegts_m2ts_mode 1")),
    ] {
        let path = make(&directory, name, &[picture("2"), tone("2.5")], &codecs);
        let ours = known(&built_in(), &path).await;
        assert_same_streams(name, &ours, &known(&with_ffprobe(), &path).await);
        // several frames of sound share a time stamp
        for (length, made, by) in [
            (ours.video_duration, 2.0, 0.05),
            (ours.audio_duration, 2.5, 0.3),
            (ours.duration, 2.5, 0.3),
        ] {
            assert!((length - made).abs() < by, "{name}: {ours:?}");
        }
    }
}

#[tokio::test]
async fn hdr_and_its_tag_are_seen() {
    let directory = TempDir::new().unwrap();
    let path = make(
        &directory,
        "hlg.mp4",
        &[picture("0.2")],
        "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le \
         -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc -tag:v hvc1 \
         -movflags +write_colr",
    );
    for probe in [with_ffprobe(), built_in()] {
        let meta = known(&probe, &path).await;
        let video = &meta.video_streams[0];
        assert_eq!((video.codec.as_str(), video.codec_tag.as_str()), ("hevc", "hvc1"));
        assert_eq!(video.dynamic_range.hdr_type(), "hlg");
        assert!(meta.audio_streams.is_empty());
        assert!(meta.audio_duration.abs() < 1e-9);
    }
}

#[tokio::test]
async fn a_turned_clip() {
    let directory = TempDir::new().unwrap();
    let plain = plain_mp4(&directory);
    let mut bytes = std::fs::read(&plain).unwrap();
    // The first tkhd, version 0: the matrix is 40 bytes behind the name's end.
    let at = bytes.windows(4).position(|name| name == b"tkhd").unwrap() + 4 + 40;
    let upright: Vec<u8> = [0_u32, 0x10000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect();
    bytes[at..at + 36].copy_from_slice(&upright);
    let path = super::write(&directory, "turned.mp4", &bytes);
    let theirs = known(&with_ffprobe(), &path).await;
    assert_eq!((theirs.rotate, theirs.width, theirs.height), (90, 320, 180));
    assert_agree("turned.mp4", &known(&built_in(), &path).await, &theirs);
}

#[tokio::test]
async fn files_with_sound_only() {
    let directory = TempDir::new().unwrap();
    for (name, codecs) in [
        ("cbr.mp3", "-c:a libmp3lame -b:a 128k -metadata title=tone"),
        ("vbr.mp3", "-c:a libmp3lame -q:a 4"),
        ("bare.mp3", "-c:a libmp3lame -b:a 64k -id3v2_version 0 -write_xing 0"),
        ("s16.wav", "-c:a pcm_s16le"),
        ("f32.wav", "-c:a pcm_f32le"),
        ("tone.flac", "-c:a flac"),
        ("vorbis.ogg", "-c:a libvorbis"),
        ("opus.ogg", "-c:a libopus"),
        ("tone.m4a", "-c:a aac"),
        ("tone.aac", "-c:a aac"),
        ("tagged.aac", "-c:a aac -write_id3v2 1 -metadata title=tone"),
        ("tone.mka", "-c:a flac"),
    ] {
        let path = make(&directory, name, &[tone("3")], codecs);
        let theirs = known(&with_ffprobe(), &path).await;
        assert_agree(name, &known(&built_in(), &path).await, &theirs);
        assert!(theirs.video_streams.is_empty(), "{name}");
        assert!((theirs.duration - 3.0).abs() < 0.15, "{name}: {}", theirs.duration);
        assert!((theirs.audio_duration - 3.0).abs() < 0.15, "{name}");
        assert_eq!((theirs.width, theirs.rotate), (0, 0), "{name}");
    }
}

#[tokio::test]
async fn containers_that_only_ffprobe_reads() {
    let directory = TempDir::new().unwrap();
    for (name, codecs, container) in [
        ("clip.mpg", "-c:v mpeg2video -c:a mp2", "mpeg"),
        ("clip.wmv", "-c:v wmv2 -c:a wmav2", "asf"),
    ] {
        let path = make(&directory, name, &[picture("1"), tone("1")], codecs);
        let meta = known(&with_ffprobe(), &path).await;
        assert_eq!((meta.container.as_str(), meta.width), (container, 320), "{name}");
        assert_eq!(built_in().run(&path).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn images_have_a_size_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    for name in ["a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.tiff", "a.avif"] {
        let path = make(&directory, name, &[picture("0.04")], "-frames:v 1");
        let meta = known(&built_in(), &path).await;
        assert_eq!((meta.width, meta.height), (320, 180), "{name}");
        let rest = MetaData { width: 0, height: 0, size: 0, ..meta.clone() };
        assert_eq!(rest, MetaData::default(), "{name}");
        assert_eq!(meta.size, std::fs::metadata(&path).unwrap().len(), "{name}");
        assert_eq!(known(&with_ffprobe(), &path).await, meta, "{name}");
    }
}

#[tokio::test]
async fn a_cover_picture_is_no_video() {
    let directory = TempDir::new().unwrap();
    let cover = make(&directory, "cover.png", &[picture("0.04")], "-frames:v 1");
    let cover = vec!["-i".to_owned(), cover.display().to_string()];
    let options = "-map 0:a -map 1:v -c:a libmp3lame -c:v copy -disposition:v attached_pic";
    let path = make(&directory, "covered.mp3", &[tone("1"), cover], options);
    let theirs = known(&with_ffprobe(), &path).await;
    assert_eq!((theirs.video_streams.len(), theirs.width), (0, 0));
    let ours = known(&built_in(), &path).await;
    assert_eq!(ours.audio_streams[0].codec, "mp3");
    assert!((ours.duration - theirs.duration).abs() < 0.1);
}
