//! A realistic event of every kind, to try receivers with before anything real happens.
//!
//! Shapes follow the spec and facts/events.md section 4; the values are our own. Members that a
//! kind rarely carries are left out, and rendering adds those that may be null.

use std::sync::LazyLock;

use model::EventKind;
use serde_json::{Map, Value};

#[expect(clippy::expect_used, reason = "the file is compiled in and a test parses it")]
static SAMPLES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../spec/samples.json"))
        .expect("the committed samples are an object")
});

/// The object of that kind's member.
#[expect(clippy::expect_used, reason = "a test finds a sample of every kind")]
pub fn sample(kind: EventKind) -> &'static Value {
    SAMPLES.get(kind.name()).expect("a sample of every kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::check_type;
    use crate::event::{files, payload_type, render};

    #[test]
    fn every_kind_has_a_sample_that_the_spec_accepts() {
        for &kind in EventKind::ALL {
            let sample = sample(kind);
            let rendered = render(kind, Some(sample)).unwrap();
            let rendered: Value = serde_json::from_slice(&rendered).unwrap();
            let findings = check_type(&payload_type(kind).name, &rendered);
            assert_eq!(findings, Vec::<String>::new(), "{}", kind.name());
            let members = sample.as_object().unwrap();
            for (name, value) in members {
                assert!(!value.is_null() && rendered.get(name).is_some(), "{}.{name}", kind.name());
            }
            // what a sample leaves out is null on the wire, not missing
            for member in payload_type(kind).members.iter().filter(|member| !member.legacy) {
                let there = members.contains_key(&*member.name) || member.nullable;
                let missing = format!("{}.{}", kind.name(), member.name);
                assert!(there || missing == "ProcessImageAsyncCompleteEvent.AiCutOutConfig");
            }
        }
        assert_eq!(SAMPLES.len(), EventKind::ALL.len(), "none too many");
    }

    #[test]
    fn samples_about_files_name_them() {
        let kinds = [EventKind::NewFileUpload, EventKind::FileDeleted, EventKind::PullComplete];
        for kind in kinds {
            assert!(!files(sample(kind).as_object().unwrap()).is_empty(), "{}", kind.name());
        }
    }
}
