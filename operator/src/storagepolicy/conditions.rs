//! What a policy's conditions say. Pure.

use jiff::Timestamp;
use videofactory_crds::condition::{ConditionState, ConditionStatus, ConditionType};
use videofactory_crds::storagepolicy::{PruneOutcome, PruneRun, StorageLevel, WaterMarks};
use videofactory_crds::{StoragePolicyReason, StoragePolicySpec, StoragePolicyStatus};

use super::observe::Finding;
use super::usage::{level, size};
use crate::config::SUSPENDED_SIDE_EFFECTS;
use crate::events::{MAX_TEXT_BYTES, cut};

/// What a server says that has less room than the limit.
const REFUSES: &str = "and yet its server has no room: give it more, or set capacity.limit to what it has; until then only \
                       assembling and publishing start";

/// Why nothing is pruned, whatever the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The schedule or its time zone cannot be followed: what to do.
    Misconfigured(String),
    /// An older policy has the same bucket or a part of it: its namespace and name.
    Older(String),
    /// The place holds more files than a run can hold in memory: how many, and how many it can.
    TooManyFiles(i64, i64),
    /// `spec.suspend`.
    Suspended,
    /// The operator may have no effects outside its cluster.
    SideEffectsSuspended,
}

impl Barrier {
    /// Why a request is not followed, and what to do.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Misconfigured(problem) => format!("{problem}; nothing is deleted until then"),
            Self::Older(older) => format!(
                "StoragePolicy {older} is older and has the same bucket and prefix, or a part of it, so that it alone \
                 prunes there and this one deletes nothing: give this one a bucket or prefix of its own, or delete one of \
                 the two"
            ),
            Self::TooManyFiles(files, most) => format!(
                "it holds {files} files, more than the {most} that a prune run can hold in memory, so that nothing is \
                 pruned: raise the memory limit of the operator's container, give some namespaces a policy with a prefix \
                 of its own, or delete what nobody needs with another tool"
            ),
            Self::Suspended => {
                "pruning and backups are suspended: set spec.suspend to false, and ask again".to_owned()
            }
            Self::SideEffectsSuspended => SUSPENDED_SIDE_EFFECTS.to_owned(),
        }
    }
}

/// Ready (from which `Stalled` follows) and Healthy: whether jobs can use the bucket, and whether its server answers.
#[must_use]
pub fn of_finding(
    bucket: &str,
    finding: &Finding,
    barrier: Option<&Barrier>,
) -> [ConditionState<StoragePolicyReason>; 2] {
    let (ready, healthy, reason, message) = match finding {
        Finding::Fit => {
            // Jobs can use the bucket whatever keeps pruning from it; but whoever looks at the policy is to see that.
            // How many files there are changes too often to be reported here: each change of this condition wakes jobs.
            let barrier = barrier.filter(|barrier| !matches!(barrier, Barrier::TooManyFiles(..)));
            let barrier = barrier.map(|barrier| format!("; but {}", barrier.words())).unwrap_or_default();
            let message =
                format!("bucket {bucket:?} answers, takes the credentials and writes once{barrier}");
            (true, ConditionStatus::True, StoragePolicyReason::Available, message)
        }
        Finding::Unfit { reason, answered, message } => {
            let healthy = answered.map_or(ConditionStatus::Unknown, ConditionStatus::from);
            (false, healthy, *reason, message.clone())
        }
        Finding::Others { message } => {
            (false, ConditionStatus::True, StoragePolicyReason::ConfigurationInvalid, message.clone())
        }
    };
    let healthy_reason =
        if healthy == ConditionStatus::True { StoragePolicyReason::Available } else { reason };
    [(ConditionType::Ready, ready.into(), reason), (ConditionType::Healthy, healthy, healthy_reason)]
        .map(|(kind, status, reason)| ConditionState { kind, status, reason, message: message.clone() })
}

/// `WithinLimit`: whether the bucket is below `warn`, and if not, what holds it there.
#[must_use]
pub fn within_limit(
    spec: &StoragePolicySpec,
    status: &StoragePolicyStatus,
    barrier: Option<&Barrier>,
    now: Timestamp,
) -> ConditionState<StoragePolicyReason> {
    let state = |status, reason, message: String| ConditionState {
        kind: ConditionType::WithinLimit,
        status,
        reason,
        message: cut(&message, MAX_TEXT_BYTES),
    };
    match barrier {
        Some(barrier @ Barrier::Older(_)) => {
            return state(ConditionStatus::Unknown, StoragePolicyReason::DuplicatePolicy, barrier.words());
        }
        Some(barrier @ Barrier::Misconfigured(_)) => {
            return state(
                ConditionStatus::Unknown,
                StoragePolicyReason::ConfigurationInvalid,
                barrier.words(),
            );
        }
        Some(barrier @ Barrier::TooManyFiles(..)) => {
            return state(ConditionStatus::False, StoragePolicyReason::TooManyFiles, barrier.words());
        }
        Some(Barrier::Suspended | Barrier::SideEffectsSuspended) | None => {}
    }
    let Some(bytes) = status.usage.as_ref().and_then(|usage| usage.bytes) else {
        let message = "what the bucket holds has not been measured yet".to_owned();
        return state(ConditionStatus::Unknown, StoragePolicyReason::Progressing, message);
    };
    let marks = spec.capacity.water_marks();
    let used = format!("{} of {} are used", size(bytes), size(marks.limit));
    let refuses = status.level == Some(StorageLevel::Full) && bytes < marks.limit;
    if bytes < marks.warn && !refuses {
        let used = match barrier {
            Some(barrier @ Barrier::SideEffectsSuspended) => format!("{used}; {}", barrier.words()),
            _ => used,
        };
        return state(ConditionStatus::True, StoragePolicyReason::Available, used);
    }
    let last = last_run_that_counts(spec, status);
    let ended = last.filter(|run| run.outcome.is_some());
    let stuck = spec.rules.is_empty() || ended.is_some_and(|run| run.shortfall.is_some());
    let reason = if stuck { StoragePolicyReason::NothingPrunable } else { StoragePolicyReason::StorageFull };
    let next = what_next(spec, status, barrier, last, now);
    let reached = if refuses { REFUSES.to_owned() } else { reached(bytes, &marks) };
    state(ConditionStatus::False, reason, format!("{used}, {reached}; {next}"))
}

/// The last run that could have freed something: a dry run that a person asked for says nothing of the next real one.
#[must_use]
pub fn last_run_that_counts<'a>(
    spec: &StoragePolicySpec,
    status: &'a StoragePolicyStatus,
) -> Option<&'a PruneRun> {
    runs_that_count(spec, status).next()
}

/// The runs that could have freed something in the place where the policy is now, the last one first.
pub fn runs_that_count<'a>(
    spec: &StoragePolicySpec,
    status: &'a StoragePolicyStatus,
) -> impl Iterator<Item = &'a PruneRun> + use<'a> {
    let dry = spec.dry_run;
    let since = status.place.as_ref().map(|place| place.since.clone());
    let here = move |run: &&PruneRun| since.as_ref().is_none_or(|since| run.slot.0 >= since.0);
    status.runs.iter().filter(here).filter(move |run| dry || run.dry_run != Some(true))
}

fn reached(bytes: i64, marks: &WaterMarks) -> String {
    match level(bytes, marks) {
        StorageLevel::Normal | StorageLevel::Warning => format!("warn is {}", size(marks.warn)),
        StorageLevel::Stopped => {
            format!("above stop, {}: jobs that have written nothing yet wait", size(marks.stop))
        }
        StorageLevel::Full => "so that only assembling and publishing start".to_owned(),
    }
}

fn what_next(
    spec: &StoragePolicySpec,
    status: &StoragePolicyStatus,
    barrier: Option<&Barrier>,
    last: Option<&PruneRun>,
    now: Timestamp,
) -> String {
    let next = status.next_run_at.as_ref().filter(|next| next.0 > now);
    let due = next.map_or_else(String::new, |next| format!("; the next run is due at {:.0}", next.0));
    if barrier == Some(&Barrier::Suspended) {
        return "pruning is suspended: set spec.suspend to false".to_owned();
    }
    if let Some(barrier @ Barrier::SideEffectsSuspended) = barrier {
        return barrier.words();
    }
    if spec.rules.is_empty() {
        return "no rule allows to delete anything: add rules, or raise capacity.limit".to_owned();
    }
    let Some(last) = last else { return format!("nothing has been pruned yet{due}") };
    let reported = last.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    match (last.outcome, &last.shortfall) {
        (None, _) => "a prune run is under way".to_owned(),
        (Some(PruneOutcome::Failed), _) => format!("the last prune run failed{reported}{due}"),
        (Some(PruneOutcome::Interrupted | PruneOutcome::Cancelled), _) => {
            format!("the last prune run was interrupted{due}")
        }
        (Some(PruneOutcome::Braked), _) => {
            format!("the last prune run was stopped by its brakes: raise them, or ask for another run{due}")
        }
        (Some(PruneOutcome::Completed), _) if spec.dry_run => {
            format!("runs only plan: set spec.dryRun to false{due}")
        }
        (Some(PruneOutcome::Completed), Some(shortfall)) => format!("{shortfall}{due}"),
        (Some(PruneOutcome::Completed), None) => format!("it has grown since the last prune run{due}"),
    }
}
