//! Two replicas of the operator: how soon one follows the other, that never two act, and that a drain leaves one.

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;
use kube::{Api, Config, ResourceExt};
use videofactory_operator::leader::{AFTER_A_CRASH, AFTER_AN_END};
use videofactory_operator::run::DRAIN;
use videofactory_tests::e2e::audit;
use videofactory_tests::e2e::film::NewFilm;
use videofactory_tests::e2e::half_drawn::half_drawn;
use videofactory_tests::e2e::kubectl::ask;
use videofactory_tests::e2e::leader_terms::LeaderTerms;
use videofactory_tests::e2e::test_env::{TestEnv, in_test_env};
use videofactory_tests::e2e::{operator, site};

#[tokio::test]
async fn timed_local_another_replica_leads_soon_after_a_crash_and_draws_nothing_twice() {
    in_test_env("leads_after_a_crash", async |env: TestEnv| {
        let work = async {
            let mark = audit::mark()?;
            let (film, _) = half_drawn(&env).await?;
            let leader = operator::leader(&env.client).await?;
            // A film may be half drawn between two of them.
            operator::renewal(&env.client).await?;
            operator::crash(&env.client, &leader).await?;
            operator::leader_after(&env.client, &leader).await?;
            env.faults(Vec::new()).await?;
            film.succeeded().await?;
            let entries = audit::since(mark, &env.client).await?;
            let terms = LeaderTerms::of(&entries)?;
            ensure!(terms.has(&leader), "the first leader never renewed its Lease");
            let took = terms.follow_within(AFTER_A_CRASH.as_secs_f64())?;
            println!("{took:.1} s from a dead leader's last renewal to the next leader");
            terms.only_leaders_wrote(&entries)
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}

#[tokio::test]
async fn timed_local_in_an_update_one_leader_follows_the_other_at_once() {
    in_test_env("an_update", async |env: TestEnv| {
        let work = async {
            let before = operator::leader(&env.client).await?;
            let mark = audit::mark()?;
            let film = env.create_film(NewFilm::of(6)).await?;
            let operator = "deployment/videofactory-operator";
            let update = async {
                ask(&["-n", site::SYSTEM, "rollout", "restart", operator]).await?;
                ask(&["-n", site::SYSTEM, "rollout", "status", operator, "--timeout=120s"]).await?;
                operator::replicas(&env.client, 2).await.map(drop)
            };
            tokio::select! {
                updated = update => updated?,
                refused = operator::until_refused() => anyhow::bail!("a request was not answered in the update: {refused:#}"),
            }
            film.succeeded().await?;
            let entries = audit::since(mark, &env.client).await?;
            let terms = LeaderTerms::of(&entries)?;
            terms.only_leaders_wrote(&entries)?;
            ensure!(terms.has(&before), "the first leader never renewed its Lease");
            // The last write of a Lease gives it up, at most DRAIN after the replica was asked to stop.
            let took = terms.follow_within((AFTER_AN_END - DRAIN).as_secs_f64())?;
            println!("{took:.1} s from the end of a leader to the next one");
            anyhow::Ok(())
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}

#[tokio::test]
async fn serial_a_drain_takes_one_replica_at_a_time() {
    in_test_env("a_drain", async |env: TestEnv| {
        let work = async {
            let replicas = operator::replicas(&env.client, 2).await?;
            // The usual client would ask again until the refusal has passed.
            let client = videofactory_client::call::connect(Config::infer().await?, "videofactory-tests")?;
            let pods: Api<Pod> = Api::namespaced(client, site::SYSTEM);
            let names: Vec<String> = replicas.iter().map(ResourceExt::name_any).collect();
            pods.evict(&names[0], &EvictParams::default()).await?;
            match pods.evict(&names[1], &EvictParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == 429 => {}
                other => anyhow::bail!("the second replica was not kept: {other:?}"),
            }
            operator::replicas(&env.client, 2).await.map(drop)
        };
        operator::beside_replicas(&env.client, 2, work).await
    })
    .await;
}
