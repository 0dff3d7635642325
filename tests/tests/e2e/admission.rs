//! manifests/admission: who may write an approval or lead a film past its review, whatever tool they use.

use anyhow::ensure;
use serde_json::{Value, json};
use videofactory_crds::VideoJobStatus;
use videofactory_crds::condition::Phase;
use videofactory_crds::requests::{APPROVED, REJECTED, RESTORING};
use videofactory_tests::e2e::film::{Film, NewFilm, digest};
use videofactory_tests::e2e::finally::finally;
use videofactory_tests::e2e::kubectl::{Said, ask, kubectl};
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::wait;

/// What the policy says to whom it refuses.
const REFUSAL: &str = "only who has the verb approve on videojobs";
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/admission");

/// Somebody of this name, with these rights on videojobs in the test's namespace.
async fn somebody(env: &TestEnv, name: &str, verbs: &[&str]) -> anyhow::Result<()> {
    let rules = json!([{"apiGroups": ["videofactory.dev"], "resources": ["videojobs"], "verbs": verbs}]);
    let group = "rbac.authorization.k8s.io";
    env.put(json!({"apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": {"name": name}, "rules": rules}))
        .await?;
    bound(env, name, "Role", name).await
}

async fn bound(env: &TestEnv, name: &str, kind: &str, role: &str) -> anyhow::Result<()> {
    let group = "rbac.authorization.k8s.io";
    env.put(json!({
        "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"kind": "User", "apiGroup": group, "name": name}],
    }))
    .await
}

/// Annotates a film as somebody; nothing is changed if it is dry.
async fn annotate(
    env: &TestEnv,
    film: &Film,
    who: &str,
    annotation: &str,
    dry: bool,
) -> anyhow::Result<Said> {
    let dry = if dry { "--dry-run=server" } else { "--dry-run=none" };
    let annotate = ["annotate", "--overwrite", dry, "vj", &film.name, annotation];
    kubectl(&[&["--as", who, "-n", &env.namespace] as &[&str], &annotate].concat(), "").await
}

/// Edits a film's spec by a merge patch as somebody who changes nothing by it.
async fn edit(env: &TestEnv, film: &Film, who: &str, spec: &Value) -> anyhow::Result<Said> {
    let patch = json!({"spec": spec}).to_string();
    let command = ["patch", "--type=merge", "--dry-run=server", "vj", &film.name, "-p", &patch];
    kubectl(&[&["--as", who, "-n", &env.namespace] as &[&str], &command].concat(), "").await
}

/// Creates a film as somebody who changes nothing by it.
async fn create(env: &TestEnv, who: &str, new_film: &NewFilm) -> anyhow::Result<Said> {
    let command = ["--as", who, "-n", &env.namespace, "create", "--dry-run=server", "-f", "-"];
    kubectl(&command, &new_film.manifest().to_string()).await
}

fn taken(said: &Said) -> anyhow::Result<()> {
    ensure!(said.well, "it was refused: {}", said.err);
    Ok(())
}

fn refused(said: &Said) -> anyhow::Result<()> {
    ensure!(!said.well && said.err.contains(REFUSAL), "it was not refused for this: {said:?}");
    Ok(())
}

/// What is written about the film that is to be seen.
fn decision(annotation: &str, status: &VideoJobStatus) -> String {
    format!("{annotation}=assemble-video@{}", digest(status))
}

/// Who may take the review out of a job that stands in it, or publish more of one that asks for none.
async fn reviews(env: &TestEnv, reviewed: &Film) -> anyhow::Result<()> {
    for without in [
        json!({"review": {"after": []}}),
        json!({"review": {"after": ["write-script"]}}),
        json!({"review": null}),
    ] {
        refused(&edit(env, reviewed, "maker", &without).await?)?;
        taken(&edit(env, reviewed, "approver", &without).await?)?;
    }
    let more = json!({"publish": {"targets": [{"name": "main", "type": "Bucket"}, {"name": "other", "type": "Bucket"}]}});
    let more_reviews = json!({"review": {"after": ["write-script", "assemble-video"]}});
    for allowed in [&more, &more_reviews, &json!({"channelRef": {"name": "any"}}), &json!({"suspend": true})]
    {
        taken(&edit(env, reviewed, "maker", allowed).await?)?;
    }
    let unseen = env.create_film(NewFilm::of(1).named("unseen").suspended()).await?;
    for guarded in [&more, &json!({"channelRef": {"name": "any"}})] {
        refused(&edit(env, &unseen, "maker", guarded).await?)?;
        taken(&edit(env, &unseen, "approver", guarded).await?)?;
    }
    for allowed in [&json!({"publish": {"targets": []}}), &more_reviews, &json!({"suspend": false})] {
        taken(&edit(env, &unseen, "maker", allowed).await?)?;
    }
    Ok(())
}

/// Who may have all scenes made of a job that asks for a look at one before.
async fn previews(env: &TestEnv) -> anyhow::Result<()> {
    let first = json!({"preview": {"scene": "s1", "clip": true}});
    let previewed = env.create_film(NewFilm::of(2).named("previewed").suspended().with(first)).await?;
    for without in
        [json!({"preview": null}), json!({"preview": {"clip": null}}), json!({"preview": {"clip": false}})]
    {
        refused(&edit(env, &previewed, "maker", &without).await?)?;
        taken(&edit(env, &previewed, "approver", &without).await?)?;
    }
    for allowed in [json!({"preview": {"scene": "s2"}}), json!({"preview": {"clip": true}})] {
        taken(&edit(env, &previewed, "maker", &allowed).await?)?;
    }
    let picture = json!({"preview": {"scene": "s1"}});
    let picture = env.create_film(NewFilm::of(2).named("picture").suspended().with(picture)).await?;
    refused(&edit(env, &picture, "maker", &json!({"preview": null})).await?)?;
    for allowed in [json!({"preview": {"clip": true}}), json!({"preview": {"clip": false}})] {
        taken(&edit(env, &picture, "maker", &allowed).await?)?;
    }
    Ok(())
}

async fn approvals(env: &TestEnv) -> anyhow::Result<()> {
    let making = ["get", "list", "create", "patch", "update"];
    somebody(env, "maker", &making).await?;
    somebody(env, "approver", &["get", "patch", "approve"]).await?;
    bound(env, "restorer", "ClusterRole", "videofactory-restore").await?;
    // Its files go with it: the operator has a finalizer to set and remove.
    let film =
        env.create_film(NewFilm::of(1).reviewed().with(json!({"artifacts": {"onDelete": "Delete"}}))).await?;
    let status = film.phase(Phase::Review).await?;
    let (approval, rejection) = (decision(APPROVED, &status), decision(REJECTED, &status));
    wait::asked("the policy to be known to the API server", async || {
        Ok((!annotate(env, &film, "maker", &approval, true).await?.well).then_some(()))
    })
    .await?;
    for annotation in [&approval, &rejection] {
        refused(&annotate(env, &film, "maker", annotation, false).await?)?;
    }
    reviews(env, &film).await?;
    previews(env).await?;
    taken(&annotate(env, &film, "maker", "example.com/seen=yes", false).await?)?;
    taken(&annotate(env, &film, "approver", &approval, false).await?)?;
    film.succeeded().await?;
    // An approval that stands is nobody's writing; another one is, and to take it away is not.
    taken(&annotate(env, &film, "maker", "example.com/seen=again", false).await?)?;
    refused(&annotate(env, &film, "maker", &format!("{APPROVED}=assemble-video@00000000"), false).await?)?;
    taken(&annotate(env, &film, "maker", &format!("{APPROVED}-"), true).await?)?;
    let held = NewFilm::of(1).named("restored").annotated(APPROVED, "assemble-video@00000000");
    let held = held.annotated(RESTORING, "2026-01-01T00:00:00Z");
    refused(&create(env, "maker", &held).await?)?;
    taken(&create(env, "restorer", &held).await?)?;
    taken(&create(env, "maker", &NewFilm::of(1).named("plain")).await?)?;
    ask(&["-n", &env.namespace, "delete", "vj", &film.name, "--timeout=120s"]).await.map(drop)
}

#[tokio::test]
async fn serial_only_who_may_approve_writes_approvals() {
    in_test_env("who_may_approve", async |env: TestEnv| {
        let work = async {
            ask(&["apply", "--server-side", "-k", MANIFEST]).await?;
            approvals(&env).await
        };
        let undo = async { ask(&["delete", "--ignore-not-found", "-k", MANIFEST]).await.map(drop) };
        finally(work, undo).await
    })
    .await;
}
