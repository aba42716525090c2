//! Events on the wire: which member carries which kind, and the bytes of a payload.
//!
//! A payload is the JSON of one member's object. It is rendered once, here, and from then on only
//! wrapped: PULL puts the handle and the unused members around it, PUSH the signature.
//! The names are irregular (NewFileUpload travels in FileUploadEvent), so they stand in one table
//! that a test holds against EventContent. Deliberately absent: who raises which event, and when.

mod frame;
mod payload;
mod sample;
pub mod task;

use model::EventKind;

use crate::spec::{Shape, Type, spec};

pub use frame::{PullItem, Sign, pull_item, push_body};
pub(crate) use payload::render_checked;
pub use payload::{files, render};
pub use sample::sample;

/// The member of EventContent that carries that kind (facts/events.md section 4).
pub const fn member(kind: EventKind) -> &'static str {
    match kind {
        EventKind::NewFileUpload => "FileUploadEvent",
        EventKind::PullComplete => "PullCompleteEvent",
        EventKind::FileDeleted => "FileDeleteEvent",
        EventKind::RestoreMediaComplete => "RestoreMediaCompleteEvent",
        EventKind::ProcedureStateChanged => "ProcedureStateChangeEvent",
        EventKind::EditMediaComplete => "EditMediaCompleteEvent",
        EventKind::SplitMediaComplete => "SplitMediaCompleteEvent",
        EventKind::ComposeMediaComplete => "ComposeMediaCompleteEvent",
        EventKind::WechatPublishComplete => "WechatPublishCompleteEvent",
        EventKind::WechatMiniProgramPublishComplete => "WechatMiniProgramPublishCompleteEvent",
        EventKind::RemoveWatermark => "RemoveWatermarkCompleteEvent",
        EventKind::RebuildMediaComplete => "RebuildMediaCompleteEvent",
        EventKind::QualityEnhanceComplete => "QualityEnhanceCompleteEvent",
        EventKind::QualityInspectComplete => "QualityInspectCompleteEvent",
        EventKind::ReviewAudioVideoComplete => "ReviewAudioVideoCompleteEvent",
        EventKind::ExtractTraceWatermarkComplete => "ExtractTraceWatermarkCompleteEvent",
        EventKind::ExtractCopyRightWatermarkComplete => "ExtractCopyRightWatermarkCompleteEvent",
        EventKind::ExtractBlindWatermarkComplete => "ExtractBlindWatermarkComplete",
        EventKind::DescribeFileAttributesComplete => "DescribeFileAttributesCompleteEvent",
        EventKind::ReduceMediaBitrateComplete => "ReduceMediaBitrateCompleteEvent",
        EventKind::PersistenceComplete => "PersistenceCompleteEvent",
        EventKind::ComplexAdaptiveDynamicStreamingComplete => {
            "ComplexAdaptiveDynamicStreamingCompleteEvent"
        }
        EventKind::ProcessMediaByMPSComplete => "ProcessMediaByMPSCompleteEvent",
        EventKind::MediaCastStatusChanged => "MediaCastStatusChangedEvent",
        EventKind::AigcImageTaskComplete => "AigcImageCompleteEvent",
        EventKind::AigcVideoTaskComplete => "AigcVideoCompleteEvent",
        EventKind::AigcHunyuan3DTaskComplete => "AigcHunyuan3DCompleteEvent",
        EventKind::SceneAigcImageCompleteEvent => "SceneAigcImageCompleteEvent",
        EventKind::ProcessImageAsyncCompleteEvent => "ProcessImageAsyncCompleteEvent",
        EventKind::CreateAigcAdvancedCustomElementCompleteEvent => {
            "CreateAigcAdvancedCustomElementCompleteEvent"
        }
        EventKind::CreateAigcCustomVoiceCompleteEvent => "CreateAigcCustomVoiceCompleteEvent",
        EventKind::DescribeAigcFaceInfoAsyncComplete => "DescribeAigcFaceInfoAsyncCompleteEvent",
        EventKind::TranscodeComplete => "TranscodeCompleteEvent",
        EventKind::ConcatComplete => "ConcatCompleteEvent",
        EventKind::ClipComplete => "ClipCompleteEvent",
        EventKind::CreateImageSpriteComplete => "CreateImageSpriteCompleteEvent",
        EventKind::CreateSnapshotByTimeOffsetComplete => "SnapshotByTimeOffsetCompleteEvent",
    }
}

/// The spec's type of that kind's member.
#[expect(clippy::expect_used, reason = "a test finds an object type for every kind")]
pub fn payload_type(kind: EventKind) -> &'static Type {
    let content = spec().type_named("EventContent").and_then(|ty| ty.member(member(kind)));
    let shape = content.map(|member| member.shape);
    let id = match shape {
        Some(Shape::Object(id)) => Some(id),
        Some(Shape::Base(_)) | None => None,
    };
    spec().get(id.expect("every kind has a member of EventContent"))
}

/// The kind that a member of EventContent carries.
pub fn kind_of_member(name: &str) -> Option<EventKind> {
    EventKind::ALL.iter().copied().find(|&kind| member(kind) == name)
}

/// The names of EventContent's event members, in the order of the spec.
fn members() -> impl Iterator<Item = &'static str> {
    let content = spec().type_named("EventContent").map(|ty| ty.members.as_slice());
    let names = content.unwrap_or_default().iter().map(|member| &*member.name);
    names.filter(|name| !matches!(*name, "EventHandle" | "EventType"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_members_of_event_content_pair_off() {
        let mut of_spec: Vec<&str> = members().collect();
        let mut of_kinds: Vec<&str> = EventKind::ALL.iter().map(|&kind| member(kind)).collect();
        of_spec.sort_unstable();
        of_kinds.sort_unstable();
        assert_eq!(of_spec, of_kinds);
        for &kind in EventKind::ALL {
            assert!(!payload_type(kind).members.is_empty());
            assert_eq!(kind_of_member(member(kind)), Some(kind));
        }
    }
}
