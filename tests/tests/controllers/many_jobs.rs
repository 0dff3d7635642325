//! What ten thousand jobs that wait for one account cost, and what it costs to let one of them continue.

use std::time::Duration;

use serde_json::{Value, json};
use videofactory_pipeline::clock;
use videofactory_tests::api_server::{ApiServer, Calls};

use super::support::{
    ACCOUNT, Controllers, ManyJobs, NAMESPACE, begun, is_current, job, quota, since, spent,
};

/// Jobs that wait.
const MANY: usize = 10_000;
/// Waiters that are shown what they wait for.
const REPORTED: u64 = 50;
/// Longest that one test may take, on a machine that others use too.
const TIMEOUT: Duration = Duration::from_mins(10);

/// The status of a job that asks the account, as the operator itself writes it.
async fn asking() -> Value {
    let harness = ManyJobs::new(&json!({"quotas": quota(1)}), &spent(1, clock::now())).await.unwrap();
    harness.server.put("videojobs", job("first", &json!({}), &begun()));
    harness.run(Controllers::AccountsAndJobs).await.unwrap();
    let has_resume_time = |status: &Value| status["resumeAt"].is_string();
    harness
        .server
        .until(|server| has_resume_time(&server.get("videojobs", NAMESPACE, "first").unwrap()["status"]))
        .await;
    let mut status = harness.status("videojobs", "first");
    // As it was before it was shown what it waits for.
    status.as_object_mut().unwrap().remove("resumeAt");
    status["steps"][0]["message"] = json!("asks for 1 of gemini");
    for condition in status["conditions"].as_array_mut().unwrap() {
        if condition["message"].as_str().unwrap().contains("used up") {
            condition["message"] = json!("write-script: asks for 1 of gemini");
        }
    }
    status
}

/// So many jobs that ask the account, whose operator begins just now.
async fn waiting(account: &Value, status: &Value) -> ManyJobs {
    let asks = asking().await;
    let harness = ManyJobs::new(account, status).await.unwrap();
    for number in 0..MANY {
        let name = format!("job-{number:05}");
        let mut asks = asks.clone();
        asks["id"] = json!(format!("{number:08}"));
        harness.server.put("videojobs", job(&name, &json!({}), &asks));
    }
    harness.run(Controllers::AccountsAndJobs).await.unwrap();
    harness.server.until(is_front_reported).await;
    harness.until_quiet().await;
    harness
}

/// Whether all those whom the account names as the first who wait say what they wait for.
fn is_front_reported(server: &ApiServer) -> bool {
    let account = server.get("provideraccounts", NAMESPACE, ACCOUNT).unwrap_or_default();
    let Some(waiters) = account["status"]["waiters"].as_array() else { return false };
    let says = |waiter: &Value| {
        let job = server.get("videojobs", NAMESPACE, waiter["name"].as_str().unwrap_or_default());
        job.is_some_and(|job| {
            let message = job["status"]["steps"][0]["message"].as_str().unwrap_or_default().to_owned();
            message.contains("used up") || message.contains("is used by")
        })
    };
    waiters.len() == 50 && waiters.iter().all(says)
}

fn times(calls: &Calls, verb: &'static str, resource: &str) -> u64 {
    calls.get(&(verb, resource.to_owned())).copied().unwrap_or_default()
}

/// Waits until so many attempts were begun.
async fn until_begun(harness: &ManyJobs, attempts: u64) {
    harness.server.until(|server| times(&server.calls(), "create", "jobs") >= attempts).await;
}

/// What one unit may cost: each call that is made for those who are granted, and for those at the front of the wait queue.
fn assert_is_cheap(calls: &Calls, granted: u64) {
    println!("opening {granted} unit(s) before {MANY} waiters: {calls:?}");
    // The markers are edited twice each.
    assert!(times(calls, "update", "videojobs") <= REPORTED + 4 * granted + 4, "{calls:?}");
    assert!(times(calls, "get", "videojobs") <= 4 * granted, "{calls:?}");
    // Who was overtaken asks once more.
    assert!(times(calls, "get", "provideraccounts") <= 4 * granted + 4, "{calls:?}");
    assert!(times(calls, "update", "provideraccounts") <= 6 * granted + 4, "{calls:?}");
    assert!(times(calls, "create", "events") <= REPORTED + 4 * granted + 4, "{calls:?}");
    assert!(times(calls, "create", "jobs") == granted, "{calls:?}");
    let others: u64 = calls.iter().filter(|((verb, _), _)| *verb != "watch").map(|(_, times)| times).sum();
    assert!(others <= 3 * REPORTED + 40 * granted, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_opens_costs_what_is_granted_and_fifty_more() {
    let test = async {
        let harness = waiting(&json!({"quotas": quota(1)}), &spent(1, clock::now())).await;
        let calls = harness.server.calls();
        println!("an operator that begins before {MANY} waiters: {calls:?}");
        assert!(times(&calls, "update", "videojobs") <= REPORTED + 4, "{calls:?}");
        assert_eq!(times(&calls, "get", "provideraccounts"), 0, "{calls:?}");

        harness.edit("provideraccounts", ACCOUNT, |spec| spec["quotas"] = quota(2));
        until_begun(&harness, 1).await;
        harness.until_quiet().await;
        assert_is_cheap(&since(&calls, &harness.server.calls()), 1);
    };
    tokio::time::timeout(TIMEOUT, test).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_another_to_end_is_woken_only_when_his_turn_has_come() {
    let test = async {
        let harness = waiting(&json!({"maxConcurrent": 1}), &json!({"observedGeneration": 1})).await;
        until_begun(&harness, 1).await;
        harness.until_quiet().await;
        let holder = harness.status("provideraccounts", ACCOUNT)["grants"][0]["holder"]["name"].clone();
        let calls = harness.server.calls();

        harness.server.change("videojobs", NAMESPACE, holder.as_str().unwrap(), |job| {
            let step = &mut job["status"]["steps"][0];
            step["state"] = json!("Failed");
            step["reason"] = json!("RetriesExhausted");
            step["demands"][0]["settled"] = json!(true);
        });
        until_begun(&harness, 2).await;
        harness.until_quiet().await;
        assert_is_cheap(&since(&calls, &harness.server.calls()), 1);
        let ended = harness.status("videojobs", holder.as_str().unwrap());
        assert_eq!(ended["steps"][0]["demands"], Value::Null, "what is recorded is dropped");
    };
    tokio::time::timeout(TIMEOUT, test).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_jobs_have_spent_is_dropped_once_it_is_recorded_and_costs_nothing_from_then_on() {
    let test = async {
        let asks = asking().await;
        let harness = ManyJobs::new(&json!({"quotas": quota(1)}), &spent(1, clock::now())).await.unwrap();
        for number in 0..200 {
            let mut ended = asks.clone();
            ended["phase"] = json!("Failed");
            let step = &mut ended["steps"][0];
            step["state"] = json!("Failed");
            step["reason"] = json!("RetriesExhausted");
            step["demands"][0]["granted"] = json!(1);
            step["demands"][0]["settled"] = json!(true);
            harness.server.put("videojobs", job(&format!("job-{number:05}"), &json!({}), &ended));
        }
        harness.run(Controllers::AccountsAndJobs).await.unwrap();
        let dropped = |job: &Value| job["status"]["steps"][0]["demands"] == Value::Null;
        harness.server.until(|server| server.all("videojobs").iter().all(dropped)).await;
        harness.until_quiet().await;
        let calls = harness.server.calls();
        harness.edit("provideraccounts", ACCOUNT, |spec| spec["quotas"] = quota(2));
        harness
            .server
            .until(|server| is_current(&server.get("provideraccounts", NAMESPACE, ACCOUNT).unwrap()))
            .await;
        harness.until_quiet().await;
        let calls = since(&calls, &harness.server.calls());
        println!("an edit of an account that 200 ended jobs have used: {calls:?}");
        assert_eq!(
            times(&calls, "get", "videojobs") + times(&calls, "get", "provideraccounts"),
            0,
            "{calls:?}"
        );
        assert!(times(&calls, "update", "videojobs") <= 2, "only the marker's: {calls:?}");
    };
    tokio::time::timeout(TIMEOUT, test).await.unwrap();
}

/// The account was deleted and made again under its name: who has spent something under it waits until the new one has
/// recorded that, which it does by what the API server says of each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_made_again_reads_those_who_have_spent_something_several_at_once_and_nobody_else()
{
    const SPENT: u32 = 64;
    let test = async {
        let made_again = json!({"observedGeneration": -1});
        let harness = ManyJobs::new(&json!({"quotas": quota(1_000)}), &made_again).await.unwrap();
        let put = |kind: &str, number: u32, state: &str, demands: Value| {
            let mut status = begun();
            status["phase"] = json!(state);
            status["steps"] =
                json!([{"name": "write-script", "state": state, "attempt": 1, "demands": demands}]);
            harness.server.put("videojobs", job(&format!("{kind}-{number:05}"), &json!({}), &status));
        };
        let asks = json!({"account": ACCOUNT, "attempt": 1, "submissions": 1});
        let mut settled = asks.clone();
        settled["granted"] = json!(1);
        settled["grant"] = json!("of-the-account-before-1");
        settled["settled"] = json!(true);
        settled["spent"] = json!([{"at": clock::now().to_string(), "submissions": 1}]);
        for number in 0..SPENT {
            put("spent", number, "Failed", json!([settled]));
            put("asks", number, "Waiting", json!([asks]));
        }
        (0..1_000).for_each(|number| put("ended", number, "Succeeded", json!([])));
        harness.server.gather("get", "videojobs", 4);
        harness.run(Controllers::Accounts).await.unwrap();
        harness
            .server
            .until(|server| is_current(&server.get("provideraccounts", NAMESPACE, ACCOUNT).unwrap()))
            .await;
        let calls = harness.server.calls();
        println!("an account that is made again: {calls:?}");
        assert_eq!(times(&calls, "get", "videojobs"), u64::from(SPENT), "{calls:?}");
        assert_eq!(harness.status("provideraccounts", ACCOUNT)["quotas"][0]["used"], json!(SPENT));
    };
    tokio::time::timeout(TIMEOUT, test).await.expect("they are read one after the other");
}
