//! Events: their kinds, the switches that gate three of them, and an event before it has a place.

use bytes::Bytes;

use crate::{AppId, FileId};

/// Declares [`EventKind`] from one list, so that names and stored codes cannot drift apart.
macro_rules! event_kinds {
    ($($name:ident = $code:literal,)*) => {
        /// The type of an event (`EventType` on the wire; the variant's name is its spelling).
        ///
        /// The names are those of facts/events.md section 4, irregular ones included; which member
        /// carries each is `wire`'s business. Codes are stored and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each variant is an EventType of the API's documentation")]
        #[repr(u8)]
        pub enum EventKind { $($name = $code,)* }

        impl EventKind {
            /// Every kind, in the order of its code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The `EventType` of the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The number the store keeps.
            pub const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// The kind with that stored number.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The kind with that `EventType`.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
        }
    };
}

event_kinds! {
    NewFileUpload = 1,
    PullComplete = 2,
    FileDeleted = 3,
    RestoreMediaComplete = 4,
    ProcedureStateChanged = 5,
    EditMediaComplete = 6,
    SplitMediaComplete = 7,
    ComposeMediaComplete = 8,
    WechatPublishComplete = 9,
    WechatMiniProgramPublishComplete = 10,
    RemoveWatermark = 11,
    RebuildMediaComplete = 12,
    QualityEnhanceComplete = 13,
    QualityInspectComplete = 14,
    ReviewAudioVideoComplete = 15,
    ExtractTraceWatermarkComplete = 16,
    ExtractCopyRightWatermarkComplete = 17,
    ExtractBlindWatermarkComplete = 18,
    DescribeFileAttributesComplete = 19,
    ReduceMediaBitrateComplete = 20,
    PersistenceComplete = 21,
    ComplexAdaptiveDynamicStreamingComplete = 22,
    ProcessMediaByMPSComplete = 23,
    MediaCastStatusChanged = 24,
    AigcImageTaskComplete = 25,
    AigcVideoTaskComplete = 26,
    AigcHunyuan3DTaskComplete = 27,
    SceneAigcImageCompleteEvent = 28,
    ProcessImageAsyncCompleteEvent = 29,
    CreateAigcAdvancedCustomElementCompleteEvent = 30,
    CreateAigcCustomVoiceCompleteEvent = 31,
    DescribeAigcFaceInfoAsyncComplete = 32,
    TranscodeComplete = 33,
    ConcatComplete = 34,
    ClipComplete = 35,
    CreateImageSpriteComplete = 36,
    CreateSnapshotByTimeOffsetComplete = 37,
}

impl EventKind {
    /// The switch that gates this kind; none: it is always wanted.
    pub const fn switch(self) -> Option<Switch> {
        if matches!(self, Self::NewFileUpload) {
            Some(Switch::Upload)
        } else if matches!(self, Self::FileDeleted) {
            Some(Switch::Delete)
        } else if matches!(self, Self::PersistenceComplete) {
            Some(Switch::Persistence)
        } else {
            None
        }
    }
}

/// The three switches of ModifyEventConfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// UploadMediaCompleteEventSwitch.
    Upload,
    /// DeleteMediaCompleteEventSwitch.
    Delete,
    /// PersistenceCompleteEventSwitch.
    Persistence,
}

/// Why an event was kept but not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IgnoredReason {
    /// The switch of its kind was OFF.
    SwitchOff,
    /// The application was in PUSH mode and had no NotificationUrl.
    NoUrl,
}

/// An event that is about to be committed: rendered once, routed inside the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The application that it belongs to.
    pub app: AppId,
    /// Its type.
    pub kind: EventKind,
    /// EventKey: a repeat within 24 hours is the same event.
    pub key: Option<String>,
    /// The files it speaks of, for the history's FileId filter.
    pub files: Vec<FileId>,
    /// The JSON of the one member that carries the event, as it will be sent.
    pub payload: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_round_trip() {
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_code(kind.code()), Some(kind));
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::from_code(0), None);
        assert_eq!(EventKind::from_name("newfileupload"), None);
    }
}
