//! Restores against an API server in memory: what is made, in which order it continues, and what a restore that was broken
//! off or partly refused leaves.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;

use async_trait::async_trait;
use kube::api::DynamicObject;
use kube::{Api, Client};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use videofactory_api::access::UserClientSource;
use videofactory_api::{backup, writes};
use videofactory_client::backup::{Backup, Kind, export};
use videofactory_client::connect;
use videofactory_client::restore::{Answer, Files, Options, Outcome, RestoreError, Wanted, restore};
use videofactory_crds::StoragePolicy;
use videofactory_crds::requests::{RESTORED_FROM, RESTORING};
use videofactory_tests::api_server::ApiServer;
use videofactory_tests::http;

const RESOURCES: [&str; 4] = ["channels", "provideraccounts", "storagepolicies", "videojobs"];
const NOW: &str = "2026-11-29T08:00:00Z";

struct Site {
    server: ApiServer,
    client: Client,
    document: String,
}

fn object(kind: &str, name: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "videofactory.dev/v1alpha1", "kind": kind,
        "metadata": {
            "name": name, "namespace": "films", "uid": format!("old-{name}"), "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["videofactory.dev/artifacts"],
        },
        "spec": spec, "status": status,
    })
}

impl Site {
    /// A namespace with an object of each kind and two jobs, its backup, and then none of them.
    async fn open() -> Self {
        let server = ApiServer::start().await.unwrap();
        let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
        server.put("channels", object("Channel", "sea", &json!({"introKey": "assets/a.mp4"}), &Value::Null));
        let grant = json!({"id": "old-grok-7", "holder": {"uid": "old-half", "name": "half", "attempt": 2}});
        let ledger = json!({
            "observedGeneration": 3, "grants": [grant],
            "quotas": [{"name": "all", "used": 4, "spent": [{"at": "2026-01-01T00:00:00Z", "units": 4}]}],
        });
        let secret = json!({"provider": "XAI", "secretRef": {"name": "grok-keys"}});
        server.put("provideraccounts", object("ProviderAccount", "grok", &secret, &ledger));
        let there = json!({"cluster": "another-cluster", "bucket": "videos", "prefix": "studio"});
        let ready = json!({"type": "Ready", "status": "True", "observedGeneration": 3});
        let policy = json!({"observedGeneration": 3, "place": there, "conditions": [ready]});
        let bucket = json!({
            "bucket": {"endpoint": "https://s3.example", "name": "videos", "secretRef": {"name": "s3"}},
            "capacity": {"limit": "10G"},
        });
        server.put("storagepolicies", object("StoragePolicy", "default", &bucket, &policy));
        for (name, id) in [("done", "00000001"), ("half", "00000002")] {
            let status = json!({"observedGeneration": 3, "id": id, "run": 1});
            server.put("videojobs", object("VideoJob", name, &json!({"topic": name}), &status));
        }
        let written = export(&client, Some("films"), NOW.parse().unwrap()).await.unwrap();
        let site = Self { server, client, document: String::from_utf8(written.text).unwrap() };
        for resource in RESOURCES {
            site.server.clear(resource);
        }
        site
    }

    async fn restore(&self, dry_run: bool, partial: bool) -> Answer {
        self.restore_with(dry_run, partial, None).await
    }

    async fn restore_with(&self, dry_run: bool, partial: bool, files: Option<&dyn Files>) -> Answer {
        self.try_restore(dry_run, partial, files).await.unwrap()
    }

    async fn try_restore(
        &self,
        dry_run: bool,
        partial: bool,
        files: Option<&dyn Files>,
    ) -> Result<Answer, RestoreError> {
        let backup = Backup::read(&self.document).unwrap();
        let options = Options { dry_run, partial, manager: "test".to_owned(), now: NOW.parse().unwrap() };
        restore(&self.client, &backup, &options, files).await
    }

    fn all(&self) -> BTreeMap<String, Value> {
        let all = RESOURCES.iter().flat_map(|resource| self.server.all(resource));
        all.map(|object| (object["metadata"]["name"].as_str().unwrap().to_owned(), object)).collect()
    }

    /// The objects upon which nothing acts.
    fn held(&self) -> Vec<String> {
        let held = |object: &Value| !object["metadata"]["annotations"][RESTORING].is_null();
        self.all().into_iter().filter(|(_, object)| held(object)).map(|(name, _)| name).collect()
    }

    fn writes(&self) -> u64 {
        let writes = ["create", "update", "patch", "delete"];
        self.server
            .calls()
            .iter()
            .filter(|((verb, resource), _)| writes.contains(verb) && resource != "selfsubjectaccessreviews")
            .map(|(_, count)| count)
            .sum()
    }
}

fn outcomes(answer: &Answer) -> BTreeMap<&str, Outcome> {
    answer.results.items.iter().map(|item| (item.name.as_str(), item.outcome)).collect()
}

fn assert_all(answer: &Answer, outcome: Outcome) {
    assert!(answer.results.items.iter().all(|item| item.outcome == outcome), "{:?}", answer.results.items);
    assert_eq!(answer.results.items.len(), 5);
}

#[tokio::test]
async fn what_was_deleted_is_made_again_with_its_status_and_released() {
    let site = Site::open().await;
    assert_all(&site.restore(true, false).await, Outcome::WouldRestore);
    assert_eq!(site.writes(), 0, "a dry run writes nothing");
    let answer = site.restore(false, false).await;
    assert_all(&answer, Outcome::Restored);
    assert!(answer.is_whole() && site.held().is_empty());
    let all = site.all();
    let (half, grok, policy) = (&all["half"], &all["grok"], &all["default"]);
    assert_ne!(half["metadata"]["uid"], "old-half");
    assert_eq!(half["metadata"]["finalizers"], Value::Null);
    assert_eq!(half["status"], json!({"observedGeneration": 1, "id": "00000002", "run": 1}));
    assert_eq!(grok["status"]["quotas"][0]["used"], 4);
    assert_eq!(grok["status"]["grants"][0]["holder"]["uid"], half["metadata"]["uid"]);
    assert_eq!(policy["status"]["conditions"][0]["observedGeneration"], 0, "it is asked again");
    let notes = answer.notes.join("\n");
    assert!(notes.contains("grok-keys, s3 in films"), "{notes}");
}

#[tokio::test]
async fn a_location_of_another_cluster_is_reported_with_how_this_one_is_identified() {
    let site = Site::open().await;
    for (files, says) in [(Some(&Empty as &dyn Files), "this cluster is another one"), (None, "is not known")]
    {
        let notes = site.restore_with(true, false, files).await.notes.join("\n");
        assert!(notes.contains("another-cluster") && notes.contains(says), "{notes}");
    }
}

/// A bucket with nothing in it.
struct Empty;

#[async_trait]
impl Files for Empty {
    async fn missing(&self, _: &StoragePolicy, wanted: &[Wanted]) -> Result<Vec<Wanted>, String> {
        Ok(wanted.to_vec())
    }

    async fn cluster(&self) -> Option<String> {
        Some("this-cluster".to_owned())
    }
}

#[tokio::test]
async fn files_that_are_missing_are_named_and_where_nobody_looks_a_note_says_so() {
    for files in [Some(&Empty as &dyn Files), None] {
        let mut site = Site::open().await;
        let film = "videos/films/made-00000003/r1/0123456789abcdef0123456789abcdef.mp4";
        let status = json!({
            "observedGeneration": 3, "id": "00000003", "run": 1, "artifacts": {"video": {"key": film}},
        });
        let mut backup: Value = serde_json::from_str(&site.document).unwrap();
        let items = backup["items"].as_array_mut().unwrap();
        let policy = items.iter_mut().find(|item| item["kind"] == "StoragePolicy").unwrap();
        policy["status"] = json!({"observedGeneration": 3});
        items.push(object("VideoJob", "made", &json!({"topic": "made"}), &status));
        for field in ["digest", "itemCount"] {
            backup.as_object_mut().unwrap().remove(field);
        }
        site.document = backup.to_string();
        let answer = site.restore_with(false, false, files).await;
        let made = answer.results.items.iter().find(|item| item.name == "made").unwrap();
        assert_eq!(made.outcome, Outcome::Restored);
        let named = made.detail.as_ref().is_some_and(|detail| detail.contains(film));
        let noted = answer.notes.iter().any(|note| note.contains("StoragePolicy films/default is not known"));
        assert_eq!((named, noted), (files.is_some(), files.is_none()), "{answer:?}");
    }
}

#[tokio::test]
async fn a_second_restore_changes_nothing() {
    let site = Site::open().await;
    site.restore(false, false).await;
    let writes = site.writes();
    assert_all(&site.restore(false, false).await, Outcome::Unchanged);
    assert_eq!(site.writes(), writes);
}

#[tokio::test]
async fn where_one_object_cannot_be_restored_nothing_is_released_until_it_can() {
    let site = Site::open().await;
    site.server.refuse("update", "videojobs", "half", true);
    let answer = site.restore(false, false).await;
    let reported = outcomes(&answer);
    assert_eq!(
        (reported["half"], reported["done"], reported["grok"]),
        (Outcome::Failed, Outcome::Held, Outcome::Held)
    );
    assert!(!answer.is_whole() && answer.notes.iter().any(|note| note.contains("what is held stays held")));
    assert_eq!(
        site.held(),
        ["default", "done", "grok", "half"],
        "all but the Channel, upon which nothing acts"
    );
    assert_eq!(site.all()["half"]["status"], Value::Null);
    site.server.refuse("update", "videojobs", "half", false);
    let answer = site.restore(false, false).await;
    assert_eq!(outcomes(&answer)["half"], Outcome::Restored);
    assert!(answer.is_whole() && site.held().is_empty(), "{:?}", answer.results.items);
    assert_eq!(site.all()["half"]["status"]["id"], "00000002");
}

#[tokio::test]
async fn what_lost_its_annotation_before_it_had_its_status_is_held_again_and_gets_it() {
    let site = Site::open().await;
    site.server.refuse("update", "videojobs", "half", true);
    site.restore(false, false).await;
    let strip =
        |job: &mut Value| drop(job["metadata"]["annotations"].as_object_mut().unwrap().remove(RESTORING));
    site.server.change("videojobs", "films", "half", strip);
    let mark = site.all()["half"]["metadata"]["annotations"][RESTORED_FROM].clone();
    assert_eq!(
        mark,
        Backup::read(&site.document).unwrap().digest.to_string(),
        "the operator leaves it alone"
    );
    site.restore(false, false).await;
    assert_eq!(site.held(), ["default", "done", "grok", "half"]);
    site.server.refuse("update", "videojobs", "half", false);
    assert!(site.restore(false, false).await.is_whole() && site.held().is_empty());
    let half = &site.all()["half"];
    assert_eq!(
        (&half["status"]["id"], &half["metadata"]["annotations"][RESTORED_FROM]),
        (&json!("00000002"), &Value::Null)
    );
}

#[tokio::test]
async fn who_may_not_do_all_of_it_is_refused_before_anything_is_made() {
    let rights = [
        ("create", "channels"),
        ("create", "videojobs"),
        ("patch", "provideraccounts"),
        ("update", "storagepolicies/status"),
        ("update", "videojobs/status"),
    ];
    for (verb, resource) in rights {
        let site = Site::open().await;
        site.server.forbid(verb, resource, true);
        for dry_run in [true, false] {
            let refused = site.try_restore(dry_run, true, None).await.unwrap_err();
            let reported = refused.to_string();
            assert!(
                reported.starts_with(&format!("you may not {verb} {resource} in namespace films")),
                "{reported}"
            );
            assert!(
                matches!(refused, RestoreError::HoldRight { hint, .. } if hint.contains("videofactory-restore"))
            );
        }
        assert_eq!(site.writes(), 0);
        site.server.forbid(verb, resource, false);
        assert!(site.restore(false, false).await.is_whole());
        site.server.forbid(verb, resource, true);
        assert_all(&site.restore(false, false).await, Outcome::Unchanged);
    }
}

#[tokio::test]
async fn what_another_restore_has_let_go_meanwhile_keeps_what_has_come_of_it() {
    let site = Site::open().await;
    site.server.refuse("update", "videojobs", "half", true);
    site.restore(false, false).await;
    site.server.refuse("update", "videojobs", "half", false);
    // Neither job is read before the test itself reads one, too.
    site.server.gather("get", "videojobs", 3);
    let paid = json!({"observedGeneration": 1, "id": "00000002", "run": 1, "cost": {"actual": "3.50"}});
    let statuses = |server: &ApiServer| {
        server.calls().get(&("update", "storagepolicies".to_owned())).copied().unwrap_or_default()
    };
    let others = async {
        site.server.until(|server| statuses(server) == 2).await;
        site.server.change("videojobs", "films", "half", |job| {
            job["metadata"]["annotations"] = json!({});
            job["status"] = paid.clone();
        });
        let jobs: Api<DynamicObject> =
            Api::namespaced_with(site.client.clone(), "films", &Kind::VideoJob.resource());
        jobs.get("half").await.unwrap();
    };
    let (answer, ()) = tokio::join!(site.restore(false, false), others);
    let half = answer.results.items.iter().find(|item| item.name == "half").unwrap();
    assert_eq!(half.outcome, Outcome::Failed);
    assert!(half.detail.as_ref().unwrap().contains("somebody else has released it"), "{half:?}");
    assert_eq!(site.all()["half"]["status"], paid, "it would be paid for again");
    assert_eq!(outcomes(&site.restore(false, false).await)["half"], Outcome::Unchanged);
    assert!(site.held().is_empty());
}

#[tokio::test]
async fn what_is_held_for_one_backup_is_not_given_the_status_of_another() {
    let mut site = Site::open().await;
    site.server.refuse("update", "videojobs", "half", true);
    site.restore(false, false).await;
    let first = site.document.clone();
    let mut older: Value = serde_json::from_str(&first).unwrap();
    older["createdAt"] = json!("2026-11-01T08:00:00Z");
    for field in ["digest", "itemCount"] {
        older.as_object_mut().unwrap().remove(field);
    }
    site.document = older.to_string();
    let writes = site.writes();
    for dry_run in [true, false] {
        let refused = site.try_restore(dry_run, true, None).await.unwrap_err().to_string();
        assert!(refused.contains("held for the restore of another backup"), "{refused}");
    }
    assert_eq!(site.writes(), writes);
    site.document = first;
    site.server.refuse("update", "videojobs", "half", false);
    assert!(site.restore(false, false).await.is_whole() && site.held().is_empty());
}

#[tokio::test]
async fn a_partial_restore_lets_the_others_continue() {
    let site = Site::open().await;
    site.server.refuse("create", "videojobs", "done", true);
    let answer = site.restore(false, true).await;
    let reported = outcomes(&answer);
    assert_eq!(
        (reported["half"], reported["done"], reported["grok"]),
        (Outcome::Restored, Outcome::Failed, Outcome::Restored)
    );
    assert!(site.held().is_empty());
    let failed = answer.results.items.iter().find(|item| item.name == "done").unwrap();
    assert!(failed.detail.as_ref().unwrap().contains("create VideoJob films/done"), "{failed:?}");
}

#[tokio::test]
async fn a_job_that_comes_after_its_account_was_released_learns_that_what_it_had_under_way_counts_as_spent() {
    let site = Site::open().await;
    let is_reported = |answer: &Answer| {
        answer.notes.iter().any(|note| note.contains("what half had under way counts as spent"))
    };
    site.server.refuse("create", "videojobs", "half", true);
    assert!(!is_reported(&site.restore(false, true).await), "both are made");
    site.server.refuse("create", "videojobs", "half", false);
    let answer = site.restore(false, false).await;
    assert!(is_reported(&answer) && answer.is_whole(), "{answer:?}");
    assert_eq!(site.all()["grok"]["status"]["grants"][0]["holder"]["uid"], "old-half");
    assert!(!is_reported(&site.restore(false, false).await), "nothing is made");
}

#[tokio::test]
async fn jobs_are_released_after_all_that_they_ask() {
    let site = Site::open().await;
    site.server.refuse("patch", "storagepolicies", "default", true);
    let answer = site.restore(false, false).await;
    let reported = outcomes(&answer);
    assert_eq!(
        (reported["grok"], reported["default"], reported["half"]),
        (Outcome::Restored, Outcome::Failed, Outcome::Held)
    );
    assert_eq!(site.held(), ["default", "done", "half"]);
    assert_eq!(site.all()["half"]["status"]["id"], "00000002", "statuses come before releases");
    site.server.refuse("patch", "storagepolicies", "default", false);
    assert!(site.restore(false, false).await.is_whole() && site.held().is_empty());
}

#[tokio::test]
async fn what_is_there_is_left_as_it_is() {
    let site = Site::open().await;
    let other = json!({"observedGeneration": 1, "id": "ffffffff"});
    site.server.put("videojobs", object("VideoJob", "half", &json!({"topic": "half"}), &other));
    site.server.change("videojobs", "films", "half", |job| job["metadata"]["uid"] = json!("made-by-git"));
    let mut bare = object("VideoJob", "done", &json!({"topic": "done"}), &json!({"observedGeneration": -1}));
    bare["metadata"]["uid"] = json!("made-by-velero");
    site.server.put("videojobs", bare);
    let answer = site.restore(false, false).await;
    let reported = outcomes(&answer);
    assert_eq!((reported["half"], reported["done"]), (Outcome::LeftAlone, Outcome::Restored));
    assert!(!answer.is_whole() && answer.notes[0].contains("films/half. Those are made"), "{answer:?}");
    let all = site.all();
    assert_eq!((&all["half"]["status"], &all["half"]["metadata"]["uid"]), (&other, &json!("made-by-git")));
    assert_eq!(
        (&all["done"]["status"]["id"], &all["done"]["metadata"]["uid"]),
        (&json!("00000001"), &json!("made-by-velero"))
    );
    assert_eq!(all["grok"]["status"]["grants"][0]["holder"]["uid"], "old-half", "nobody holds it");
    assert!(site.held().is_empty());
}

/// One backup or restore at a time is served in a process.
static SERIAL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Serves what the plugin's proxy serves itself; its address.
async fn serve(client: Client) -> String {
    let router = writes::router(UserClientSource::One(client), None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn post(url: &str, content_type: &str, body: String) -> (StatusCode, Value) {
    let asked = http::client().post(url).header(CONTENT_TYPE, content_type).body(body);
    let answer = asked.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn over_http_what_is_backed_up_is_restored_and_each_object_answers() {
    let _alone = SERIAL.lock().await;
    let site = Site::open().await;
    let url = serve(site.client.clone()).await;
    let (status, answer) =
        post(&format!("{url}/restore?dry_run=true"), "application/json", site.document.clone()).await;
    assert_eq!((status, &answer["counts"]), (StatusCode::OK, &json!({"would_restore": 5})));
    assert_eq!(site.writes(), 0);
    let (status, answer) = post(&format!("{url}/restore"), "application/json", site.document.clone()).await;
    assert_eq!((status, &answer["dryRun"]), (StatusCode::OK, &json!(false)));
    let item = json!({"kind": "VideoJob", "namespace": "films", "name": "done", "outcome": "restored"});
    assert!(answer["items"].as_array().unwrap().contains(&item), "{answer}");
    let again = http::client().get(format!("{url}/backup?namespace=films")).send().await.unwrap();
    let name = again.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.contains("videofactory-backup-films-"), "{name}");
    let text = again.text().await.unwrap();
    assert_eq!(Backup::read(&text).unwrap().items.len(), 5);
}

#[tokio::test]
async fn over_http_what_is_no_backup_is_refused_and_a_large_one_is_not() {
    let _alone = SERIAL.lock().await;
    let site = Site::open().await;
    let url = format!("{}/restore", serve(site.client.clone()).await);
    let (status, _) = post(&url, "text/plain", site.document.clone()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "a web page can send that to another site");
    let cut = site.document[..site.document.len() / 2].to_owned();
    let (status, problem) = post(&url, "application/json", cut).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["detail"].as_str().unwrap().contains("cut short"), "{problem}");
    let (status, _) = post(&format!("{url}?dryrun=true"), "application/json", site.document.clone()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a misspelt dry run would be a real one");
    assert_eq!(site.writes(), 0);
    let (status, problem) = post(&url, "application/json", " ".repeat(backup::MAX_BYTES + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let hint = problem["hint"].as_str().unwrap();
    assert!(
        hint.contains("kubectl videofactory restore"),
        "of all namespaces there is no smaller one: {hint}"
    );
    // Larger than what other routes take.
    let spaces = " ".repeat(4 * 1024 * 1024);
    let (status, answer) =
        post(&url, "application/json; charset=utf-8", format!("{spaces}{}", site.document)).await;
    assert_eq!((status, &answer["counts"]), (StatusCode::OK, &json!({"restored": 5})));
}
