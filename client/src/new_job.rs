//! A `VideoJob` that is to be made: its name, and how it is sent.

use http::Request;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use videofactory_crds::{GROUP, VERSION, VideoJob};

use crate::call::{CallError, within};
use crate::job_ref::JobRef;

/// Longest name of a `VideoJob`.
pub const LONGEST_NAME: usize = 52;

/// A name that tells the topic, as far as a name can: its letters and digits, and a suffix that makes it the only one.
#[must_use]
pub fn name_of(topic: &str, suffix: &str) -> String {
    let suffix: String = suffix.chars().take(6).collect();
    let mut name = String::new();
    for letter in topic.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.truncate(LONGEST_NAME - suffix.len() - 1);
    let name = name.trim_matches('-');
    if name.is_empty() { format!("film-{suffix}") } else { format!("{name}-{suffix}") }
}

/// Creates it, refusing fields that there are not. `manifest`: the whole object.
pub async fn create(
    client: &Client,
    job: &JobRef,
    manifest: &Value,
    dry_run: bool,
    manager: &str,
) -> Result<VideoJob, CallError> {
    let only_try = if dry_run { "&dryRun=All" } else { "" };
    let path = format!(
        "/apis/{GROUP}/{VERSION}/namespaces/{}/videojobs?fieldManager={manager}&fieldValidation=Strict{only_try}",
        job.namespace
    );
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(manifest.to_string().into_bytes())
        .map_err(kube::Error::HttpError);
    within(format!("create VideoJob {job}"), async { client.request(request?).await }).await
}

/// Creates all of them or none. Each is only tried first, so that the API server says what is wrong with any of them before
/// one is made; if one is refused all the same, those that were made are deleted again.
pub async fn create_all(
    client: &Client,
    jobs: &[(JobRef, Value)],
    manager: &str,
) -> Result<Vec<VideoJob>, CallError> {
    if jobs.len() > 1 {
        for (job, manifest) in jobs {
            create(client, job, manifest, true, manager).await?;
        }
    }
    let mut made = Vec::new();
    for (job, manifest) in jobs {
        match create(client, job, manifest, false, manager).await {
            Ok(created) => made.push(created),
            Err(error) => {
                take_back(client, made).await;
                return Err(error);
            }
        }
    }
    Ok(made)
}

/// Deletes these very objects, which have begun nothing that costs.
pub async fn take_back(client: &Client, made: Vec<VideoJob>) {
    for job in made {
        let name = JobRef::of(&job);
        let api: Api<VideoJob> = Api::namespaced(client.clone(), &name.namespace);
        let preconditions = Preconditions { uid: job.uid(), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        // The first refusal is what is told; one that cannot be deleted either is seen in the list.
        let _ = within(format!("delete VideoJob {name}"), api.delete(&name.name, &params)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_ref::is_label;

    #[test]
    fn names_are_labels_whatever_the_topic() {
        for topic in ["", "…", "大海", "-a-", &"long ".repeat(40), "Ärger im Paradies!"] {
            let name = name_of(topic, "0123456789");
            assert!(is_label(&name) && name.len() <= LONGEST_NAME, "{topic:?}: {name}");
        }
    }
}
