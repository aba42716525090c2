//! Marks on the timeline of a file, which players show.
//!
//! A mark is told by its time. The documents do not say whether one may lie behind the end of a file;
//! here it may, because of some files no length is known.

use std::collections::HashSet;

use model::limits;
use wire::action::ModifyMediaInfo;

use crate::error::KeyFrameError;
use crate::record::KeyFrame;

/// What can be judged without the file.
pub(crate) fn check(request: &ModifyMediaInfo) -> Result<(), KeyFrameError> {
    let (added, deleted) = (&request.add_key_frames, &request.delete_key_frames);
    let max = limits::KEY_FRAME_CHARS_MAX;
    let deleted: HashSet<u64> = deleted.iter().map(|offset| told_by(*offset)).collect();
    for frame in added {
        // `inf` and `nan` are numbers to those who read texts as numbers
        if !frame.time_offset.is_finite() || frame.time_offset < 0.0 {
            return Err(KeyFrameError::Offset(frame.time_offset));
        }
        if frame.content.is_empty() {
            return Err(KeyFrameError::Empty);
        }
        if frame.content.chars().count() > max {
            return Err(KeyFrameError::TooLong(max));
        }
        if deleted.contains(&told_by(frame.time_offset)) {
            return Err(KeyFrameError::AddAndDelete(frame.time_offset));
        }
    }
    if request.clear_key_frames && !added.is_empty() {
        return Err(KeyFrameError::AddAndClear);
    }
    Ok(())
}

/// Changes the marks of a file as asked.
pub(crate) fn change(
    frames: &mut Vec<KeyFrame>,
    request: &ModifyMediaInfo,
) -> Result<(), KeyFrameError> {
    if request.clear_key_frames {
        frames.clear();
    }
    let deleted = &request.delete_key_frames;
    let is_it = |frame: &KeyFrame, offset| told_by(frame.offset) == told_by(offset);
    frames.retain(|frame| !deleted.iter().any(|offset| is_it(frame, *offset)));
    for added in &request.add_key_frames {
        frames.retain(|frame| !is_it(frame, added.time_offset));
        if frames.len() == limits::KEY_FRAMES_MAX {
            return Err(KeyFrameError::TooMany(limits::KEY_FRAMES_MAX));
        }
        frames.push(KeyFrame { offset: added.time_offset, content: added.content.clone() });
    }
    frames.sort_by(|a, b| a.offset.total_cmp(&b.offset));
    Ok(())
}

/// What tells a mark from others: the number that it was given, which has one 0.
fn told_by(offset: f64) -> u64 {
    (offset + 0.0).to_bits()
}
