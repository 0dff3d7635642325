//! Backup, delete everything, restore: nothing is made, paid for or published again, and what was half done continues.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use videofactory_client::backup::{Backup, Item, Kind, export};
use videofactory_client::restore::{Answer, Options, Outcome, restore};
use videofactory_crds::condition::{Phase, StepState};
use videofactory_crds::{Channel, ProviderAccount, StepName, StoragePolicy, VideoJob};
use videofactory_pipeline::clock;
use videofactory_tests::e2e::bucket::{Artifacts, untouched};
use videofactory_tests::e2e::clips::animated;
use videofactory_tests::e2e::film::{Film, NewFilm, attempts};
use videofactory_tests::e2e::half_drawn::{SCENES, few_pictures, until_half_drawn};
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::paid::{Account, roomy};
use videofactory_tests::e2e::test_env::{MANAGER, TestEnv, in_test_env};
use videofactory_tests::e2e::wait;
use videofactory_tests::fakes::{Effect, Fault, Operation, Service};

/// A namespace with a film that is paid for, finished and published, and one of which the first pictures are drawn.
struct Studio {
    env: TestEnv,
    grok: Account,
    /// What `kubectl get` shows, without the age.
    shown: Vec<String>,
    /// All files of the finished film, and the pictures of the other.
    files: (Artifacts, Artifacts),
    /// How often a script was tried for the film that is half done.
    scripts: i32,
    document: String,
}

impl Studio {
    async fn open(env: TestEnv) -> anyhow::Result<Self> {
        env.put(json!({
            "apiVersion": "videofactory.dev/v1alpha1", "kind": "Channel", "metadata": {"name": "sea"},
            "spec": {"defaults": {"style": {"suffix": "calm"}}},
        }))
        .await?;
        let grok = roomy(&env).await?;
        let published = json!({
            "channelRef": {"name": "sea"}, "publish": {"targets": [{"name": "main", "type": "Bucket"}]},
        });
        let done = env.create_film(animated(2).with(published).named("done")).await?;
        done.succeeded().await?;
        // An edit, so that the spec has another generation than what is restored of it.
        done.edit(json!({"priority": 1})).await?;
        done.succeeded().await?;
        grok.usage_agrees("generations", Operation::Video).await?;
        env.faults(vec![few_pictures()]).await?;
        let half = env.create_film(NewFilm::of(SCENES).named("half")).await?;
        let drawn = until_half_drawn(&half).await?;
        half.step(StepName::NarrateScenes, StepState::Succeeded).await?;
        let scripts = attempts(&half.status().await?, StepName::WriteScript);
        let written = export(&env.client, Some(&env.namespace), clock::now()).await?;
        let document = String::from_utf8(written.text)?;
        let (shown, files) = (shown(&env).await?, (done.artifacts().await?, drawn));
        Ok(Self { env, grok, shown, files, scripts, document })
    }

    fn backup(&self) -> anyhow::Result<Backup<'_>> {
        let backup = Backup::read(&self.document)?;
        ensure!(backup.is_sealed && backup.items.len() == 5, "{:?}", backup.items);
        Ok(backup)
    }

    /// A job as it is now.
    async fn film(&self, name: &str) -> anyhow::Result<Film> {
        let job = self.env.api::<VideoJob>().get(name).await?;
        Ok(Film::new(self.env.clone(), &job))
    }

    /// All is as it was, nothing was done for the finished film, and the other continues where it was.
    async fn continues(&self) -> anyhow::Result<()> {
        wait::asked(&format!("kubectl get to show {:?}", self.shown), async || {
            Ok((shown(&self.env).await? == self.shown).then_some(()))
        })
        .await?;
        self.env.faults(Vec::new()).await?;
        let half = self.film("half").await?;
        let status = half.succeeded().await?;
        untouched(&self.files.1, &half.artifacts().await?)?;
        ensure!(attempts(&status, StepName::WriteScript) == self.scripts, "write-script ran again");
        let done = self.film("done").await?;
        done.succeeded().await?;
        ensure!(done.jobs().await? == 0, "a step of the finished film ran again");
        ensure!(done.artifacts().await? == self.files.0, "files of the finished film were written again");
        let clips = self.grok.submissions(Operation::Video).await?.len();
        ensure!(clips == 2, "{clips} clips were paid for, not 2");
        self.grok.usage_agrees("generations", Operation::Video).await
    }
}

/// What `kubectl get` shows of all kinds, without the last column, the age. Of the film that continues its progress may be
/// another already.
async fn shown(env: &TestEnv) -> anyhow::Result<Vec<String>> {
    let table = ask(&["-n", &env.namespace, "get", "vj,ch,pa,sp"]).await?;
    let row = |line: &str| {
        let mut cells: Vec<&str> = line.split_whitespace().collect();
        cells.pop();
        if line.contains("/half ") {
            cells.truncate(3);
        }
        cells.join(" ")
    };
    Ok(table.lines().map(row).filter(|row| !row.is_empty()).collect())
}

/// Deletes all objects of ours, as one who has lost his namespace; pods die without a word.
async fn delete_all(env: &TestEnv) -> anyhow::Result<()> {
    delete::<VideoJob>(env).await?;
    delete::<ProviderAccount>(env).await?;
    delete::<StoragePolicy>(env).await?;
    delete::<Channel>(env).await?;
    let pods: Api<Pod> = env.api();
    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
    wait::until(&pods, watcher::Config::default(), "all pods to be gone", |all| all.is_empty().then_some(()))
        .await
}

async fn delete<K>(env: &TestEnv) -> anyhow::Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Serialize
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api: Api<K> = env.api();
    api.delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
    wait::until(&api, watcher::Config::default(), "all objects to be gone", |all| {
        all.is_empty().then_some(())
    })
    .await
}

async fn restored(env: &TestEnv, backup: &Backup<'_>, dry_run: bool) -> anyhow::Result<Answer> {
    let options = Options { dry_run, partial: false, manager: MANAGER.to_owned(), now: clock::now() };
    Ok(restore(&env.client, backup, &options, None).await?)
}

fn all_are(answer: &Answer, outcome: Outcome) -> anyhow::Result<()> {
    let outcomes: BTreeSet<Outcome> = answer.results.items.iter().map(|item| item.outcome).collect();
    ensure!(outcomes == [outcome].into(), "{:?}", answer.results.items);
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_was_deleted_is_restored_as_it_was_and_nothing_is_done_again() {
    in_test_env("restored", async |env: TestEnv| {
        let studio = Studio::open(env.clone()).await?;
        let backup = studio.backup()?;
        all_are(&restored(&env, &backup, false).await?, Outcome::Unchanged)?;
        delete_all(&env).await?;
        all_are(&restored(&env, &backup, true).await?, Outcome::WouldRestore)?;
        ensure!(shown(&env).await?.is_empty(), "a dry run has made something");
        let answer = restored(&env, &backup, false).await?;
        all_are(&answer, Outcome::Restored)?;
        ensure!(answer.notes.iter().any(|note| note.contains("grok-keys")), "{:?}", answer.notes);
        studio.continues().await?;
        all_are(&restored(&env, &backup, false).await?, Outcome::Unchanged)
    })
    .await;
}

/// How long Velero may take from an object to its status.
const BETWEEN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn statuses_that_come_seconds_after_their_objects_are_in_time() {
    in_test_env("restored_by_velero", async |env: TestEnv| {
        let studio = Studio::open(env.clone()).await?;
        let backup = studio.backup()?;
        delete_all(&env).await?;
        let mut made = Vec::new();
        for kind in Kind::ALL {
            for item in backup.items.iter().filter(|item| item.kind == kind) {
                made.push((item, create_as_velero(&env, item).await?));
            }
        }
        // This is what is tested, and nothing that could be waited for.
        tokio::time::sleep(BETWEEN).await;
        for (item, object) in made.into_iter().filter(|(item, _)| item.kind.has_status()) {
            let api = dynamic(&env, item.kind);
            let object = DynamicObject { data: item.object().data, ..object };
            let written = api.replace_status(&item.name, &PostParams::default(), &object).await;
            written.with_context(|| format!("somebody has written {item} meanwhile"))?;
        }
        studio.continues().await
    })
    .await;
}

fn dynamic(env: &TestEnv, kind: Kind) -> Api<DynamicObject> {
    Api::namespaced_with(env.client.clone(), &env.namespace, &kind.resource())
}

/// Makes an object as Velero does: with its labels, and without what the API server gives.
async fn create_as_velero(env: &TestEnv, item: &Item<'_>) -> anyhow::Result<DynamicObject> {
    let mut object = item.object();
    let metadata = &mut object.metadata;
    (metadata.uid, metadata.resource_version, metadata.generation) = (None, None, None);
    (metadata.creation_timestamp, metadata.owner_references) = (None, None);
    let labels = metadata.labels.get_or_insert_default();
    for (label, value) in [("velero.io/restore-name", "after-the-fire"), ("velero.io/backup-name", "daily")] {
        labels.insert(label.to_owned(), value.to_owned());
    }
    if let Some(fields) = object.data.as_object_mut() {
        fields.remove("status");
    }
    Ok(dynamic(env, item.kind).create(&PostParams::default(), &object).await?)
}

#[tokio::test]
async fn what_was_submitted_before_a_restore_is_fetched_and_not_submitted_again() {
    in_test_env("restored_while_paying", async |env: TestEnv| {
        let grok = roomy(&env).await?;
        grok.faults(&[Fault::always(Effect::Pending).of(Service::Xai).on(Operation::Poll)]).await?;
        env.create_film(animated(3)).await?;
        grok.has_accepted(Operation::Video, 3).await?;
        let written = export(&env.client, Some(&env.namespace), clock::now()).await?;
        delete_all(&env).await?;
        grok.faults(&[]).await?;
        let document = String::from_utf8(written.text)?;
        let backup = Backup::read(&document)?;
        all_are(&restored(&env, &backup, false).await?, Outcome::Restored)?;
        let film = Film::new(env.clone(), &env.api::<VideoJob>().get("film").await?);
        let status = film.phase(Phase::Succeeded).await?;
        ensure!(attempts(&status, StepName::WriteScript) == 1, "write-script ran again");
        let clips = grok.submissions(Operation::Video).await?.len();
        ensure!(clips == 3, "{clips} clips were paid for, not 3");
        grok.usage_agrees("generations", Operation::Video).await
    })
    .await;
}
