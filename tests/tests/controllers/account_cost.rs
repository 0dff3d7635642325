//! What a reconcile of a `ProviderAccount` costs that ten jobs have used, and one that ten thousand have: CPU time of
//! the real controller, side by side, as a ratio. Other tests would be measured with it, so it is run alone, by
//! `make bench`.

use std::fs;

use serde_json::{Value, json};

use super::support::{ACCOUNT, Controllers, ManyJobs, NAMESPACE, is_current, job};

/// Ended jobs that have used the account.
const JOBS: [usize; 2] = [10, 10_000];
/// Rounds, and edits of the account in each; the first round warms up.
const ROUNDS: usize = 7;
const EDITS: usize = 150;
/// Most that the larger number may cost of the smaller's.
const BOUND: f64 = 1.2;

#[tokio::test]
#[ignore = "a measurement: make bench"]
async fn an_account_that_ten_thousand_ended_jobs_have_used_costs_no_more_than_one_of_ten() {
    let mut ratios = Vec::new();
    let mut costs = [Vec::new(), Vec::new()];
    let few = used_by(JOBS[0]).await;
    let many = used_by(JOBS[1]).await;
    for round in 0..ROUNDS {
        let (one, other) = (cost_of_an_edit(&few).await, cost_of_an_edit(&many).await);
        if round > 0 {
            ratios.push(other / one);
            costs[0].push(one);
            costs[1].push(other);
        }
    }
    let [few, many] = costs.map(median);
    let ratio = median(ratios);
    println!(
        "account reconcile: {few:.0} us of CPU with {} ended jobs, {many:.0} us with {}: {ratio:.2} times (at most {BOUND})",
        JOBS[0], JOBS[1]
    );
    assert!(ratio <= BOUND, "{ratio:.2} times as much when {} jobs have used the account", JOBS[1]);
}

/// An account that so many ended jobs have used, and still say so: their demands were settled and not dropped.
async fn used_by(jobs: usize) -> ManyJobs {
    let quota =
        json!([{"name": "scripts", "limit": 1, "period": "2h", "window": "Rolling", "unit": "Requests"}]);
    let harness = ManyJobs::new(&json!({"quotas": quota}), &json!({"observedGeneration": 1})).await.unwrap();
    for number in 0..jobs {
        let name = format!("job-{number:05}");
        harness.server.put("videojobs", job(&name, &json!({}), &ended()));
    }
    harness.run(Controllers::Accounts).await.unwrap();
    harness
}

fn ended() -> Value {
    json!({"observedGeneration": 1, "phase": "Succeeded", "run": 1, "steps": [{
        "name": "write-script", "state": "Succeeded", "attempt": 1, "demands": [{
            "account": ACCOUNT, "attempt": 1, "submissions": 1, "granted": 1, "settled": true,
            "spent": [{"at": "2026-01-01T00:00:00Z", "submissions": 1}],
        }],
    }]})
}

/// CPU time in microseconds for each edit of the account: a reconcile that writes, and the one after it.
#[expect(clippy::cast_precision_loss, reason = "microseconds of some seconds")]
async fn cost_of_an_edit(harness: &ManyJobs) -> f64 {
    let before = cpu();
    for _ in 0..EDITS {
        harness.edit("provideraccounts", ACCOUNT, |_| ());
        let current = |it: &ManyJobs| {
            it.server.get("provideraccounts", NAMESPACE, ACCOUNT).is_some_and(|it| is_current(&it))
        };
        harness.server.until(|_| current(harness)).await;
    }
    (cpu() - before) as f64 / 1_000.0 / EDITS as f64
}

/// Nanoseconds of CPU time of all threads so far.
fn cpu() -> u64 {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let times = threads.map(|thread| {
        let text = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    times.sum()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
