//! Two replicas of the operator: how soon one follows the other, that never two act, and that a drain leaves one.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;
use kube::{Api, Config, ResourceExt};
use videofactory_operator::leader::{AFTER_A_CRASH, AFTER_AN_END};
use videofactory_operator::run::DRAIN;
use videofactory_tests::e2e::audit::{self, Entry};
use videofactory_tests::e2e::film::Order;
use videofactory_tests::e2e::half_drawn::half_drawn;
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::lab::{Lab, in_lab};
use videofactory_tests::e2e::{operator, site};

/// How often somebody asks a replica while they are replaced.
const BEAT: Duration = Duration::from_millis(50);
/// What every replica writes, whoever leads: questions about callers, and the Lease itself.
const OF_ALL: [&str; 3] = ["tokenreviews", "subjectaccessreviews", "leases"];

/// From when to when a replica held the Lease, by its first and last successful write of it.
fn reigns(entries: &[Entry]) -> BTreeMap<String, (Timestamp, Timestamp)> {
    let mut reigns = BTreeMap::new();
    let of_lease = |entry: &&Entry| {
        entry.by_operator() && entry.resource() == "leases" && entry.is_write() && entry.went_well()
    };
    for entry in entries.iter().filter(of_lease) {
        let pod = entry.pod().unwrap_or_default().to_owned();
        reigns.entry(pod).or_insert((entry.at, entry.at)).1 = entry.at;
    }
    reigns
}

/// Never two replicas held the Lease, and whoever wrote held it.
fn only_leaders_wrote(entries: &[Entry]) -> anyhow::Result<()> {
    let reigns = reigns(entries);
    let mut in_order: Vec<_> = reigns.iter().collect();
    in_order.sort_by_key(|(_, (from, _))| *from);
    for pair in in_order.windows(2) {
        let ((one, (_, ended)), (next, (begun, _))) = (pair[0], pair[1]);
        ensure!(ended <= begun, "{next} led from {begun} on, and {one} until {ended}");
    }
    let written: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            entry.by_operator() && entry.is_write() && !OF_ALL.contains(&entry.resource().as_str())
        })
        .collect();
    ensure!(!written.is_empty(), "the operator wrote nothing, so that nothing is shown");
    for entry in written {
        let pod = entry.pod().context("the log does not say which pod wrote")?;
        let (from, _) = reigns.get(pod).with_context(|| format!("{pod} wrote and never led: {entry:?}"))?;
        // The first one led before the log was looked at.
        let is_first = in_order.first().is_some_and(|(first, _)| *first == pod);
        ensure!(is_first || entry.at >= *from, "{pod} wrote before it led: {entry:?}");
        // What it says of its own end may come after; nothing of that is about a film any more.
        let successor = in_order.iter().map(|(_, (begun, _))| begun).find(|begun| *begun > from);
        let ended = successor.is_some_and(|begun| entry.at > *begun) && entry.resource() != "events";
        ensure!(!ended, "{pod} wrote after another led: {entry:?}");
    }
    Ok(())
}

/// Asks whichever replica there is, on a new connection each time, until there is no answer; why.
async fn until_refused() -> anyhow::Error {
    let ask = async || -> anyhow::Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/ready", site::operator_url()?);
        client.get(url).send().await?.error_for_status()?;
        Ok(())
    };
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        if let Err(refused) = ask().await {
            return refused;
        }
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[tokio::test]
async fn alone_local_another_replica_leads_soon_after_a_crash_and_draws_nothing_twice() {
    in_lab("leads_after_a_crash", async |lab: Lab| {
        let work = async {
            let mark = audit::mark()?;
            let (film, _) = half_drawn(&lab).await?;
            let leader = operator::leader(&lab.client).await?;
            // A film may be half drawn between two of them.
            operator::renewal(&lab.client).await?;
            operator::crash(&lab.client, &leader).await?;
            let next = operator::leader_after(&lab.client, &leader).await?;
            let entries = audit::since(mark, &lab.client).await?;
            let reigns = reigns(&entries);
            let (_, last) = reigns.get(&leader).context("the first leader never renewed its Lease")?;
            let (begun, _) = reigns.get(&next).with_context(|| format!("{next} has no Lease"))?;
            let took = seconds(*last, *begun);
            println!("{took:.1} s from a dead leader's last renewal to the next leader");
            ensure!(took <= AFTER_A_CRASH.as_secs_f64(), "nobody led for {took:.1} s");
            lab.faults(Vec::new()).await?;
            film.succeeded().await?;
            only_leaders_wrote(&audit::since(mark, &lab.client).await?)
        };
        operator::beside_replicas(&lab.client, 2, work).await
    })
    .await;
}

#[tokio::test]
async fn alone_local_in_an_update_one_leader_follows_the_other_at_once() {
    in_lab("an_update", async |lab: Lab| {
        let work = async {
            let before = operator::leader(&lab.client).await?;
            let mark = audit::mark()?;
            let film = lab.order(Order::of(6)).await?;
            let operator = "deployment/videofactory-operator";
            let update = async {
                ask(&["-n", site::SYSTEM, "rollout", "restart", operator]).await?;
                ask(&["-n", site::SYSTEM, "rollout", "status", operator, "--timeout=120s"]).await?;
                operator::replicas(&lab.client, 2).await.map(drop)
            };
            tokio::select! {
                updated = update => updated?,
                refused = until_refused() => anyhow::bail!("a request was not answered in the update: {refused:#}"),
            }
            film.succeeded().await?;
            let entries = audit::since(mark, &lab.client).await?;
            only_leaders_wrote(&entries)?;
            let reigns = reigns(&entries);
            ensure!(reigns.len() > 1 && reigns.contains_key(&before), "nobody else led: {reigns:?}");
            let mut in_order: Vec<_> = reigns.values().collect();
            in_order.sort_unstable();
            for pair in in_order.windows(2) {
                // The last write of a Lease gives it up, at most DRAIN after the replica was asked to stop.
                let took = seconds(pair[0].1, pair[1].0);
                println!("{took:.1} s from the end of a leader to the next one");
                ensure!(took <= (AFTER_AN_END - DRAIN).as_secs_f64(), "nobody led for {took:.1} s");
            }
            anyhow::Ok(())
        };
        operator::beside_replicas(&lab.client, 2, work).await
    })
    .await;
}

#[tokio::test]
async fn alone_a_drain_takes_one_replica_at_a_time() {
    in_lab("a_drain", async |lab: Lab| {
        let work = async {
            let replicas = operator::replicas(&lab.client, 2).await?;
            // The usual client would ask again until the refusal has passed.
            let client = videofactory_client::call::connect(Config::infer().await?, "videofactory-tests")?;
            let pods: Api<Pod> = Api::namespaced(client, site::SYSTEM);
            let names: Vec<String> = replicas.iter().map(ResourceExt::name_any).collect();
            pods.evict(&names[0], &EvictParams::default()).await?;
            match pods.evict(&names[1], &EvictParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == 429 => {}
                other => anyhow::bail!("the second replica was not kept: {other:?}"),
            }
            operator::replicas(&lab.client, 2).await.map(drop)
        };
        operator::beside_replicas(&lab.client, 2, work).await
    })
    .await;
}
