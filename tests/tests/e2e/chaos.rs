//! Whoever leads is killed, stopped, cut off, or wrong about the time, while ten films of paid clips are at work. All
//! films are finished and nothing is made or paid for twice; one replica at a time leads, and what comes late from one
//! that did overwrites nothing.
//!
//! They take minutes each: `make chaos` runs them.

use std::time::Duration;

use anyhow::ensure;
use kube::ResourceExt;
use tokio::time::{Instant, sleep_until};
use videofactory_operator::leader::{AFTER_A_CRASH, Timing};
use videofactory_tests::e2e::audit::{self, Entry, Mark};
use videofactory_tests::e2e::batch::{Batch, FILMS};
use videofactory_tests::e2e::leader_terms::LeaderTerms;
use videofactory_tests::e2e::operator::{self, TargetReplica};
use videofactory_tests::e2e::partition::Partition;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{clocks, wait};

/// How often the leader is killed.
const KILLS: usize = 20;
/// How long it is stopped, which is what goes wrong here and is no wait for anything: less than the liveness probe takes to
/// have it killed.
const STOPPED: Duration = Duration::from_secs(20);
/// By how many seconds a clock is wrong, this way or the other.
const WRONG_BY: i32 = 60;

/// A place in the log from which on the present leader is seen to lead; its name.
async fn led(env: &TestEnv) -> anyhow::Result<(Mark, String)> {
    let mark = audit::mark()?;
    operator::renewal(&env.client).await?;
    Ok((mark, operator::leader(&env.client).await?))
}

/// All that the log shows of leaders since then is as it should be: so many led, each soon after the one before. What came
/// late and was refused for that, by resource.
async fn judge(env: &TestEnv, mark: Mark, leaders: usize) -> anyhow::Result<Vec<String>> {
    let entries = audit::since(mark, &env.client).await?;
    let terms = LeaderTerms::of(&entries)?;
    let gaps = terms.gaps().len();
    ensure!(gaps + 1 == leaders, "{} replicas led, not {leaders}", gaps + 1);
    terms.follow_within(AFTER_A_CRASH.as_secs_f64())?;
    terms.late_writes_overwrote_nothing(&entries)
}

#[tokio::test]
#[ignore = "takes minutes: run make chaos"]
async fn chaos_local_a_batch_is_finished_under_leaders_of_which_twenty_are_killed() {
    in_test_env("twenty_leaders_killed", async |env: TestEnv| {
        let work = async {
            let (mark, mut leader) = led(&env).await?;
            let mut batch = Batch::begin(&env).await?;
            for kill in 0..KILLS {
                // The films come one after the other, so that none of the kills falls after the last one's end.
                if kill % (KILLS / FILMS) == 0 {
                    batch.add_film().await?;
                }
                // There is one to follow, which has seen the Lease.
                operator::replicas(&env.client, 2).await?;
                // In the middle of its writes: the first of them has been seen, and others follow it.
                batch.next_write().await?;
                operator::crash(&env.client, &leader).await?;
                leader = operator::leader_after(&env.client, &leader).await?;
            }
            batch.finishes_unharmed().await?;
            let late = judge(&env, mark, KILLS + 1).await?;
            println!("{KILLS} leaders were killed; late and refused: {late:?}");
            anyhow::Ok(())
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}

/// The stopped leader has a renewal of its Lease on the way, and whatever else it was about to write: its kernel sends that
/// again and again, and it arrives when another one leads.
#[tokio::test]
#[ignore = "takes minutes: run make chaos"]
async fn chaos_local_what_a_stopped_leader_had_sent_comes_late_and_is_refused() {
    in_test_env("a_stopped_leader", async |env: TestEnv| {
        let work = async {
            let (mark, name) = led(&env).await?;
            let leader = TargetReplica::named(&env.client, &name).await?;
            let batch = Batch::whole(&env).await?;
            batch.next_write().await?;
            operator::renewal(&env.client).await?;
            let partition = Partition::one_way(&leader.address)?;
            // By then it has sent its next renewal, which is no further than in its own kernel.
            let timing = Timing::default();
            operator::renewal_overdue(&env.client, timing.renew + timing.retry).await?;
            wait::asked("something that the leader has sent in vain", async || {
                Ok(leader.is_unheard()?.then_some(()))
            })
            .await?;
            let (frozen, since) = (leader.pause()?, Instant::now());
            operator::leader_after(&env.client, &name).await?;
            let followed = audit::mark()?;
            drop(partition);
            wait::asked("the stopped leader's renewal to arrive", async || {
                let entries = audit::since(followed, &env.client).await?;
                let is_its = |entry: &Entry| {
                    entry.pod() == Some(name.as_str()) && entry.resource() == "leases" && entry.is_write()
                };
                Ok(entries.iter().any(is_its).then_some(()))
            })
            .await?;
            sleep_until(since + STOPPED).await;
            drop(frozen);
            leader.restarted().await?;
            batch.finishes_unharmed().await?;
            let late = judge(&env, mark, 2).await?;
            println!("late and refused: {late:?}");
            ensure!(!late.is_empty(), "nothing came late, so that nothing is shown");
            anyhow::Ok(())
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}

#[tokio::test]
#[ignore = "takes minutes: run make chaos"]
async fn chaos_local_a_leader_cut_off_from_the_api_server_ends_before_another_leads() {
    in_test_env("a_leader_cut_off", async |env: TestEnv| {
        let work = async {
            let (mark, name) = led(&env).await?;
            let leader = TargetReplica::named(&env.client, &name).await?;
            let batch = Batch::whole(&env).await?;
            batch.next_write().await?;
            let partition = Partition::both_ways(&leader.address)?;
            let next = operator::leader_after(&env.client, &name).await?;
            let ended = leader.restarted().await?;
            drop(partition);
            // It stands by again.
            operator::replicas(&env.client, 2).await?;
            batch.finishes_unharmed().await?;
            let begun = LeaderTerms::of(&audit::since(mark, &env.client).await?)?.begin_of(&next)?;
            ensure!(ended <= begun, "{name} ended at {ended}, and {next} led from {begun} on");
            let late = judge(&env, mark, 2).await?;
            println!(
                "{:.1} s between them; late and refused: {late:?}",
                begun.duration_since(ended).as_secs_f64()
            );
            Ok(())
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}

/// Waits until the leader's clock is wrong by so many seconds, by what it writes into its Lease.
async fn is_wrong_by(env: &TestEnv, seconds: i32) -> anyhow::Result<()> {
    wait::asked(&format!("the leader's clock to be ahead by {seconds} s"), async || {
        let off = operator::leader_is_ahead(&env.client).await? - f64::from(seconds);
        Ok((off.abs() < f64::from(WRONG_BY) / 2.0).then_some(()))
    })
    .await
}

/// Two replicas whose clocks are two minutes apart and are set again and again. The Lease stays with who has it, and goes to
/// the other one as soon as it would by right clocks.
async fn by_wrong_clocks(env: &TestEnv) -> anyhow::Result<()> {
    let (mark, leader) = led(env).await?;
    let replicas = operator::replicas(&env.client, 2).await?;
    let names: Vec<String> = replicas.iter().map(ResourceExt::name_any).collect();
    let batch = Batch::whole(env).await?;
    let before = operator::lease_transitions(&env.client).await?;
    for ahead in [WRONG_BY, -WRONG_BY, WRONG_BY, -WRONG_BY] {
        for name in &names {
            let seconds = if *name == leader { ahead } else { -ahead };
            clocks::set_ahead(&env.client, name, seconds).await?;
        }
        is_wrong_by(env, ahead).await?;
        batch.next_write().await?;
    }
    let passed = operator::lease_transitions(&env.client).await? - before;
    ensure!(passed == 0, "the Lease passed on {passed} times, for no reason but clocks");
    operator::crash(&env.client, &leader).await?;
    let next = operator::leader_after(&env.client, &leader).await?;
    ensure!(names.contains(&next), "{next} leads, whose clock is right");
    is_wrong_by(env, WRONG_BY).await?;
    batch.finishes_unharmed().await?;
    judge(env, mark, 2).await.map(drop)
}

#[tokio::test]
#[ignore = "takes minutes: run make chaos"]
async fn chaos_local_leaders_whose_clocks_are_a_minute_wrong_lead_no_longer_and_no_shorter() {
    in_test_env("wrong_clocks", async |env: TestEnv| {
        clocks::beside_movable_clocks(&env.client, by_wrong_clocks(&env)).await
    })
    .await;
}
