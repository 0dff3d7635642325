//! Which backups stay.

use serde_json::json;
use videofactory_operator::storagepolicy::backup::thin_out;
use videofactory_storage::PutOptions;

use super::Site;

fn key(day: u32) -> String {
    format!("backups/films/default/202611{day:02}T040000Z.json")
}

/// Backups of one day each: with so many jobs by their metadata, or without metadata.
async fn site_with(backups: &[(u32, Option<u32>)]) -> Site {
    let site = Site::start().await;
    for (day, jobs) in backups {
        let options = jobs.map_or_else(PutOptions::default, |jobs| {
            PutOptions::default().with("videojobs", jobs.to_string())
        });
        let text =
            format!(r#"{{"items":[{{"kind":"{}"}}]}}"#, if day % 2 == 0 { "VideoJob" } else { "Channel" });
        site.bucket().put(&key(*day), text, &options).await.unwrap();
    }
    site
}

/// The days whose backups are left after one of the last day.
async fn left(site: &Site, holds_jobs: bool) -> Vec<u32> {
    let new = site.keys().await.pop().unwrap();
    let kept = thin_out(&site.bucket(), &site.policy(), &new, holds_jobs).await.unwrap();
    let left = site.keys().await;
    assert_eq!(kept, i64::try_from(left.len()).unwrap());
    left.iter().map(|key| key[key.len() - 15..key.len() - 13].parse().unwrap()).collect()
}

#[tokio::test]
async fn without_a_number_in_the_spec_none_is_deleted() {
    let days: Vec<_> = (1..=20).map(|day| (day, Some(3))).collect();
    assert_eq!(left(&site_with(&days).await, true).await.len(), 20);
}

#[tokio::test]
async fn backups_of_an_emptied_namespace_do_not_push_out_the_last_with_jobs() {
    for (backups, expected) in [
        (vec![(1, Some(5)), (2, Some(3)), (3, Some(0)), (4, Some(0)), (5, Some(0))], vec![2, 4, 5]),
        (vec![(1, Some(0)), (2, Some(0)), (3, Some(0)), (4, Some(7)), (5, Some(0))], vec![4, 5]),
        (vec![(1, Some(0)), (2, Some(0)), (3, Some(0)), (4, Some(0)), (5, Some(0))], vec![4, 5]),
        // Of an older operator, without metadata: even days hold jobs.
        (vec![(1, None), (2, None), (3, None), (5, None), (7, Some(0))], vec![2, 5, 7]),
    ] {
        let mut site = site_with(&backups).await;
        site.spec["backup"] = json!({"schedule": "0 4 * * *", "keepLast": 2});
        assert_eq!(left(&site, false).await, expected, "{backups:?}");
        assert_eq!(left(&site, false).await, expected, "again");
    }
}

#[tokio::test]
async fn a_new_backup_with_jobs_lets_the_oldest_go() {
    let mut site = site_with(&[(1, Some(5)), (2, Some(3)), (3, Some(0)), (4, Some(4))]).await;
    site.spec["backup"] = json!({"schedule": "0 4 * * *", "keepLast": 2});
    assert_eq!(left(&site, true).await, [3, 4]);
}
