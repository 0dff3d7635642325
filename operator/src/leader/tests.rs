use clap::Parser;
use tokio::time::timeout;
use videofactory_client::call::connect;
use videofactory_tests::api_server::ApiServer;

use super::*;

const LEASE: (&str, &str, &str) = ("leases", "videofactory-system", "videofactory-operator");

/// A candidate of this name, with a pod's address, and where it sees the leader.
fn candidate(server: &ApiServer, name: &str, ip: &str, timing: Timing) -> (Candidate, LeaderFlag) {
    let args = ["operator", "--worker-image", "worker:1", "--name", name, "--pod-ip", ip];
    let config = Config::try_parse_from(args).unwrap();
    let client = connect(kube::Config::new(server.url().parse().unwrap()), "test").unwrap();
    let leader_flag = LeaderFlag::default();
    (Candidate::new(client, &config, timing, leader_flag.clone()), leader_flag)
}

/// One that looks often and lets nothing run out.
fn eager(server: &ApiServer, name: &str, ip: &str) -> (Candidate, LeaderFlag) {
    candidate(server, name, ip, Timing { retry: Duration::from_millis(10), ..Timing::default() })
}

async fn acquired(candidate: Candidate) -> Leadership {
    candidate.acquire(&CancellationToken::new()).await.unwrap()
}

fn holder_now(server: &ApiServer) -> serde_json::Value {
    server.get(LEASE.0, LEASE.1, LEASE.2).unwrap()["spec"]["holderIdentity"].clone()
}

#[test]
fn the_times_add_up_to_what_is_promised() {
    let timing = Timing::default();
    let calls = Duration::from_secs(1);
    assert!(timing.duration + timing.retry + calls <= AFTER_A_CRASH, "{timing:?}");
    assert!(crate::run::DRAIN + timing.retry + calls / 2 <= AFTER_AN_END, "{timing:?}");
    assert!(timing.renew + timing.retry < timing.deadline, "a renewal that fails is tried again: {timing:?}");
    assert!(
        timing.deadline + calls < timing.duration,
        "who cannot renew ends before another leads: {timing:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_runs_out_by_its_own_time_and_not_before_and_the_next_look_is_then() {
    let (holds, retry) = (Duration::from_secs(12), Duration::from_millis(500));
    let mut seen = Seen::default();
    assert!(!seen.has_run_out("1".to_owned(), holds), "it may have been renewed just now");
    tokio::time::advance(Duration::from_millis(11_800)).await;
    assert!(!seen.has_run_out("1".to_owned(), holds));
    assert_eq!(seen.next_reconcile(retry), Duration::from_millis(200));
    tokio::time::advance(Duration::from_millis(200)).await;
    assert!(seen.has_run_out("1".to_owned(), holds));
    assert_eq!(seen.next_reconcile(retry), retry, "it could not be taken: not again without a pause");
    assert!(!seen.has_run_out("2".to_owned(), holds), "a renewal begins again");
}

#[tokio::test]
async fn who_waits_knows_where_the_holder_answers_and_takes_over_once_it_has_given_up() {
    let server = ApiServer::start().await.unwrap();
    let (first, _) = eager(&server, "first", "10.0.0.5");
    let (second, seen) = eager(&server, "second", "fd00::6");
    let held = acquired(first).await;
    assert!(second.try_acquire(&mut Seen::default()).await.unwrap().is_none());
    assert_eq!(seen.leader_address(), Some("10.0.0.5:8000".parse().unwrap()));
    held.release().await.unwrap();
    let given_up = server.get(LEASE.0, LEASE.1, LEASE.2).unwrap();
    assert_eq!(given_up["metadata"]["annotations"].get(ADDRESS), None, "{given_up}");
    let held = acquired(second).await;
    assert_eq!(address_of(&held.lease), Some("[fd00::6]:8000".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn who_waits_without_an_answer_for_long_is_out_of_touch() {
    let config = Config::try_parse_from(["operator", "--worker-image", "worker:1"]).unwrap();
    // Nobody listens there.
    let client = connect(kube::Config::new("http://127.0.0.1:1".parse().unwrap()), "test").unwrap();
    let leader_flag = LeaderFlag::default();
    let candidate = Candidate::new(client, &config, Timing::default(), leader_flag.clone());
    let stop = CancellationToken::new();
    let mut acquiring = Box::pin(candidate.acquire(&stop));
    assert!(timeout(Duration::from_secs(10), &mut acquiring).await.is_err());
    assert!(leader_flag.is_in_touch());
    assert!(timeout(Duration::from_secs(10), &mut acquiring).await.is_err());
    assert!(!leader_flag.is_in_touch());
}

#[tokio::test]
async fn a_holder_that_does_not_say_where_it_answers_is_not_asked() {
    let server = ApiServer::start().await.unwrap();
    let (first, _) = eager(&server, "first", "10.0.0.5");
    let (second, seen) = eager(&server, "second", "10.0.0.6");
    let held = acquired(first).await;
    for address in ["", "nowhere", "10.0.0.6:8000"] {
        server.change(LEASE.0, LEASE.1, LEASE.2, |lease| {
            lease["metadata"]["annotations"][ADDRESS] = address.into();
        });
        seen.set_leader_address(Some("10.0.0.5:8000".parse().unwrap()));
        assert!(second.try_acquire(&mut Seen::default()).await.unwrap().is_none());
        assert_eq!(seen.leader_address(), None, "{address:?}: its own is none of another");
    }
    drop(held);
}

#[tokio::test]
async fn a_crashed_holders_lease_is_taken_once_it_was_seen_unchanged_for_its_time() {
    let server = ApiServer::start().await.unwrap();
    let short =
        Timing { duration: Duration::from_secs(1), retry: Duration::from_millis(100), ..Timing::default() };
    let (first, _) = candidate(&server, "first", "10.0.0.5", short);
    let (second, _) = candidate(&server, "second", "10.0.0.6", short);
    // As it is left by a crash: held, and renewed by nobody.
    drop(acquired(first).await);
    let begun = Instant::now();
    let held = acquired(second).await;
    assert!(begun.elapsed() >= short.duration, "taken after {:?}", begun.elapsed());
    assert_eq!(held.lease.spec.unwrap().lease_transitions, Some(2));
}

#[tokio::test]
async fn a_holder_whose_clock_is_a_minute_wrong_keeps_its_lease_no_longer_and_no_shorter() {
    for wrong_by in [-60, 60] {
        let server = ApiServer::start().await.unwrap();
        let short = Timing {
            duration: Duration::from_secs(1),
            retry: Duration::from_millis(100),
            ..Timing::default()
        };
        let (first, _) = candidate(&server, "first", "10.0.0.5", short);
        let (second, _) = candidate(&server, "second", "10.0.0.6", short);
        drop(acquired(first).await);
        let renewed_at = clock::now() + jiff::SignedDuration::from_secs(wrong_by);
        server.change(LEASE.0, LEASE.1, LEASE.2, |lease| {
            lease["spec"]["renewTime"] = serde_json::to_value(MicroTime(renewed_at)).unwrap();
        });
        let begun = Instant::now();
        timeout(Duration::from_secs(5), acquired(second)).await.unwrap();
        assert!(begun.elapsed() >= short.duration, "taken after {:?}, {wrong_by} s wrong", begun.elapsed());
    }
}

#[tokio::test]
async fn a_lease_is_given_up_even_if_a_renewal_was_broken_off_and_another_ones_is_left_alone() {
    let server = ApiServer::start().await.unwrap();
    let held = acquired(eager(&server, "first", "10.0.0.5").0).await;
    // The renewal was done, and its answer was not awaited.
    server.change(LEASE.0, LEASE.1, LEASE.2, |_| ());
    held.release().await.unwrap();
    assert!(holder_now(&server).is_null(), "{}", holder_now(&server));
    let held = acquired(eager(&server, "first", "10.0.0.5").0).await;
    server.change(LEASE.0, LEASE.1, LEASE.2, |lease| lease["spec"]["holderIdentity"] = "second".into());
    held.release().await.unwrap();
    assert_eq!(holder_now(&server), "second");
}

#[tokio::test]
async fn who_was_overtaken_says_by_whom_and_who_is_asked_to_stop_waits_no_longer() {
    let server = ApiServer::start().await.unwrap();
    let soon = Timing { renew: Duration::from_millis(10), ..Timing::default() };
    let mut held = acquired(candidate(&server, "first", "10.0.0.5", soon).0).await;
    server.change(LEASE.0, LEASE.1, LEASE.2, |lease| lease["spec"]["holderIdentity"] = "second".into());
    let lost = timeout(Duration::from_secs(5), held.keep()).await.unwrap();
    assert!(matches!(&lost, LostLease::KeepLease { holder, .. } if holder == "second"), "{lost}");
    let stop = CancellationToken::new();
    let (third, _) = eager(&server, "third", "10.0.0.7");
    let waiting = tokio::spawn({
        let stop = stop.clone();
        async move { third.acquire(&stop).await }
    });
    server.until(|server| server.calls().iter().any(|((verb, _), times)| *verb == "get" && *times > 2)).await;
    stop.cancel();
    let ended = timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert!(ended.is_none());
    assert_eq!(holder_now(&server), "second");
}
