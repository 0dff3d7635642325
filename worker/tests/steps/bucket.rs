//! A bucket that is full, away or locked, and what an attempt says of it.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use videofactory_crds::StepName;
use videofactory_crds::storagepolicy::ObjectKind;
use videofactory_pipeline::contract::Spent;
use videofactory_pipeline::files_written::FilesWritten;
use videofactory_pipeline::keys::kind_of;
use videofactory_pipeline::{ExitCode, StepOutcome};
use videofactory_storage::ObjectInfo;
use videofactory_tests::r2_proxy::{Effect, Fault};

use super::support::{Production, Running, Studio};
use super::{completed, many_scenes};

#[tokio::test]
async fn a_bucket_that_is_down_ends_the_attempt_as_storage() {
    let mut studio = Studio::open().await;
    studio.server.stop();
    let mut film = Production::new(&studio);
    let ended = film.run(StepName::WriteScript).await;
    assert_eq!((ended.code, ended.outcome.exit), (74, ExitCode::Storage), "{}", ended.outcome.message);
}

#[tokio::test]
async fn credentials_that_do_not_open_the_bucket_end_the_attempt_as_credentials() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    let (access, _) = studio.server.keys();
    let wrong =
        Running::start(&film.input(StepName::WriteScript), &film.given, (access, "wrong")).wait().await;
    assert_eq!((wrong.code, wrong.outcome.exit), (77, ExitCode::Credentials), "{}", wrong.outcome.message);
    let none = Running::start(&film.input(StepName::WriteScript), &film.given, (access, "")).wait().await;
    assert!([77, 78].contains(&none.code), "{}", none.outcome.message);
    film.make(StepName::WriteScript).await;
}

#[tokio::test]
async fn two_hundred_scenes_fit_in_a_termination_message() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.given.scenes = many_scenes(200);
    film.make(StepName::WriteScript).await;
    let silent = film.run(StepName::NarrateScenes).await;
    assert_eq!((silent.code, completed(&silent.outcome).as_str()), (0, "0-199"), "{}", silent.log);
    assert!(silent.message_bytes <= 4096);
    // The worst set there is: every other scene, and a long complaint about each of the others.
    let mut worst = silent.outcome;
    let report = worst.scenes.as_mut().unwrap();
    report.completed = (0..200).step_by(2).collect();
    report.refused = (1..200).step_by(2).collect();
    worst.message = "scène ".repeat(2000);
    worst.spent = (0..20)
        .map(|minute| Spent {
            account: "a-very-long-name-of-an-account-as-long-as-a-label-may-be-xxxxxx".to_owned(),
            at: jiff::Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap(),
            submissions: 10,
            seconds: 3600,
            cost: "123.456789".parse().unwrap(),
        })
        .collect();
    let message = worst.to_message();
    assert!(message.len() <= 4096, "{} bytes", message.len());
    let read = StepOutcome::from_message(&message).unwrap();
    assert_eq!(read.scenes, worst.scenes);
    assert_eq!(read.spent.iter().map(|spent| spent.submissions).sum::<u32>(), 200);
}

#[tokio::test]
async fn a_full_bucket_ends_the_attempt_as_full_and_the_next_continues_from_there() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make(StepName::WriteScript).await;
    let full = Fault::always(Effect::OutOfSpace).on("PutObject").for_keys("**/images/*").after(1);
    studio.proxy.set_faults(vec![full]).unwrap();
    let ended = film.run(StepName::GenerateImages).await;
    assert_eq!((ended.code, ended.outcome.exit, ended.outcome.full), (74, ExitCode::Storage, true));
    assert!(ended.outcome.message.contains("no space left"), "{}", ended.outcome.message);
    studio.proxy.set_faults(Vec::new()).unwrap();
    let outcome = film.make(StepName::GenerateImages).await;
    assert!(!outcome.full);
}

#[tokio::test]
async fn an_attempt_reports_what_it_has_added_to_the_bucket() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    film.make_up_to(StepName::GenerateImages).await;
    let before = sums(&studio).await;
    let files_written = film.make(StepName::NarrateScenes).await.files_written;
    let after = sums(&studio).await;
    let added = |kind: ObjectKind| {
        let (was, is) = (before.get(&kind).copied().unwrap_or_default(), after[&kind]);
        FilesWritten { objects: is.objects - was.objects, bytes: is.bytes - was.bytes }
    };
    assert_eq!(files_written[&ObjectKind::Clips], added(ObjectKind::Clips));
    // The outcome itself and the end of the log come after it was written.
    let work = files_written[&ObjectKind::Work];
    assert!(work.objects >= 1 && work.objects < added(ObjectKind::Work).objects, "{work:?}");
    let again = film.make(StepName::NarrateScenes).await.files_written;
    assert_eq!(again.get(&ObjectKind::Clips), None, "what is there already is not counted");
}

/// What the bucket holds, by kind.
async fn sums(studio: &Studio) -> BTreeMap<ObjectKind, FilesWritten> {
    let mut sums: BTreeMap<ObjectKind, FilesWritten> = BTreeMap::new();
    let objects: Vec<ObjectInfo> = studio.bucket.list("").try_collect().await.unwrap();
    for object in objects {
        let Some(kind) = kind_of(object.key.split('/').next().unwrap_or_default()) else { continue };
        let sum = sums.entry(kind).or_default();
        sum.objects += 1;
        sum.bytes += object.size;
    }
    sums
}
