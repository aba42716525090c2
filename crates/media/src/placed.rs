//! Where a new file will lie, decided before its first byte comes: for uploads and for pulls.

use model::{Application, FileId, Naming};

use crate::error::Fault;
use crate::library::Library;
use crate::record::About;
use crate::{place, random};

/// The place of a file that is still to come.
#[derive(Debug)]
pub(crate) struct Placed {
    /// Its FileId.
    pub file: FileId,
    /// Its bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where its keys lie.
    pub directory: String,
    /// The key of the media file.
    pub media_key: String,
    /// The key of the cover, if one is to come.
    pub cover_key: Option<String>,
    /// What was said of it, with a name, and with its path where the application names files by path.
    pub about: About,
}

impl Library {
    /// Finds a place for a file of which that is said; `cover_type` and `region` as they were asked for.
    pub(crate) fn place(
        &self,
        application: &Application,
        about: About,
        cover_type: Option<&str>,
        region: Option<String>,
    ) -> Result<Placed, Fault> {
        let app = application.id;
        let region = region
            .or_else(|| application.regions.first().cloned())
            .unwrap_or_else(|| self.settings.storage_region.clone());
        let file = FileId(random::file_number()?);
        let directory = match &about.storage_path {
            Some(path) => place::parent(path).to_owned(),
            None => place::directory(app, &region, file)?,
        };
        let key = |extension: &str| -> Result<String, Fault> {
            Ok(place::join(&directory, &place::name(extension)?))
        };
        let media_key = about.storage_path.clone().map_or_else(|| key(&about.media_type), Ok)?;
        let cover_key = cover_type.map(key).transpose()?;
        let about = About {
            name: if about.name.is_empty() { file.to_string() } else { about.name },
            storage_path: (application.naming == Naming::Path).then(|| media_key.clone()),
            ..about
        };
        let bucket = place::bucket(app, self.settings.account);
        Ok(Placed { file, bucket, region, directory, media_key, cover_key, about })
    }
}
