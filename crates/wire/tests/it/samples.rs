//! One value of each payload and reply, used by the golden tests and by the spec's judgement.

use model::{
    ApiKey, AppId, Application, EventConfig, EventId, EventKind, FileId, Handle, Policy, Sealed,
    Seq, SigningSecret, Timestamp,
};
use serde_json::Value;
use wire::event::task::{
    DynamicRangeInfo, FileDeleteResultItem, FileDeleteTask, FileUploadTask, LiveRecordInfo,
    MediaAudioStreamItem, MediaBasicInfo, MediaDeleteItem, MediaMetaData, MediaSourceData,
    MediaVideoStreamItem, PersistenceCompleteTask, PullUploadTask,
};
use wire::reply::{
    ApplyUploadReply, ClassInfo, ClassReply, ClassesReply, CommitUploadReply, DeliveryReply,
    DeliveryState, EventAttempt, EventConfigReply, EventDetailReply, EventInfo, EventsStateReply,
    FastEditMediaReply, FileContent, ForbidMediaDistributionReply, HistoryReply, KeyInfo, KeyReply,
    KeysReply, ListFilesReply, LiveRealTimeClipReply, LiveRealTimeClipSegment, LiveStreamInfo,
    LiveStreamsReply, ManifestReply, MediaBlocks, MediaInfo, MediaInfosReply,
    MediaKeyFrameDescInfo, MediaKeyFrameDescItem, MediaSubtitleInfo, MediaSubtitleItem,
    MediaTranscodeInfo, ModifyMediaInfoReply, PublishResult, PublishedReply, PurgedReply,
    ReplayedReply, SearchMediaReply, SigningSecretInfo, SigningSecretReply, SigningSecretsReply,
    SimpleHlsClipReply, StorageDataReply, StorageStat, SubAppIdInfo, SubAppIdReply, SubAppIdsReply,
    TaskDetailReply, TaskIdReply, TaskSimpleInfo, TasksReply, TempCertificate, TestReply,
};
use wire::{ActionName, EventState, Reply, Secret, TaskStatus, event};

pub(crate) const FILE: FileId = FileId(5_285_890_784_273_533_167);
pub(crate) const AT: Timestamp = Timestamp(1_547_051_782_000);

pub(crate) fn handle() -> Handle {
    "9f2c61aa-42.3.17".parse().unwrap()
}

pub(crate) fn event_id() -> EventId {
    EventId { origin: 0x9f2c_61aa, first_seq: Seq(42) }
}

pub(crate) fn basic_info() -> MediaBasicInfo {
    MediaBasicInfo {
        name: "Animal World".to_owned(),
        description: String::new(),
        create_time: AT,
        update_time: AT.plus_ms(2_000),
        expire_time: Timestamp::NEVER,
        class_id: 0,
        class_name: "其他".to_owned(),
        class_path: "其他".to_owned(),
        cover_url: String::new(),
        r#type: "mp4".to_owned(),
        media_url: "http://127.0.0.1:8800/media/a/b.mp4".to_owned(),
        source_info: Some(MediaSourceData::new("Upload", "order \"17\"")),
        storage_region: "ap-chongqing".to_owned(),
        storage_path: String::new(),
        tag_set: vec!["cat".to_owned()],
        vid: FILE,
        category: "Video".to_owned(),
        status: "Normal".to_owned(),
        storage_class: "STANDARD".to_owned(),
    }
}

/// A clip of a live stream.
pub(crate) fn recorded() -> MediaBasicInfo {
    let info = LiveRecordInfo {
        domain: String::new(),
        path: String::new(),
        stream_id: "camera-1".to_owned(),
        record_start_time: AT,
        record_end_time: AT.plus_ms(9_000),
    };
    let source_info = Some(MediaSourceData::recorded("", info));
    MediaBasicInfo { source_info, ..basic_info() }
}

pub(crate) fn meta_data() -> MediaMetaData {
    MediaMetaData {
        size: 7_700_180,
        container: "mov,mp4,m4a,3gp,3g2,mj2".to_owned(),
        bitrate: 1_021_028,
        height: 480,
        width: 640,
        duration: 60.0,
        rotate: 0,
        video_stream_set: vec![MediaVideoStreamItem {
            bitrate: 637_174,
            height: 480,
            width: 640,
            codec: "h264".to_owned(),
            fps: 23,
            codec_tag: String::new(),
            dynamic_range_info: DynamicRangeInfo::default(),
        }],
        audio_stream_set: vec![MediaAudioStreamItem {
            bitrate: 383_854,
            sampling_rate: 48_000,
            codec: "aac".to_owned(),
        }],
        video_duration: 60.0,
        audio_duration: 59.990_001_678_467,
        md5: String::new(),
    }
}

pub(crate) fn upload() -> FileUploadTask {
    FileUploadTask {
        file_id: FILE,
        media_basic_info: basic_info(),
        procedure_task_id: String::new(),
        review_audio_video_task_id: String::new(),
        meta_data: Some(meta_data()),
    }
}

pub(crate) fn deletion() -> FileDeleteTask {
    let parts = vec![MediaDeleteItem { r#type: "TranscodeFiles".to_owned(), definition: 0 }];
    FileDeleteTask {
        file_id_set: vec![FILE],
        file_delete_result_info: vec![FileDeleteResultItem { file_id: FILE, delete_parts: parts }],
    }
}

pub(crate) fn persistence() -> PersistenceCompleteTask {
    PersistenceCompleteTask { file_id: FILE, persistence_source: "SimpleHlsClip".to_owned() }
}

fn application() -> Application {
    Application {
        description: "for CI".to_owned(),
        tags: vec![("team".to_owned(), "video".to_owned())],
        ..Application::new(AppId(1_400_000_001), "test", AT)
    }
}

fn keys() -> KeysReply {
    let key = |policy| ApiKey {
        secret_id: "AKIDEXAMPLE".to_owned(),
        secret_key: Sealed("sealed".to_owned()),
        name: "ci".to_owned(),
        policy,
        created: AT,
        root: false,
    };
    let some = Policy {
        actions: Some(vec!["PullEvents".to_owned()]),
        applications: Some(vec![AppId(1_400_000_001)]),
    };
    let keys = [key(Policy::default()), key(some)];
    KeysReply { key_set: keys.iter().map(KeyInfo::from).collect() }
}

fn event_info() -> EventInfo {
    EventInfo {
        event_id: event_id(),
        event_type: EventKind::NewFileUpload,
        state: EventState::Dead,
        reason: "Expired".to_owned(),
        create_time: AT,
        attempt_count: 3,
        replay_count: 1,
        file_id: Some(FILE),
    }
}

fn detail() -> EventDetailReply {
    let attempt = EventAttempt {
        time: AT,
        url: "http://127.0.0.1:9000/cb".to_owned(),
        status: 500,
        duration_ms: 12,
        response_body: "oh\n".to_owned(),
        error: "HTTP 500".to_owned(),
    };
    EventDetailReply::new(event_info(), &upload().payload(), vec![attempt]).unwrap()
}

fn subtitle() -> MediaSubtitleItem {
    MediaSubtitleItem {
        id: "a".to_owned(),
        name: "for all".to_owned(),
        language: "en".to_owned(),
        format: "vtt",
        url: "http://127.0.0.1:8800/media/a/s.vtt".to_owned(),
        source: "UserUploaded",
    }
}

fn blocks() -> MediaBlocks {
    let url = "http://127.0.0.1:8800/media/a/f.mp4".to_owned();
    let mark = MediaKeyFrameDescItem { time_offset: 1.5, content: "a goal".to_owned() };
    MediaBlocks {
        basic_info: Some(basic_info()),
        meta_data: Some(meta_data()),
        transcode_info: Some(MediaTranscodeInfo::original(url, meta_data())),
        key_frame_desc_info: Some(MediaKeyFrameDescInfo { key_frame_desc_set: vec![mark] }),
        subtitle_info: Some(MediaSubtitleInfo { subtitle_set: vec![subtitle()] }),
    }
}

fn media_infos() -> MediaInfosReply {
    MediaInfosReply {
        media_info_set: vec![
            MediaInfo::new(FILE, blocks()),
            MediaInfo::new(FILE, MediaBlocks::default()),
        ],
        not_exist_file_id_set: vec!["nope".to_owned()],
    }
}

fn apply_upload() -> ApplyUploadReply {
    ApplyUploadReply {
        storage_bucket: "callboard-1400000001".to_owned(),
        storage_region: "ap-chongqing".to_owned(),
        vod_session_key: Secret("session".to_owned()),
        media_storage_path: "/d/a.mp4".to_owned(),
        cover_storage_path: String::new(),
        temp_certificate: TempCertificate {
            secret_id: "AKIDTEMP".to_owned(),
            secret_key: Secret("key".to_owned()),
            token: Secret("token".to_owned()),
            expired_time: 1_547_138_182,
        },
    }
}

fn tested() -> TestReply {
    TestReply {
        delivered: false,
        status: 500,
        duration_ms: 12,
        response_body: "oh\n".to_owned(),
        reason: "HTTP 500".to_owned(),
    }
}

fn files() -> ListFilesReply {
    ListFilesReply {
        is_truncated: true,
        next_marker: "b/".to_owned(),
        common_prefixes: vec!["b/".to_owned()],
        contents: vec![FileContent {
            key: "a.mp4".to_owned(),
            last_modified: AT,
            etag: "\"5851a9f53660df65a9848b52fa7f78b0\"".to_owned(),
            size: 648_712,
            storage_class: "STANDARD",
            file_id: FILE,
            category: "Video",
            file_type: "OriginalFiles",
            definition: 0,
            subtitle_id: String::new(),
        }],
    }
}

fn signing_secrets() -> SigningSecretsReply {
    let secret = SigningSecret {
        id: "ss-EXAMPLE".to_owned(),
        secret: Sealed("sealed".to_owned()),
        created: AT,
    };
    SigningSecretsReply { signing_secret_set: vec![SigningSecretInfo::from(&secret)] }
}

fn delivery() -> DeliveryReply {
    DeliveryReply {
        state: DeliveryState::Open,
        url: "http://127.0.0.1:9000/cb".to_owned(),
        failure_count: 5,
        next_probe_time: Some(AT),
    }
}

/// An answer of that action with every member filled.
const TASK: &str = "1250000000-Pull-019abcdef012f5ac8127b3b6b85cdc13tt0";

pub(crate) fn pull() -> PullUploadTask {
    PullUploadTask {
        task_id: TASK.to_owned(),
        status: TaskStatus::Finish,
        err_code: 0,
        message: "SUCCESS".to_owned(),
        file_id: Some(FILE),
        media_basic_info: Some(basic_info()),
        meta_data: Some(meta_data()),
        file_url: "http://127.0.0.1:8800/media/a/b.mp4".to_owned(),
        procedure_task_id: String::new(),
        review_audio_video_task_id: String::new(),
        session_context: "context".to_owned(),
        session_id: "once".to_owned(),
        progress: 100,
    }
}

fn task_info() -> TaskSimpleInfo {
    TaskSimpleInfo {
        task_id: TASK.to_owned(),
        status: TaskStatus::Finish,
        file_id: Some(FILE),
        task_type: "PullUpload".to_owned(),
        create_time: AT,
        begin_process_time: Some(AT),
        finish_time: Some(AT.plus_ms(11_000)),
        session_id: "once".to_owned(),
        session_context: "context".to_owned(),
    }
}

#[expect(clippy::too_many_lines, reason = "a table of actions, one arm each")]
pub(crate) fn reply(action: ActionName) -> Reply {
    match action {
        ActionName::ModifyEventConfig
        | ActionName::ConfirmEvents
        | ActionName::DeleteMedia
        | ActionName::ModifyClass
        | ActionName::DeleteClass
        | ActionName::ModifySubAppIdInfo
        | ActionName::ModifySubAppIdStatus
        | ActionName::DeleteKey
        | ActionName::DeleteSigningSecret
        | ActionName::RegisterLiveStream
        | ActionName::DeleteLiveStream
        | ActionName::ResumeDelivery => Reply::Done,
        ActionName::DescribeEventConfig => {
            Reply::EventConfig(EventConfigReply::from(&EventConfig::default()))
        }
        ActionName::PullEvents => Reply::Events(vec![
            event::pull_item(&handle(), EventKind::NewFileUpload, &upload().payload()),
            event::pull_item(&handle(), EventKind::FileDeleted, &deletion().payload()),
        ]),
        ActionName::DescribeEventsState => {
            Reply::EventsState(EventsStateReply { count_of_events_to_pull: 7 })
        }
        ActionName::ApplyUpload => Reply::ApplyUpload(apply_upload()),
        ActionName::CommitUpload => Reply::CommitUpload(CommitUploadReply {
            file_id: FILE,
            media_url: "http://127.0.0.1:8800/media/a/b.mp4".to_owned(),
            cover_url: String::new(),
        }),
        ActionName::ParseStreamingManifest => Reply::Manifest(ManifestReply {
            media_segment_set: vec!["v0/a.ts".to_owned(), "v0/b.ts".to_owned()],
        }),
        ActionName::DescribeMediaInfos => Reply::MediaInfos(media_infos()),
        ActionName::SearchMedia => Reply::SearchMedia(SearchMediaReply {
            total_count: 5_000,
            media_info_set: vec![MediaInfo::new(FILE, blocks())],
        }),
        ActionName::ListFiles => Reply::ListFiles(files()),
        ActionName::DescribeStorageData => Reply::StorageData(StorageDataReply::new(
            3,
            vec![StorageStat::new("Chinese Mainland", 7_700_180)],
        )),
        ActionName::ModifyMediaInfo => {
            let cover = "http://127.0.0.1:8800/media/a/c.jpg".to_owned();
            let added_subtitle_set = vec![subtitle()];
            Reply::ModifyMediaInfo(ModifyMediaInfoReply { cover_url: cover, added_subtitle_set })
        }
        ActionName::ForbidMediaDistribution => Reply::Forbidden(ForbidMediaDistributionReply {
            not_exist_file_id_set: vec!["nope".to_owned()],
        }),
        ActionName::CreateClass => Reply::Class(ClassReply { class_id: 7 }),
        ActionName::DescribeAllClass => Reply::Classes(ClassesReply {
            class_info_set: vec![ClassInfo {
                class_id: 7,
                parent_id: -1,
                name: "films".to_owned(),
                level: 0,
                sub_class_id_set: vec![8, 9],
                class_name: "films".to_owned(),
            }],
        }),
        ActionName::PullUpload => Reply::TaskId(TaskIdReply { task_id: TASK.to_owned() }),
        ActionName::DescribeTaskDetail => Reply::TaskDetail(TaskDetailReply {
            info: task_info(),
            detail: Some(("PullUploadTask", pull().payload())),
        }),
        ActionName::DescribeTasks => Reply::Tasks(TasksReply {
            task_set: vec![
                task_info(),
                TaskSimpleInfo {
                    status: TaskStatus::Waiting,
                    file_id: None,
                    begin_process_time: None,
                    finish_time: None,
                    ..task_info()
                },
            ],
            scroll_token: "next".to_owned(),
        }),
        ActionName::SimpleHlsClip => Reply::SimpleHlsClip(SimpleHlsClipReply {
            url: "http://127.0.0.1:8800/media/a/b.m3u8".to_owned(),
            meta_data: meta_data(),
            file_id: None,
            task_id: String::new(),
        }),
        ActionName::FastEditMedia => Reply::FastEditMedia(FastEditMediaReply {
            file_id: FILE,
            url: "http://127.0.0.1:8800/media/a/b.m3u8".to_owned(),
        }),
        ActionName::LiveRealTimeClip => Reply::LiveRealTimeClip(LiveRealTimeClipReply {
            url: "http://127.0.0.1:8800/media/a/clip-1-2.m3u8".to_owned(),
            file_id: Some(FILE),
            vod_task_id: String::new(),
            meta_data: Some(meta_data()),
            segment_set: vec![LiveRealTimeClipSegment {
                start_time: AT,
                end_time: AT.plus_ms(60_000),
            }],
        }),
        ActionName::DescribeLiveStreams => Reply::LiveStreams(LiveStreamsReply {
            live_stream_set: vec![LiveStreamInfo {
                stream_id: "camera-1".to_owned(),
                playlist: "https://live.example.com/camera-1/index.m3u8".to_owned(),
                state: "WAITING".to_owned(),
                reason: String::new(),
                create_time: AT,
                start_time: None,
                end_time: Some(AT),
            }],
        }),
        ActionName::CreateSubAppId => Reply::SubAppId(SubAppIdReply { sub_app_id: 1_400_000_001 }),
        ActionName::DescribeSubAppIds => Reply::SubAppIds(SubAppIdsReply {
            sub_app_id_info_set: vec![SubAppIdInfo::new(&application(), "ap-chongqing")],
            total_count: 1,
        }),
        ActionName::PublishEvents => Reply::Published(PublishedReply {
            event_set: vec![PublishResult {
                event_id: event_id(),
                state: EventState::Ignored,
                reason: "SwitchOff".to_owned(),
            }],
        }),
        ActionName::DescribeEvents => Reply::History(HistoryReply {
            event_set: vec![event_info(), EventInfo { file_id: None, ..event_info() }],
            scroll_token: Some("next".to_owned()),
        }),
        ActionName::DescribeEventDetail => Reply::EventDetail(detail()),
        ActionName::ReplayEvents => {
            Reply::Replayed(ReplayedReply { count: 1_000, scroll_token: Some("next".to_owned()) })
        }
        ActionName::PurgeEvents => Reply::Purged(PurgedReply { count: 5 }),
        ActionName::CreateKey => Reply::Key(KeyReply {
            secret_id: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret("shown once".to_owned()),
        }),
        ActionName::DescribeKeys => Reply::Keys(keys()),
        ActionName::TestNotification => Reply::Test(tested()),
        ActionName::DescribeDelivery => Reply::Delivery(delivery()),
        ActionName::CreateSigningSecret => Reply::SigningSecret(SigningSecretReply {
            signing_secret_id: "ss-EXAMPLE".to_owned(),
            secret: Secret("whsec_shown once".to_owned()),
        }),
        ActionName::DescribeSigningSecrets => Reply::SigningSecrets(signing_secrets()),
    }
}

pub(crate) fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}
