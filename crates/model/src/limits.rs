//! Every limit of Callboard, with the reason beside each number.
//!
//! A limit that users may change is only the default here; the configuration carries the rest.

/// Events in one PullEvents answer (documented).
pub const PULL_BATCH_MAX: usize = 16;
/// Handles in one ConfirmEvents call (documented).
pub const CONFIRM_HANDLES_MAX: usize = 16;
/// Length of a PULL lease in ms (documented: 30 s).
pub const PULL_LEASE_MS: u64 = 30_000;
/// How long PullEvents waits for the first event in ms (documented: 5 s).
pub const PULL_WAIT_MS: u64 = 5_000;
/// How long after its confirmation a handle is accepted once more, in ms: a client repeats a call
/// whose answer was lost well within the length of a lease.
pub const CONFIRM_REPEAT_MS: u64 = 30_000;
/// Length of the lease that the push worker holds during one attempt, in ms: six times the attempt's
/// deadline, so that it ends only if the worker is gone.
pub const PUSH_LEASE_MS: u64 = 30_000;
/// An event not settled that long after its birth is DEAD, in ms (documented: 4 days).
pub const EXPIRY_MS: u64 = 4 * 24 * 3600 * 1000;
/// Days that settled events stay readable, by default.
pub const HISTORY_DAYS: u32 = 7;
/// The least `history_days`: one more than the expiry, so that no open event is ever in the way.
pub const HISTORY_DAYS_MIN: u32 = 5;
/// How long an EventKey names the same event, in ms.
pub const EVENT_KEY_MS: u64 = 24 * 3600 * 1000;
/// Bytes of an EventKey: room for any id a client is likely to use.
pub const EVENT_KEY_BYTES_MAX: usize = 128;
/// Events in one PublishEvents call.
pub const PUBLISH_EVENTS_MAX: usize = 100;
/// Bytes of one published event: four times the 64 KB that the cloud's queue carries.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of all events of one PublishEvents call: 16 of the largest, so that a pull of 16 is no
/// larger than what was once published.
pub const PUBLISH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Open entries of one application: at 24 bytes each, 120 MB of memory.
pub const OPEN_PER_APPLICATION_MAX: u64 = 5_000_000;
/// Open entries of a store: at 24 bytes each, 480 MB of memory.
pub const OPEN_TOTAL_MAX: u64 = 20_000_000;
/// Entries of a block: its states fit in 8 KiB, two pages of the database.
pub const BLOCK_ENTRIES: u64 = 16_384;
/// Events on a page of DescribeEvents.
pub const HISTORY_PAGE_MAX: usize = 100;
/// Events that one call of ReplayEvents gives a new life: at most 256 MB are copied.
pub const REPLAY_EVENTS_MAX: usize = 1_000;
/// What one page of DescribeEvents, or one call of ReplayEvents, may spend on its search, in entries
/// scanned one by one: some 25 ms. Beyond it the page is short.
pub const HISTORY_SCAN_MAX: u64 = 100_000;

/// Bytes of NotificationUrl: what proxies and servers take without complaint.
pub const NOTIFICATION_URL_BYTES_MAX: usize = 2_048;
/// Characters of SignKey (documented).
pub const SIGN_KEY_CHARS_MAX: usize = 32;
/// Applications of an account: at some 10 KB each, 1 GB of memory is far away.
pub const APPLICATIONS_MAX: usize = 10_000;
/// Characters of an application's name (documented).
pub const APPLICATION_NAME_CHARS_MAX: usize = 40;
/// Characters of an application's description (documented).
pub const APPLICATION_DESCRIPTION_CHARS_MAX: usize = 300;
/// Tags of an application (the spec names no number; enough for people, too few for data).
pub const APPLICATION_TAGS_MAX: usize = 50;
/// Characters of a tag's name (documented by the cloud's tag service).
pub const TAG_KEY_CHARS_MAX: usize = 127;
/// Characters of a tag's value (documented by the cloud's tag service).
pub const TAG_VALUE_CHARS_MAX: usize = 255;
/// StorageRegions of an application: more than the cloud has.
pub const REGIONS_MAX: usize = 64;
/// Keys of an account.
pub const KEYS_MAX: usize = 10_000;
/// Signing secrets of an application: the one in use and, during a rotation, its successor. Each
/// adds a signature to every callback.
pub const SIGNING_SECRETS_MAX: usize = 2;
/// Test notifications under way at once, in all: they do not wait in a queue, and each may take as
/// long as an attempt.
pub const TRIALS_IN_FLIGHT_MAX: usize = 8;
/// Characters of a key's name.
pub const KEY_NAME_CHARS_MAX: usize = 64;

/// Bytes of a GET request's query (documented: 32 KB).
pub const GET_QUERY_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a v1 POST body (documented: 1 MB).
pub const V1_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a TC3 POST body (documented: 10 MB).
pub const TC3_BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Bytes of a call of the upload SDKs: the longest signature and a few names.
pub const UGC_BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a request's header block: twice the largest query plus the signed headers.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Milliseconds until a request's header block must be complete: stops slow drips.
pub const HEADER_READ_MS: u64 = 10_000;
/// Milliseconds that a connection is kept for its next request: longer than the 10 s and 60 s at
/// which real consumers poll, so that it does not end just as they ask.
pub const KEEP_ALIVE_MS: u64 = 75_000;
/// The same for a client that never showed a valid key: enough for a page with several media, too
/// little to hold a connection for nothing.
pub const STRANGER_KEEP_ALIVE_MS: u64 = 15_000;
/// Milliseconds for which nobody who waits is closed to make room for a new connection: several round
/// trips of a slow line.
pub const MAKE_ROOM_AFTER_MS: u64 = 1_000;
/// Milliseconds until an API request's body must be complete.
pub const BODY_READ_MS: u64 = 30_000;
/// Milliseconds between two pieces of an object's body: uploads are long, silence is not.
pub const OBJECT_IDLE_MS: u64 = 60_000;
/// Bytes of an answer that a client must take within [`ANSWER_PIECE_MS`].
pub const ANSWER_PIECE_BYTES: u64 = 256 * 1024;
/// Milliseconds that are waited, in all, for a client to take [`ANSWER_PIECE_BYTES`]: 7 kbit/s, far below
/// what any picture or voice is played at, so that nobody holds a connection with a byte now and then.
pub const ANSWER_PIECE_MS: u64 = 300_000;
/// Bytes of all answers together that are made in memory, beyond the first few KiB of each: eight of the
/// longest, or a thousand clips of a few hours.
pub const ANSWER_TEXTS_BYTES: usize = 8 * SIGNED_MANIFEST_BYTES_MAX;
/// How long such an answer waits for room, in ms; a player that is told to come again does.
pub const ANSWER_TEXTS_WAIT_MS: u64 = 5_000;
/// Bytes of an answer that the system takes beyond what it can send: it says that there is room only when half
/// of them have gone, which a client that plays 64 kbit/s does in 8 s. Left to itself it takes megabytes, and
/// such a client seems to take nothing for minutes.
pub const ANSWER_UNSENT_BYTES: u32 = 128 * 1024;
/// Connections held at once; beyond it those go that have waited longest for their clients.
pub const CONNECTIONS_MAX: usize = 8_192;
/// Connections to health and metrics at once: a few scrapers and probes, and some who do not read.
pub const OPS_CONNECTIONS_MAX: usize = 64;
/// Bytes of API bodies held in memory at once, all connections together.
pub const BODIES_IN_FLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Depth of nested JSON: the deepest type of the API has 12.
pub const JSON_DEPTH_MAX: usize = 64;
/// Values in one JSON body: a call of PublishEvents at its limit has some 300,000, and each takes
/// about 100 bytes of memory.
pub const JSON_VALUES_MAX: usize = 500_000;
/// Places in the tree of a query's or form's keys: a form of 1 MB at its fullest has some 30,000,
/// and each may take a kilobyte of memory.
pub const FLAT_PLACES_MAX: usize = 100_000;
/// Seconds that a request's timestamp may differ from ours, either way (documented: 5 minutes).
pub const TIMESTAMP_SKEW_S: i64 = 300;
/// Length of an echoed X-TC-TraceId.
pub const TRACE_ID_BYTES_MAX: usize = 128;

/// Milliseconds for one PUSH attempt, from resolving to the last byte (observed: 5 s).
pub const PUSH_ATTEMPT_MS: u64 = 5_000;
/// How long after send time `T` lies, in seconds (documented: 10 minutes).
pub const SIGN_LIFE_S: i64 = 600;
/// Bytes of a failed receiver's answer that are kept.
pub const ATTEMPT_BODY_FAILURE_BYTES: usize = 16 * 1024;
/// Bytes of a successful receiver's answer that are kept.
pub const ATTEMPT_BODY_SUCCESS_BYTES: usize = 1024;
/// Attempts under way for one application.
pub const PUSH_IN_FLIGHT_PER_APPLICATION: usize = 16;
/// Attempts under way in all.
pub const PUSH_IN_FLIGHT_TOTAL: usize = 256;

/// Names that are looked up at once, in all: each holds a thread for as long as the system's resolver
/// likes, some 30 s when the name servers are dead.
pub const LOOKUPS_MAX: usize = 128;
/// Names of one application that are looked up at once: it has one address at a time, and a few
/// changes of it may find dead name servers.
pub const LOOKUPS_PER_APPLICATION_MAX: usize = 4;
/// Addresses of one name that are tried: a name with more is not more reachable.
pub const ADDRESSES_PER_NAME_MAX: usize = 8;
/// Bytes of a proxy's answer to CONNECT: what servers commonly allow a whole header block.
pub const PROXY_HEAD_BYTES: usize = 8 * 1024;

/// Life of an upload's temporary keys in seconds (documented clients expect hours; the cloud gives a day).
pub const SESSION_LIFE_S: i64 = 24 * 3600;
/// Objects of one upload session: an HLS directory of a day in 10 s segments.
pub const SESSION_OBJECTS_MAX: u64 = 10_000;
/// Parts of one multipart upload (COS: 10,000).
pub const PARTS_MAX: u32 = 10_000;
/// Bytes of a part that is not the last of its upload, at least (COS: 1 MB).
pub const PART_BYTES_MIN: u64 = 1024 * 1024;
/// Bytes of one part or one simple PUT (COS: 5 GB).
pub const PART_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes of one upload session (COS objects end at 48.82 TB; disks here end sooner).
pub const SESSION_BYTES_MAX: u64 = 1024 * 1024 * 1024 * 1024;
/// Bytes of a playlist or manifest that are read: 10,000 segments with long names and a key each.
pub const PLAYLIST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Segments or playlists that one playlist may name: with byte ranges there are more than objects.
pub const PLAYLIST_SEGMENTS_MAX: usize = 50_000;
/// Keys of a playlist in force at once, one for each KEYFORMAT: there are a handful of formats, and every
/// segment carries all of them along.
pub const PLAYLIST_KEYS_MAX: usize = 16;
/// Bytes of their texts together: licences in `data:` URIs have some KB, and a clip may state a key again
/// for each of its segments.
pub const PLAYLIST_KEYS_BYTES_MAX: usize = 16 * 1024;
/// Attributes of one tag: the richest, EXT-X-STREAM-INF, has some 15, and each is compared with those
/// before it.
pub const PLAYLIST_ATTRIBUTES_MAX: usize = 64;
/// Playlists that are read at once for clients that show no key, and clips that are not kept which are
/// written at once for them: each takes a core for some milliseconds and, while it does, up to 40 MB.
pub const PART_LISTS_WRITTEN_MAX: usize = 4;
/// How long one of them waits for its turn, in ms: whoever has read the playlists before may be waiting for
/// a bucket, and a player that is told so asks again.
pub const PART_LISTS_WAIT_MS: u64 = 5_000;
/// Bytes of the playlists that are kept in memory for them: the longest, or hundreds as they are usual.
pub const PART_LISTS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Files that an uploaded master playlist may name: each is read and parsed within one CommitUpload.
pub const HLS_PLAYLISTS_MAX: usize = 64;
/// Segments of all playlists that a master playlist names: they are in memory together, and a day of
/// ten variants in segments of 6 s has fewer.
pub const HLS_SEGMENTS_MAX: usize = 200_000;
/// Playlists of one media whose first segment is looked at: each takes a run of ffprobe, and real
/// ladders have fewer variants and renditions.
pub const HLS_SAMPLES_MAX: usize = 16;
/// Bytes of a segment that are put together for the probe: ffprobe itself looks at 5 MB.
pub const HLS_SAMPLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of an address or a pattern in a DASH manifest, also joined and filled: keys have at most 850, and
/// each is made anew for every representation.
pub const MPD_NAME_BYTES_MAX: usize = 2_048;
/// What a playlist or manifest may become when everything in it is signed: some hundred bytes for each
/// segment of the longest.
pub const SIGNED_MANIFEST_BYTES_MAX: usize = 4 * PLAYLIST_BYTES_MAX;
/// Times that a DASH manifest may name a file: a template can name the same one without end.
pub const MPD_REFERENCES_MAX: usize = 4 * PLAYLIST_SEGMENTS_MAX;
/// Depth of a DASH manifest's elements: files are named seven levels deep.
pub const MPD_DEPTH_MAX: usize = 32;
/// Records in the memory's indexes of listings: at some 190 bytes each (measured), 1 GB. One index may
/// take more; then it is alone.
pub const LISTED_MAX: usize = 5_000_000;
/// How long an index of listings that nobody uses stays in memory, in ms: longer than somebody looks
/// at what he has found.
pub const LISTED_IDLE_MS: u64 = 30 * 60 * 1000;
/// Levels of classes (documented).
pub const CLASS_LEVELS_MAX: u64 = 4;
/// Classes directly below one class (documented).
pub const CLASS_CHILDREN_MAX: usize = 500;
/// Classes of an application: DescribeAllClass answers with all of them, at 200 bytes each.
pub const CLASSES_MAX: usize = 10_000;
/// Characters of a class's name (documented).
pub const CLASS_NAME_CHARS_MAX: usize = 64;
/// Characters of a file's name in ModifyMediaInfo (documented).
pub const MEDIA_NAME_CHARS_MAX: usize = 64;
/// Characters of a file's description (documented).
pub const MEDIA_DESCRIPTION_CHARS_MAX: usize = 128;
/// Tags of a file (documented).
pub const MEDIA_TAGS_MAX: usize = 16;
/// Characters of a file's tag (documented).
pub const MEDIA_TAG_CHARS_MAX: usize = 32;
/// Marks on a file's timeline (documented).
pub const KEY_FRAMES_MAX: usize = 100;
/// Characters of what a mark says (documented).
pub const KEY_FRAME_CHARS_MAX: usize = 128;
/// Subtitles of a file (documented).
pub const SUBTITLES_MAX: usize = 16;
/// Characters of a subtitle's name (documented).
pub const SUBTITLE_NAME_CHARS_MAX: usize = 64;
/// Characters of a subtitle's id (documented).
pub const SUBTITLE_ID_CHARS_MAX: usize = 16;
/// Characters of a subtitle's language: no tag that is in use is longer (RFC 5646, section 4.4.1).
pub const SUBTITLE_LANGUAGE_CHARS_MAX: usize = 35;
/// FileIds of ForbidMediaDistribution (documented).
pub const FORBID_MEDIA_MAX: usize = 20;
/// Hits that SearchMedia counts and can answer (documented).
pub const SEARCH_HITS_MAX: usize = 5_000;
/// Hits of a SearchMedia call that names no Limit (documented).
pub const SEARCH_PAGE: usize = 10;
/// Values of most lists of SearchMedia (documented).
pub const SEARCH_VALUES_MAX: usize = 10;
/// Values of StorageRegions in SearchMedia, and characters of each (both documented).
pub const SEARCH_REGIONS_MAX: usize = 20;
/// Characters of a name, prefix or description to search for (documented).
pub const SEARCH_TEXT_CHARS_MAX: usize = 100;
/// Characters of Text in SearchMedia (documented).
pub const SEARCH_LEGACY_TEXT_CHARS_MAX: usize = 64;
/// Characters of a FileId to search for (documented).
pub const SEARCH_FILE_ID_CHARS_MAX: usize = 40;
/// Entries on a page of ListFiles (documented).
pub const LIST_FILES_MAX: usize = 100;
/// Different parts in one DeleteMedia call: the event repeats them, and eight kinds with a dozen
/// templates each are fewer.
pub const DELETE_PARTS_MAX: usize = 100;
/// Live streams that are recorded, in all: each holds a connection and a disk busy.
pub const LIVE_STREAMS_MAX: usize = 100;
/// How much of a live stream is kept, in ms: an hour's game and its overtime.
pub const LIVE_WINDOW_MS: u64 = 2 * 3_600_000;
/// Bytes of a StreamId.
pub const STREAM_ID_BYTES_MAX: usize = 128;
/// Bytes of the place of a live playlist: as many as of NotificationUrl.
pub const LIVE_PLAYLIST_PLACE_BYTES_MAX: usize = 2_048;
/// Length of a live segment in ms: encoders make 2 to 10 s.
pub const LIVE_SEGMENT_MS_MAX: u64 = 60_000;
/// What a live segment counts at least, in ms, towards how much is recorded: none is shorter than a few
/// pictures, and one that says so must not be kept for nothing.
pub const LIVE_SEGMENT_MS_MIN: u64 = 100;
/// Bytes kept of a live stream for each second of its window: 32 Mbit/s, more than a broadcaster's UHD.
pub const LIVE_BYTES_PER_S_MAX: u64 = 4_000_000;
/// Bytes of a live segment: a minute at 30 Mbit/s.
pub const LIVE_SEGMENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of a reference in a live playlist: as many as of the place of one. The last is kept.
pub const LIVE_REFERENCE_BYTES_MAX: usize = LIVE_PLAYLIST_PLACE_BYTES_MAX;
/// Characters of why a live stream is not recorded: it may begin with a reference.
pub const LIVE_REASON_CHARS_MAX: usize = 512;
/// How long one file of a live stream may take, in ms: beyond it the stream is faster than the line.
pub const LIVE_READ_MS: u64 = 30_000;
/// Inputs of FastEditMedia (documented).
pub const CLIP_INPUTS_MAX: usize = 100;
/// Clips of one file that are being copied at once: the record that holds the file for them stays
/// below 24 KB.
pub const CLIPS_PENDING_MAX: usize = 1_000;
/// Signed addresses of files with a limit of viewers whose viewers are remembered: at some 300 bytes each, 3 MB.
pub const VIEWED_ADDRESSES_MAX: usize = 10_000;
/// FileIds of DescribeMediaInfos (documented).
pub const DESCRIBE_MEDIA_MAX: usize = 20;
/// Characters of SourceContext (documented).
pub const SOURCE_CONTEXT_CHARS_MAX: usize = 250;
/// Characters of SessionContext (documented).
pub const SESSION_CONTEXT_CHARS_MAX: usize = 1_000;
/// Tasks on a page of DescribeTasks (documented).
pub const TASKS_PAGE_MAX: usize = 100;
/// How long a task can be asked for after its end, and a SessionId is known, in ms (documented: 3 days).
pub const TASK_KEPT_MS: i64 = 3 * 24 * 3600 * 1000;
/// Tasks of one type and application that wait or run: a library is moved in portions, and each task
/// takes a kilobyte.
pub const TASKS_OPEN_MAX: usize = 10_000;
/// Waiting tasks of an application among which the one of the highest priority is begun next.
pub const TASKS_WINDOW: usize = 100;
/// Characters of SessionId (documented).
pub const SESSION_ID_CHARS_MAX: usize = 50;
/// Bytes of MediaUrl and CoverUrl, and of every URL that a playlist leads to: what proxies and servers take
/// without complaint.
pub const PULL_URL_BYTES_MAX: usize = 2_048;
/// Pulls under way at once, in all: each holds a share of the line and a few MB of memory, or, of the largest
/// playlists, some 80 MB: their texts, the URLs of 10,000 files, and what is made of the one that is read.
pub const PULLS_MAX: usize = 8;
/// Pulls under way for one application.
pub const PULLS_PER_APPLICATION_MAX: usize = 4;
/// Bytes of one pull, all its files together.
pub const PULL_BYTES_MAX: u64 = 100 * 1024 * 1024 * 1024;
/// Bytes of all playlists of one pull, which are in memory together: four of the largest, where those
/// of a film in ten variants have some 1 MB.
pub const PULL_PLAYLISTS_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long one pull may take, in ms: 100 GB at 40 Mbit/s.
pub const PULL_MS: u64 = 6 * 3600 * 1000;
/// Bytes of a cover.
pub const PULL_COVER_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How long a source may take to begin its answer, look-up and connection included, in ms.
pub const PULL_HEAD_MS: u64 = 30_000;
/// In how much time of waiting a source must bring [`PULL_WINDOW_BYTES`], in ms: silence and drips
/// must not hold one of few places for hours.
pub const PULL_WINDOW_MS: u64 = 30_000;
/// What a source must bring in each [`PULL_WINDOW_MS`]: what a modem of 1990 did.
pub const PULL_WINDOW_BYTES: u64 = 32 * 1024;
/// Attempts to fetch one file that bring it no further; then its source is given up.
pub const PULL_TRIES: u32 = 5;
/// By how much an attempt must bring a file further to be no failed one, in bytes.
pub const PULL_ADVANCE_BYTES: u64 = 1024 * 1024;
/// The pause before the second attempt, in ms; it doubles with each one.
pub const PULL_PAUSE_MS: u64 = 1_000;
/// Files of one playlist that are fetched at once, so of all pulls at most this times [`PULLS_MAX`]: enough
/// that a source's answers do not wait for each other, few enough for any source.
pub const PULL_FILES_MAX: usize = 4;
/// After how many bytes of a file that is fetched they are synced, so that no restart costs more than
/// these; each time costs two syncs of the disk that the queue is on too.
pub const PULL_STEP_BYTES: u64 = 16 * 1024 * 1024;
/// Redirects that are followed to one file: signed links and a change of host need two or three.
pub const PULL_REDIRECTS_MAX: usize = 5;
/// How long a file stays after its ExpireTime, in ms: a clock that was set wrong is noticed by then.
pub const EXPIRY_GRACE_MS: u64 = 3_600_000;
/// Bytes of a part of an object in a bucket, but the last (S3: 5 MiB).
pub const S3_PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Parts of an object in a bucket (S3: 10,000).
pub const S3_PARTS_MAX: u64 = 10_000;
/// Memory of all objects on their way into a bucket together, in MiB: six large ones.
pub const S3_MEMORY_MIB: usize = 96;
/// Objects that one request removes from a bucket (S3: 1,000).
pub const S3_REMOVED_AT_ONCE: usize = 1_000;
/// How long a connection to the bucket may take, in ms.
pub const S3_CONNECT_MS: u64 = 5_000;
/// How long the bucket may take to answer once it has the whole request, in ms.
pub const S3_ANSWER_MS: u64 = 30_000;
/// How long a start, or a later look, waits to find the objects where they should be, in ms: the queue
/// waits for it.
pub const S3_CHECK_MS: u64 = 10_000;
/// How long a piece of an answer of the bucket may take, in ms.
pub const S3_PIECE_MS: u64 = 30_000;
/// How long an unused connection to the bucket is kept, in ms: stores close theirs after 20 s and more.
pub const S3_IDLE_MS: u64 = 15_000;
/// The pace in bytes a second below which an upload to the bucket is given up as stuck.
pub const S3_BYTES_PER_S_MIN: u64 = 128 * 1024;
/// How long a write that the bucket did not answer may still be carried out there, in ms: stores and
/// proxies give up in minutes; waiting longer costs a row and nothing else.
pub const S3_LATE_MS: u64 = 3_600_000;
/// How often a request to the bucket is sent again.
pub const S3_RETRIES_MAX: usize = 4;
/// How long after its beginning a request to the bucket may be sent again, in ms: clients wait a minute.
pub const S3_RETRY_MS: u64 = 20_000;
/// The first wait before a request is sent again, in ms, give or take.
pub const S3_RETRY_FIRST_MS: u64 = 100;
/// The longest wait before a request is sent again, in ms.
pub const S3_RETRY_LAST_MS: u64 = 2_000;
/// Free bytes that uploads leave on the disk at least, so that media cannot stop the queue.
pub const UPLOAD_FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// Free share of the disk that uploads leave at least, in percent.
pub const UPLOAD_FREE_PERCENT_MIN: u64 = 5;
/// Bytes held back on disk for settlements and retention.
pub const RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// WAL size in bytes at which the writer pauses until a checkpoint has caught up.
pub const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Milliseconds that a start waits for its data directory: a process that was just killed holds it
/// until the system has torn it down, and so does a child of one that has not begun its program yet.
pub const LOCK_WAIT_MS: u64 = 1_000;
/// Milliseconds that a graceful stop may take.
pub const SHUTDOWN_MS: u64 = 10_000;

/// How long one run of ffprobe may take, in ms: a healthy file needs well under a second.
pub const PROBE_MS: u64 = 10_000;
/// Seconds of processor time of one run of ffprobe.
pub const PROBE_CPU_S: u64 = 10;
/// Address space of one run of ffprobe: its libraries and a few frames of 8K video.
pub const PROBE_MEMORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes of ffprobe's answer: a hundred streams with long tags.
pub const PROBE_OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that the built-in parsers read of one file: the tables of a long film, with room.
pub const PROBE_READ_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long CommitUpload waits for a probe, its turn included, in ms: a file without metadata is
/// better than a client that gave up.
pub const PROBE_WAIT_MS: u64 = 20_000;
/// Probes at the same time: each may use a core.
pub const PROBES_MAX: usize = 2;

/// Connections that the proxy of `callboard run` holds at once: a browser opens 32, an upload client
/// a few for each file.
pub const INTERCEPT_CONNECTIONS_MAX: usize = 1_024;
/// Hosts that it has certificates for, and that it has told its user about: a program that asks for
/// more makes names up.
pub const INTERCEPT_HOSTS_MAX: usize = 1_024;
/// How long nothing may move through one of its connections, in ms: twice what the server waits for
/// an object's next piece, so that the server's word comes first.
pub const INTERCEPT_IDLE_MS: u64 = 2 * OBJECT_IDLE_MS;
/// How long it waits for a connection to the server, in ms.
pub const INTERCEPT_CONNECT_MS: u64 = 5_000;
