//! The way of a restore: look, make, write, compare, release.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use videofactory_crds::requests;
use videofactory_pipeline::Digest;

use super::answer::{Answer, ItemAnswer};
use super::error::{RestoreError, RestoreItemError};
use super::files::{Files, Looked, by_policy, look_for, words};
use super::identity::{Renewed, Uids, hold, status, to_make};
use super::notes::{Gathered, left_alone, left_grants, reported_cluster};
use super::plan::{Facts, Plan, plan};
use super::rights;
use super::verify::lost;
use super::work::{Stage, Work};
use crate::backup::{Backup, Item, Kind};
use crate::call::{CallError, list_all, within};

/// Objects that are written at once.
const CONCURRENCY: usize = 16;
/// In this order objects are given their status, and are released: whoever is asked before who asks.
const ORDER: [Kind; 3] = [Kind::ProviderAccount, Kind::StoragePolicy, Kind::VideoJob];

/// What is reported where something failed.
const STUCK: &str = "something failed, so what is held stays held, and nothing acts on it. Fix it and restore the same backup \
                     again, which continues from here; or ask for a partial restore, which releases the others";

/// How to restore.
#[derive(Clone, Debug)]
pub struct Options {
    /// Change nothing, and say what would be done.
    pub dry_run: bool,
    /// Release what was restored although something failed.
    pub partial: bool,
    /// As whom fields are set.
    pub manager: String,
    /// The present time.
    pub now: Timestamp,
}

/// Restores a backup, or says what would be done. `files`: the way to the buckets, where there is one. Fails only where
/// nothing was changed; else each object says what became of it.
pub async fn restore(
    client: &Client,
    backup: &Backup<'_>,
    options: &Options,
    files: Option<&dyn Files>,
) -> Result<Answer, RestoreError> {
    let (mut works, reported) = look(client, backup).await?;
    let is_of_another =
        |work: &&Work<'_>| work.live.as_ref().is_some_and(|live| live.is_of_another(&backup.digest));
    if let Some(work) = works.iter().find(is_of_another) {
        return Err(RestoreError::AwaitOtherBackup { item: work.item.to_string() });
    }
    rights::check(client, &works).await?;
    let mut notes = Gathered::default();
    for item in &backup.items {
        notes.add(item, &item.object());
    }
    let cluster = match files {
        Some(files) => files.cluster().await,
        None => None,
    };
    let mut notes = notes.notes(backup, cluster.or(reported).as_deref());
    notes.extend(left_grants(&works));
    if !options.dry_run {
        let restore = Restore { client, from: &backup.digest, options, files };
        notes.extend(restore.all(&mut works).await);
    }
    let items: Vec<ItemAnswer> = works.into_iter().map(|work| work.into_answer(options.dry_run)).collect();
    // First, because it costs money until it is done.
    let notes = left_alone(&items).into_iter().chain(notes).collect();
    Ok(Answer::new(options.dry_run, items, notes))
}

/// What is to be done about each object, by what is there, and what this cluster is known by, if that says so.
async fn look<'b>(
    client: &Client,
    backup: &'b Backup<'b>,
) -> Result<(Vec<Work<'b>>, Option<String>), CallError> {
    let places: BTreeSet<(Kind, &str)> =
        backup.items.iter().map(|item| (item.kind, item.namespace.as_str())).collect();
    let names: BTreeSet<(Kind, &str, &str)> =
        backup.items.iter().map(|item| (item.kind, item.namespace.as_str(), item.name.as_str())).collect();
    let mut present: BTreeMap<(Kind, String, String), Facts> = BTreeMap::new();
    let mut cluster = None;
    for (kind, namespace) in places {
        let api = &api(client, kind, namespace);
        let ask = |params| async move { api.list(&params).await };
        let take = |object: DynamicObject| {
            cluster = cluster.take().or_else(|| reported_cluster(kind, &object));
            let name = object.name_any();
            if names.contains(&(kind, namespace, name.as_str())) {
                present.insert((kind, namespace.to_owned(), name), Facts::of(kind, &object));
            }
        };
        list_all(&format!("list the {} of {namespace}", kind.resource().plural), ask, take).await?;
    }
    let work = |item: &'b Item<'b>| {
        let wanted = Facts::of(item.kind, &item.object());
        let live = present.get(&(item.kind, item.namespace.clone(), item.name.clone())).cloned();
        let plan = plan(item.kind, &wanted, live.as_ref());
        Work { item, wanted, plan, live, stage: Stage::Planned, remark: None }
    };
    Ok((backup.items.iter().map(work).collect(), cluster))
}

fn api(client: &Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind.resource())
}

struct Restore<'a> {
    client: &'a Client,
    /// Digest of the backup.
    from: &'a Digest,
    options: &'a Options,
    files: Option<&'a dyn Files>,
}

/// What is done with an object.
#[derive(Clone, Copy)]
enum Act<'u> {
    Make,
    GiveStatus(&'u Uids),
    Release,
}

impl Act<'_> {
    /// How far an object is with which this is done.
    const fn from(self) -> Stage {
        match self {
            Self::Make => Stage::Planned,
            Self::GiveStatus(_) => Stage::Made,
            Self::Release => Stage::Ready,
        }
    }
}

/// How far an object is then, and as what the API server has it, if that is new.
type Done = Result<(Stage, Option<Facts>), RestoreItemError>;

impl Restore<'_> {
    /// All objects, stage by stage; what is to be reported besides.
    async fn all(&self, works: &mut [Work<'_>]) -> Vec<String> {
        for kind in Kind::ALL {
            self.each(works, kind, Act::Make).await;
        }
        let uids = uids(works);
        for kind in ORDER {
            self.each(works, kind, Act::GiveStatus(&uids)).await;
        }
        if self.is_stuck(works) {
            return vec![STUCK.to_owned()];
        }
        let mut notes = self.look_for_files(works).await;
        for kind in ORDER {
            self.each(works, kind, Act::Release).await;
            if self.is_stuck(works) {
                notes.push(STUCK.to_owned());
                break;
            }
        }
        notes
    }

    /// Whether something failed, and nothing more is released for it.
    fn is_stuck(&self, works: &[Work<'_>]) -> bool {
        !self.options.partial && works.iter().any(|work| matches!(work.stage, Stage::Failed(_)))
    }

    /// Does one thing with all objects of a kind that are so far, and writes down how far they are then.
    async fn each(&self, works: &mut [Work<'_>], kind: Kind, act: Act<'_>) {
        let from = act.from();
        let due =
            works.iter_mut().filter(|work| work.item.kind == kind && work.stage == from && work.is_ours());
        let acts: Vec<_> = due.map(|work| self.one(work, act)).collect();
        stream::iter(acts).buffer_unordered(CONCURRENCY).collect::<Vec<()>>().await;
    }

    async fn one(&self, work: &mut Work<'_>, act: Act<'_>) {
        let done = match act {
            Act::Make => self.make(work).await,
            Act::GiveStatus(uids) => self.give_status(work, uids).await,
            Act::Release => self.release(work).await,
        };
        match done {
            Ok((stage, live)) => {
                work.stage = stage;
                work.live = live.or_else(|| work.live.take());
            }
            Err(error) => work.stage = Stage::Failed(error.to_string()),
        }
    }

    /// Makes an object, or holds the one that is there.
    async fn make(&self, work: &Work<'_>) -> Done {
        let Item { kind, namespace, .. } = work.item;
        let api = api(self.client, *kind, namespace);
        let object = match work.plan {
            Plan::Create => {
                let original = work.item.object();
                let wanted = to_make(*kind, &original, namespace, self.from, self.options.now);
                let params = PostParams { field_manager: Some(self.options.manager.clone()), dry_run: false };
                within(format!("create {}", work.item), api.create(&params, &wanted)).await?
            }
            Plan::Complete => {
                let version = work.live.as_ref().map(|live| live.version.clone());
                let held = json!({"metadata": {
                    "resourceVersion": version,
                    "annotations": hold(self.from, self.options.now),
                }});
                self.patch(&api, work.item, held).await?
            }
            _ => return Ok((Stage::Made, None)),
        };
        let live = Some(Facts::of(*kind, &object));
        if kind.has_status() {
            return Ok((Stage::Made, live));
        }
        let original = work.item.object();
        kept("spec", &original.data["spec"], &object.data["spec"])?;
        Ok((Stage::Released, live))
    }

    /// Writes an object's status, and compares what the API server has kept of it. Another restore of the same backup may
    /// have let the object go meanwhile; the version that was read here is the one that is replaced.
    async fn give_status(&self, work: &Work<'_>, uids: &Uids) -> Done {
        let Item { kind, namespace, name, .. } = work.item;
        let original = work.item.object();
        let api = api(self.client, *kind, namespace);
        let mut live = within(format!("get {}", work.item), api.get(name)).await?;
        let found = Facts::of(*kind, &live);
        if !work.live.as_ref().is_some_and(|before| found.is_still_held(before, self.from)) {
            return Err(RestoreItemError::KeepHold);
        }
        kept("spec", &original.data["spec"], &live.data["spec"])?;
        let renewed = Renewed { generation: live.metadata.generation, uids, now: self.options.now };
        let Some(wanted) = status(*kind, &original, renewed) else {
            return Ok((Stage::Ready, None));
        };
        live.data["status"] = wanted.clone();
        let params = PostParams { field_manager: Some(self.options.manager.clone()), dry_run: false };
        let what = format!("update status of {}", work.item);
        let written = within(what, api.replace_status(name, &params, &live)).await?;
        kept("status", &wanted, &written.data["status"])?;
        Ok((Stage::Ready, Some(Facts::of(*kind, &written))))
    }

    async fn release(&self, work: &Work<'_>) -> Done {
        let Item { kind, namespace, .. } = work.item;
        let annotations = json!({requests::RESTORING: null, requests::RESTORED_FROM: null});
        // Another object of its name is refused, by its UID.
        let uid = work.live.as_ref().map(|live| live.uid.clone());
        let free = json!({"metadata": {"uid": uid, "annotations": annotations}});
        let api = api(self.client, *kind, namespace);
        self.patch(&api, work.item, free).await?;
        Ok((Stage::Released, None))
    }

    async fn patch(
        &self,
        api: &Api<DynamicObject>,
        item: &Item<'_>,
        patch: Value,
    ) -> Result<DynamicObject, CallError> {
        let params =
            PatchParams { field_manager: Some(self.options.manager.clone()), ..PatchParams::default() };
        let patch = Patch::Merge(patch);
        within(format!("patch {item}"), api.patch(&item.name, &params, &patch)).await
    }

    /// Looks for the files of the restored jobs; what is to be reported besides.
    async fn look_for_files(&self, works: &mut [Work<'_>]) -> Vec<String> {
        let jobs = works.iter().enumerate().filter(|(_, work)| work.item.kind == Kind::VideoJob);
        let restored = jobs.filter(|(_, work)| work.stage == Stage::Ready);
        let by_policy = by_policy(restored.map(|(place, work)| (place, work.item)));
        let Looked { missing, notes } = look_for(self.client, self.files, by_policy).await;
        for (place, files) in missing {
            works[place].remark = words(&files);
        }
        notes
    }
}

/// The UIDs of what was made again, and of what was there and is the same.
fn uids(works: &[Work<'_>]) -> Uids {
    let pairs = works.iter().filter_map(|work| {
        let live = work.live.as_ref()?;
        let same = work.is_ours() || live.is_same(work.item.kind, &work.wanted);
        same.then(|| (work.wanted.uid.clone(), live.uid.clone()))
    });
    pairs.collect()
}

fn kept(what: &str, sent: &Value, kept: &Value) -> Result<(), RestoreItemError> {
    match lost(sent, kept) {
        None => Ok(()),
        Some(field) => Err(RestoreItemError::KeepField { field: format!("{what}.{field}") }),
    }
}
