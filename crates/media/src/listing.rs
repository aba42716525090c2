//! What media are searched by: the fields of their listings.
//!
//! Texts are folded before they are listed and before they are looked for: to the backend they are
//! bytes. Folding is by lower case, letter by letter, whatever the language; forms that only look alike
//! (wide letters, ligatures, combined accents) stay apart.

use queue::Listing;
use queue::listing::Field;

use crate::catalogue;
use crate::record::Media;

/// Fields of words.
pub(crate) mod word {
    use super::Field;

    /// ClassId.
    pub(crate) const CLASS: Field = 1;
    /// Each tag.
    pub(crate) const TAG: Field = 2;
    /// Category.
    pub(crate) const CATEGORY: Field = 3;
    /// SourceType.
    pub(crate) const SOURCE: Field = 4;
    /// The extension in lower case.
    pub(crate) const MEDIA_TYPE: Field = 5;
    /// Status.
    pub(crate) const STATUS: Field = 6;
    /// StorageRegion.
    pub(crate) const REGION: Field = 7;
    /// The StreamId of a live recording.
    pub(crate) const STREAM: Field = 8;
}

/// Fields of texts.
pub(crate) mod text {
    use super::Field;

    /// Name.
    pub(crate) const NAME: Field = 1;
    /// Description.
    pub(crate) const DESCRIPTION: Field = 2;
}

/// Fields of numbers.
pub(crate) mod number {
    use super::Field;

    /// ExpireTime in milliseconds since 1970.
    pub(crate) const EXPIRE: Field = 1;
    /// Bytes of all objects.
    pub(crate) const BYTES: Field = 2;
}

/// `Normal` or `Forbidden`.
pub(crate) const fn status(forbidden: bool) -> &'static str {
    if forbidden { "Forbidden" } else { "Normal" }
}

/// A text as it is listed and looked for.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// What a media is searched by.
pub(crate) fn of(media: &Media) -> Listing {
    let category = catalogue::category(&media.about.media_type);
    let mut words = vec![
        (word::CLASS, media.about.class_id.to_string()),
        (word::SOURCE, media.source.name().to_owned()),
        (word::MEDIA_TYPE, media.about.media_type.clone()),
        (word::STATUS, status(media.forbidden).to_owned()),
        (word::REGION, media.region.clone()),
    ];
    words.extend(category.map(|category| (word::CATEGORY, category.name().to_owned())));
    words.extend(media.source.stream().map(|stream| (word::STREAM, stream.to_owned())));
    words.extend(media.tags.iter().map(|tag| (word::TAG, tag.clone())));
    let bytes = i64::try_from(media.bytes).unwrap_or(i64::MAX);
    let mut texts = vec![(text::NAME, folded(&media.about.name))];
    if !media.description.is_empty() {
        texts.push((text::DESCRIPTION, folded(&media.description)));
    }
    Listing {
        at: media.created.0,
        words,
        texts,
        numbers: vec![(number::EXPIRE, media.about.expire.0), (number::BYTES, bytes)],
    }
}
