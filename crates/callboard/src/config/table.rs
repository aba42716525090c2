//! What users read about each setting, in the order in which it is shown.
//!
//! The structs of [`super::settings`] hold the values, this table the words; a test holds the two
//! together. The environment variable of a setting is computed from its name.

/// A setting as it is documented.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its dotted name in the file.
    pub name: &'static str,
    /// What it does, one line a sentence or clause.
    pub words: &'static [&'static str],
}

impl Setting {
    /// The environment variable that overrides it.
    pub fn variable(&self) -> String {
        format!("CALLBOARD_{}", self.name.to_uppercase().replace('.', "_"))
    }

    /// Its section and its name within that.
    pub fn split(&self) -> (&'static str, &'static str) {
        self.name.rsplit_once('.').unwrap_or(("", self.name))
    }
}

/// The words above a section.
pub const SECTIONS: [(&str, &str); 9] = [
    ("tls", "TLS of `listen`. Without it the API speaks plain HTTP."),
    ("ops", "For operators: /healthz, /readyz and /metrics. Not for the public."),
    ("pull", "Mode=PULL: PullEvents and ConfirmEvents."),
    ("push", "Mode=PUSH: callbacks."),
    ("limits", "Limits that protect the server."),
    ("media", "The media library."),
    ("objects", "Where media files are kept."),
    ("objects.s3", "The bucket, if objects.store is \"s3\": Amazon S3 or what speaks like it."),
    ("log", "Logs go to standard error."),
];

/// Every setting but the `[[application]]` list.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "listen",
        words: &[
            "Address of the API, the object storage surface and media files.",
            "On a loopback address callbacks may go to this machine; on any other they may not",
            "unless push.allow_targets says so. Port 0 takes a free one.",
        ],
    },
    Setting {
        name: "data",
        words: &["Everything that must survive a restart. One server at a time uses it."],
    },
    Setting {
        name: "public_url",
        words: &[
            "What stands before the paths that Callboard hands out (MediaUrl). Requests that are",
            "signed for its host are accepted under any other.",
            "Empty: http:// (with TLS https://) and the address it listens on.",
        ],
    },
    Setting {
        name: "app_id",
        words: &["The account's AppId; also the id of the default application."],
    },
    Setting {
        name: "require_sub_app_id",
        words: &["Refuse calls without SubAppId instead of taking the default application."],
    },
    Setting {
        name: "history_days",
        words: &["Days that settled events stay readable; at least 5."],
    },
    Setting {
        name: "tls.certificate",
        words: &[
            "PEM file: the certificate, then those that lead to its authority. It and the key are read",
            "again at SIGHUP.",
        ],
    },
    Setting { name: "tls.key", words: &["PEM file: its private key."] },
    Setting {
        name: "ops.listen",
        words: &["Empty: 127.0.0.1:8801, or a free port when `listen` asks for port 0."],
    },
    Setting {
        name: "pull.lease",
        words: &["An event not confirmed for that long can be pulled again (the cloud: 30s)."],
    },
    Setting {
        name: "pull.wait",
        words: &["How long PullEvents waits for the first event (the cloud: 5s)."],
    },
    Setting {
        name: "pull.empty",
        words: &[
            "When nothing came: \"error\" is `no event` as in the cloud, \"list\" an empty list.",
        ],
    },
    Setting {
        name: "push.profile",
        words: &[
            "\"standard\": 2xx is success, anything else is tried again by the schedule below.",
            "\"classic\": the cloud's old behaviour, any answer counts, three sends in all; the",
            "schedule below is then not used.",
        ],
    },
    Setting {
        name: "push.unused_members",
        words: &["Members of other event types in a callback: \"omit\" them or write \"null\"."],
    },
    Setting {
        name: "push.allow_targets",
        words: &[
            "Networks that callbacks may go to although they are not public,",
            "such as [\"10.1.0.0/16\", \"192.168.7.9\"].",
        ],
    },
    Setting {
        name: "push.https_only",
        words: &[
            "Refuse http:// addresses. Those that were set before are no longer called; their",
            "events fail until an https:// address is set.",
        ],
    },
    Setting {
        name: "push.roots",
        words: &[
            "Whose public authorities https receivers may use: \"mozilla\" (compiled in) or",
            "\"system\" (this machine's).",
        ],
    },
    Setting {
        name: "push.ca_file",
        words: &[
            "PEM file of authorities that https receivers may use besides the public ones, and of",
            "receivers' own certificates.",
        ],
    },
    Setting {
        name: "push.client_certificate",
        words: &["PEM file of a certificate, the leaf first, for receivers that ask for one."],
    },
    Setting { name: "push.client_key", words: &["PEM file of its key."] },
    Setting {
        name: "push.proxy",
        words: &[
            "Proxy for callbacks: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT. Names are",
            "resolved and checked here; loopback addresses are called directly.",
        ],
    },
    Setting {
        name: "push.timeout",
        words: &["The deadline of one attempt, from the name look-up to the last byte."],
    },
    Setting {
        name: "push.schedule",
        words: &["Waits after the first failed attempts (give or take 20 %)."],
    },
    Setting { name: "push.repeat", words: &["The wait after every later failed attempt."] },
    Setting {
        name: "push.give_up_after",
        words: &["How long after its first attempt an event is still tried."],
    },
    Setting {
        name: "push.in_flight",
        words: &[
            "Attempts under way at once, in all. The last quarter is for applications that have none",
            "under way, so that receivers that never answer delay nobody else.",
        ],
    },
    Setting {
        name: "push.in_flight_per_application",
        words: &["Attempts under way at once for one application; fewer, the more others have."],
    },
    Setting {
        name: "push.per_second",
        words: &["Attempts a second that begin for one application. 0: no limit."],
    },
    Setting {
        name: "limits.per_second",
        words: &[
            "Calls per key, action and second; 0 is none. Actions that are not named have none.",
            "What you name here changes that action and leaves the others as they are.",
        ],
    },
    Setting {
        name: "media.ffprobe",
        words: &[
            "The program that reads durations and streams: \"auto\" (from PATH if there), \"off\"",
            "or a path. Without it MP4, MP3, WAV, FLAC, MKV and WebM are read by Callboard itself.",
        ],
    },
    Setting {
        name: "media.session_life",
        words: &["How long the temporary keys of ApplyUpload are valid."],
    },
    Setting {
        name: "media.expiry_grace",
        words: &[
            "How long a file stays after its ExpireTime. A clock that is set wrong costs no file",
            "if it is set right within this time.",
        ],
    },
    Setting {
        name: "media.cors_origins",
        words: &[
            "Origins of web pages that may read media files, such as [\"https://www.example.com\"];",
            "[\"*\"] is every page. A player with Media Source Extensions needs it, a plain <video>",
            "does not.",
        ],
    },
    Setting {
        name: "media.upload_cors_origins",
        words: &[
            "Origins of web pages that may upload, with vod-js-sdk-v6 or the COS SDK for browsers, such",
            "as [\"http://localhost:3000\"]; [\"*\"] is every page. Who may upload what is decided by",
            "signatures all the same.",
        ],
    },
    Setting {
        name: "media.signing_key",
        words: &[
            "With a key media files are served to addresses only that it has signed, by the rule of the",
            "cloud's key hotlink protection: sign = md5(key + directory + t + ...). 8 to 20 letters and",
            "digits; better set by CALLBOARD_MEDIA_SIGNING_KEY than here. Empty: none is needed.",
        ],
    },
    Setting {
        name: "media.pull_allow_targets",
        words: &[
            "Networks that PullUpload may fetch from although they are not public, such as",
            "[\"10.1.0.0/16\", \"127.0.0.1\"]. This machine is not allowed unless it stands here.",
        ],
    },
    Setting { name: "media.pull_concurrency", words: &["Pulls under way at once, in all."] },
    Setting {
        name: "media.pull_concurrency_per_application",
        words: &["Pulls under way at once for one application."],
    },
    Setting {
        name: "media.pull_bytes_max",
        words: &["Bytes of one pull, segments and cover included."],
    },
    Setting {
        name: "media.pull_timeout",
        words: &["How long one pull may take once it was begun, restarts included."],
    },
    Setting {
        name: "media.pull_upload_also_new_file_upload",
        words: &["Whether a pull states NewFileUpload too, before PullComplete."],
    },
    Setting {
        name: "media.live_directory",
        words: &[
            "The directory below which RegisterLiveStream may name playlists by their paths. Empty: only",
            "URLs are followed, to public addresses and to what media.pull_allow_targets lists.",
        ],
    },
    Setting { name: "media.live_window", words: &["How much of a live stream is kept."] },
    Setting {
        name: "media.clips_also_new_file_upload",
        words: &[
            "Whether a kept SimpleHlsClip or LiveRealTimeClip raises NewFileUpload when it is made,",
            "besides PersistenceComplete when it has been copied.",
        ],
    },
    Setting {
        name: "objects.store",
        words: &[
            "\"directory\": `objects` in the data directory. \"s3\": a bucket; parts of uploads stay in",
            "the data directory until they are complete.",
        ],
    },
    Setting {
        name: "objects.s3.endpoint",
        words: &[
            "https://HOST[:PORT] of the store, without the bucket. Empty: Amazon's, by the region.",
        ],
    },
    Setting { name: "objects.s3.bucket", words: &["The bucket. It must exist."] },
    Setting { name: "objects.s3.region", words: &["The region that requests are signed for."] },
    Setting {
        name: "objects.s3.prefix",
        words: &["What stands before the name of every object, such as \"callboard\"."],
    },
    Setting { name: "objects.s3.access_key_id", words: &["The key's id."] },
    Setting {
        name: "objects.s3.secret_access_key",
        words: &["The key's secret; better in the environment or in a file:"],
    },
    Setting {
        name: "objects.s3.secret_access_key_file",
        words: &["The file with the secret, and nothing else."],
    },
    Setting {
        name: "objects.s3.path_style",
        words: &[
            "true: the bucket stands in the path. false: in the host name, as some stores insist.",
        ],
    },
    Setting { name: "objects.s3.allow_http", words: &["Allow an http:// endpoint."] },
    Setting {
        name: "objects.s3.ca_file",
        words: &["PEM file of authorities that the store may use besides the public ones."],
    },
    Setting { name: "log.format", words: &["\"text\" for people, \"json\" for machines."] },
    Setting {
        name: "log.level",
        words: &["error, warn, info, debug, trace; or by part, such as \"info,push=debug\"."],
    },
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}
