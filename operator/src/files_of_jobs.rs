//! Whether a bucket has files of a job, without reading all that is there.

use futures::StreamExt;
use videofactory_pipeline::keys::{KINDS, KeyParts, folder};
use videofactory_storage::{Bucket, StorageError};

/// How many other files are passed over in a folder; where there are more, it counts as if one of a job were among them.
const MAX_KEYS_CHECKED: usize = 5_000;

/// Whether there may be one in a folder of any kind, of those that begin with `prefix` behind the folder's name.
pub async fn may_exist(
    bucket: &Bucket,
    prefix: &str,
    is_wanted: impl Fn(&KeyParts<'_>) -> bool,
) -> Result<bool, StorageError> {
    for kind in KINDS {
        let mut files = bucket.list(&format!("{}/{prefix}", folder(kind))).enumerate();
        while let Some((number, file)) = files.next().await {
            let key = file?.key;
            let is_found = KeyParts::of(&key).is_some_and(|parts| is_wanted(&parts));
            if is_found || number >= MAX_KEYS_CHECKED {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
