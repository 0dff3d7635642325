//! What holds of the spans of every look in the cluster in miniature.

use std::collections::BTreeSet;

use videofactory_crds::StepName;
use videofactory_pipeline::contract::SpanId;
use videofactory_traces::Span;

/// What holds of the spans of every look: a part lies within its whole, which is reported with it or is the run.
pub fn check(spans: &[Span]) {
    for span in spans {
        assert!(span.from <= span.to, "{span:?} ends before it begins");
        let Some(whole) =
            spans.iter().find(|whole| span.trace == whole.trace && span.parent == Some(whole.id))
        else {
            assert!(is_step(span) || is_run(span), "nothing is reported of the parent of {span:?}");
            continue;
        };
        let within = whole.from <= span.from && span.to <= whole.to;
        assert!(within || is_run(whole), "{span:?} is not within {whole:?}");
    }
    let ids: BTreeSet<SpanId> = spans.iter().map(|span| span.id).collect();
    assert_eq!(ids.len(), spans.len(), "an id is used twice: {spans:?}");
}

pub fn is_step(span: &Span) -> bool {
    span.name.parse::<StepName>().is_ok()
}

pub fn is_run(span: &Span) -> bool {
    span.name.starts_with("video films/ocean run ")
}
