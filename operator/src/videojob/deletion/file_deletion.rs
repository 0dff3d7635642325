//! Deletes what is in the folders of a job, a page after the other, but for what is protected or none of ours.

use std::collections::HashMap;

use futures::StreamExt;
use tokio::time::Instant;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::keys::KeyParts;
use videofactory_storage::{Bucket, KEYS_A_REQUEST, StorageError};

use super::model::{DeletionOutcome, Extent, Kept};
use crate::usage_deltas::Change;
use crate::videojob::job_bucket::NoPlace;

/// Deletes all files of these folders but those that `keeps` names and those that no job writes; after `until` none but
/// those of the page that was begun.
pub async fn delete_all(
    bucket: &Bucket,
    folders: &[(ObjectKind, String)],
    keeps: impl Fn(&str) -> bool,
    until: Instant,
) -> DeletionOutcome {
    let mut outcome = DeletionOutcome::nothing(Ok(Extent::All));
    for (kind, folder) in folders {
        let mut delete_two =
            FileDeletion { bucket, keeps: &keeps, until, change: Change::default(), kept: &mut outcome.kept };
        let result = delete_two.folder(folder, !outcome.gone.is_empty()).await;
        if delete_two.change != Change::default() {
            outcome.gone.insert(*kind, delete_two.change);
        }
        // What holds one file says nothing of the others; a server that goes away does.
        let is_over = match &result {
            Ok(extent) => *extent == Extent::Part,
            Err(error) => error.is_transient(),
        };
        outcome.ended = outcome.ended.and(result.map_err(|error| NoPlace::of_bucket(&error).into()));
        if is_over {
            break;
        }
    }
    outcome
}

struct FileDeletion<'a, F> {
    bucket: &'a Bucket,
    keeps: &'a F,
    until: Instant,
    change: Change,
    kept: &'a mut Kept,
}

impl<F: Fn(&str) -> bool> FileDeletion<'_, F> {
    /// `some_are_gone` already, from folders before this one.
    async fn folder(&mut self, folder: &str, some_are_gone: bool) -> Result<Extent, StorageError> {
        let mut pages = self.bucket.list(folder).chunks(KEYS_A_REQUEST);
        let mut ended = Ok(Extent::All);
        while let Some(page) = pages.next().await {
            let mut sizes = HashMap::with_capacity(page.len());
            for object in page {
                match object {
                    Ok(object) if (self.keeps)(&object.key) || KeyParts::of(&object.key).is_none() => {
                        self.kept.add(&object.key);
                    }
                    Ok(object) => {
                        sizes.insert(object.key, object.size);
                    }
                    Err(error) => ended = ended.and(Err(error)),
                }
            }
            ended = ended.and(self.delete(&sizes).await);
            // After a page of which something went, so that each look brings us further.
            if Instant::now() >= self.until && (some_are_gone || self.change.objects < 0) {
                return ended.and(Ok(Extent::Part));
            }
        }
        ended
    }

    async fn delete(&mut self, sizes: &HashMap<String, u64>) -> Result<Extent, StorageError> {
        let report = self.bucket.delete(&sizes.keys().cloned().collect::<Vec<_>>()).await;
        for key in &report.deleted {
            let bytes = sizes.get(key).copied().unwrap_or_default();
            self.change.objects -= 1;
            self.change.bytes = self.change.bytes.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        report.failed.into_iter().next().map_or(Ok(Extent::All), |(_, error)| Err(error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use videofactory_crds::condition::VideoJobReason;
    use videofactory_tests::r2_proxy::{Effect, Fault, ProxyOptions, R2Proxy};
    use videofactory_tests::s3_server::S3Server;

    use super::super::messages::swept_words;
    use super::super::model::Obstacle;
    use super::*;
    use crate::usage_deltas::Changes;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    async fn fill(bucket: &Bucket, keys: &[String]) {
        for key in keys {
            bucket.put(key, "12345", &videofactory_storage::PutOptions::default()).await.unwrap();
        }
    }

    async fn keys(bucket: &Bucket) -> Vec<String> {
        let mut keys: Vec<String> = bucket.list("").map(|object| object.unwrap().key).collect().await;
        keys.sort();
        keys
    }

    fn work(owner: &str, run: u8) -> String {
        format!("work/films/{owner}/r{run}/scripts/{DIGEST}.json")
    }

    fn clip(owner: &str) -> String {
        format!("clips/films/{owner}/r1/clips/{DIGEST}.mp4")
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(10)
    }

    fn folders() -> [(ObjectKind, String); 2] {
        [
            (ObjectKind::Work, "work/films/a-3f9c2a1e/".to_owned()),
            (ObjectKind::Clips, "clips/films/a-3f9c2a1e/".to_owned()),
        ]
    }

    async fn delete_two(bucket: &Bucket) -> DeletionOutcome {
        delete_all(bucket, &folders(), |_| false, later()).await
    }

    #[tokio::test]
    async fn every_file_of_the_job_goes_and_none_of_another() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "p/")).unwrap();
        let mut others = [
            "assets/logo.png".to_owned(),
            clip("a-3f9c2a1f"),
            work("a-b-3f9c2a1e", 1),
            clip("a-3f9c2a1e").replace("/films/", "/other/"),
        ];
        others.sort();
        fill(&bucket, &others).await;
        fill(&bucket, &[work("a-3f9c2a1e", 1), work("a-3f9c2a1e", 2), clip("a-3f9c2a1e")]).await;
        let outcome = delete_two(&bucket).await;
        assert_eq!((outcome.ended, outcome.kept), (Ok(Extent::All), Kept::default()));
        assert_eq!(outcome.gone[&ObjectKind::Work], Change { objects: -2, bytes: -10 });
        assert_eq!(outcome.gone[&ObjectKind::Clips], Change { objects: -1, bytes: -5 });
        assert_eq!(keys(&bucket).await, others);
        assert_eq!(
            delete_two(&bucket).await,
            DeletionOutcome::nothing(Ok(Extent::All)),
            "a second time is no error"
        );
    }

    #[tokio::test]
    async fn what_is_protected_or_a_persons_own_stays_and_is_named() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "")).unwrap();
        let own = "clips/films/a-3f9c2a1e/notes.txt".to_owned();
        fill(&bucket, &[work("a-3f9c2a1e", 1), work("a-3f9c2a1e", 2), clip("a-3f9c2a1e"), own.clone()]).await;
        let protected = work("a-3f9c2a1e", 2);
        for look in 0..2 {
            // The second look has nothing left to delete, no time, and comes to an end all the same.
            let until = if look == 0 { later() } else { Instant::now() };
            let outcome = delete_all(&bucket, &folders(), |key| key == protected, until).await;
            assert_eq!((outcome.ended, outcome.kept.count), (Ok(Extent::All), 2));
            assert_eq!(outcome.kept.examples, [protected.clone(), own.clone()]);
            let words = swept_words(&outcome.kept);
            assert!(words.contains(&protected) && words.contains("but for 2"), "{words}");
        }
        assert_eq!(keys(&bucket).await, [own, protected]);
    }

    #[tokio::test]
    async fn one_reconcile_ends_in_time_and_the_next_continues() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "")).unwrap();
        fill(&bucket, &[work("a-3f9c2a1e", 1), clip("a-3f9c2a1e")]).await;
        let mut looks = Vec::new();
        for _ in 0..3 {
            let outcome = delete_all(&bucket, &folders(), |_| false, Instant::now()).await;
            looks.push((outcome.gone.into_keys().collect::<Vec<_>>(), outcome.ended));
        }
        let part = |kind| (vec![kind], Ok(Extent::Part));
        assert_eq!(looks, [part(ObjectKind::Work), part(ObjectKind::Clips), (Vec::new(), Ok(Extent::All))]);
    }

    #[tokio::test]
    async fn what_could_not_be_deleted_is_deleted_later_and_not_counted_before() {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let proxy = R2Proxy::start(ProxyOptions::before(server.url())).await.unwrap();
        let bucket = Bucket::connect(&server.config(&proxy.url(), "films", "")).unwrap();
        fill(&bucket, &[work("a-3f9c2a1e", 1), clip("a-3f9c2a1e")]).await;
        proxy.set_faults(vec![Fault::always(Effect::Unavailable).on("DeleteObjects")]).unwrap();
        let outcome = delete_two(&bucket).await;
        assert_eq!(outcome.gone, Changes::new());
        let obstacle = outcome.ended.unwrap_err();
        assert!(matches!(obstacle, Obstacle::Later(VideoJobReason::StorageUnavailable, _)), "{obstacle:?}");
        proxy.set_faults(Vec::new()).unwrap();
        assert_eq!(delete_two(&bucket).await.ended, Ok(Extent::All));
        assert_eq!(keys(&bucket).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_bucket_that_is_gone_holds_no_job() {
        let server = S3Server::start().await.unwrap();
        let bucket = Bucket::connect(&server.config(&server.url(), "films", "")).unwrap();
        let outcome = delete_two(&bucket).await;
        assert!(outcome.gone.is_empty());
        assert!(matches!(outcome.ended.unwrap_err(), Obstacle::NoWay(_)));
    }
}
