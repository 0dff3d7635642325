use videofactory_providers::TimingLevel;

use crate::material::{Take, speak, summary, texts};

async fn takes() -> Vec<Take> {
    let mut takes = Vec::new();
    for voice in ["slt", "rms", "awb", "kal16"] {
        takes.push(speak("en", voice, 1.0, &texts("en")).await);
    }
    let slt = takes[0].clone();
    takes.push(slt.clone().after_silence(1.5).in_noise(25.0));
    takes.push(takes[1].clone().after_silence(0.7).in_noise(18.0));
    takes.push(slt.clone().at_tempo(0.8));
    takes.push(takes[1].clone().at_tempo(1.3));
    takes.push(slt.pausing_after(0, 2, 0.7));
    takes.push(speak("en", "f2", 1.25, &texts("en")).await);
    takes.push(speak("de", "f4", 0.85, &texts("de")).await);
    takes.push(speak("de", "m3", 1.2, &texts("de")).await.after_silence(1.0).in_noise(20.0));
    takes.push(speak("fr", "f2", 1.0, &texts("fr")).await.at_tempo(1.15));
    takes.push(speak("ru", "m7", 1.1, &texts("ru")).await);
    takes
}

/// Prints a table: `cargo test -p videofactory-worker --test speech quality -- --nocapture`.
#[tokio::test]
async fn aligned_words_begin_far_nearer_to_the_truth_than_estimated_ones() {
    println!(
        "word onsets off by ms, median / 95 %; and the worst text's first word from when it is first heard"
    );
    println!("{:<52} {:>14} {:>14} {:>6}", "voice", "estimated", "aligned", "first");
    let (mut all_estimated, mut all_aligned) = (Vec::new(), Vec::new());
    let mut late = Vec::new();
    for take in takes().await {
        let (heard, estimated) = (take.heard().await, take.estimated().await);
        assert_eq!(
            (heard.level, estimated.level),
            (TimingLevel::Aligned, TimingLevel::Estimated),
            "{}",
            take.name
        );
        let (aligned, guessed) = (take.errors(&heard), take.errors(&estimated));
        let first = take.onset_errors(&heard).into_iter().map(f64::abs).fold(0.0, f64::max);
        let ((median, p95), (guess, guess95)) = (summary(&aligned), summary(&guessed));
        println!("{:<52} {guess:>6.0} / {guess95:>5.0} {median:>6.0} / {p95:>5.0} {first:>6.0}", take.name);
        assert!(median * 2.0 < guess, "{}: {median} and {guess} ms", take.name);
        late.extend((first > 150.0).then(|| format!("{}: {first:.0} ms", take.name)));
        all_estimated.extend(guessed);
        all_aligned.extend(aligned);
    }
    let ((median, p95), (guess, guess95)) = (summary(&all_aligned), summary(&all_estimated));
    println!("{:<52} {guess:>6.0} / {guess95:>5.0} {median:>6.0} / {p95:>5.0}", "all");
    assert!(median <= 25.0 && p95 <= 150.0, "{median} / {p95} ms");
    assert!(median * 4.0 < guess && p95 * 2.0 < guess95, "{guess} / {guess95} ms");
    assert!(late.is_empty(), "{late:?}");
}
