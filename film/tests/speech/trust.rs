use std::sync::Arc;
use std::time::{Duration, Instant};

use videofactory_film::speech;
use videofactory_providers::{Speech, TimingLevel};

use crate::material::{Take, other_texts, speak, summary, texts};

#[tokio::test]
async fn a_voice_that_says_something_else_is_only_estimated() {
    for (language, voice, spoken) in [
        ("en", "slt", other_texts()),
        ("en", "rms", other_texts()),
        ("en", "f2", other_texts()),
        ("de", "m3", texts("de")),
    ] {
        let take = Take { texts: texts("en"), language: "en", ..speak(language, voice, 1.0, &spoken).await };
        assert_eq!(take.heard().await.level, TimingLevel::Estimated, "{voice}");
        let alone =
            Take { texts: vec![texts("en")[3].clone()], ..speak(language, voice, 1.0, &spoken[1..2]).await };
        assert_eq!(Take { language: "en", ..alone }.heard().await.level, TimingLevel::Estimated, "{voice}");
    }
}

#[tokio::test]
async fn a_single_sentence_is_aligned_too() {
    for text in texts("en") {
        let take = speak("en", "rms", 1.0, &[text]).await;
        let heard = take.heard().await;
        assert_eq!(heard.level, TimingLevel::Aligned, "{:?}", take.texts);
        assert!(summary(&take.errors(&heard)).0 <= 40.0, "{:?}: {:?}", take.texts, take.errors(&heard));
    }
}

#[tokio::test]
async fn silence_and_next_to_nothing_are_estimated_and_no_word_is_lost() {
    for samples in [vec![], vec![0; 3], vec![0; 96_000], vec![9000; 200], vec![-9000; 4_000]] {
        let length = samples.len() as u64;
        let level = TimingLevel::Estimated;
        let speech = Arc::new(Speech { samples, sample_rate: 24_000, words: Vec::new(), level });
        let heard = speech::listen(&speech, &texts("en"), "en").await;
        assert_eq!((heard.level, heard.parts.len()), (TimingLevel::Estimated, 6));
        for (part, text) in heard.parts.iter().zip(texts("en")) {
            assert_eq!(part.words.len(), text.split_whitespace().count());
            assert!(part.from <= part.to && part.to <= length);
        }
        assert_eq!(speech::cut(&speech, &heard).len(), 6);
    }
}

#[tokio::test]
async fn a_language_that_nobody_reads_is_estimated() {
    let take = speak("en", "slt", 1.0, &texts("en")).await;
    assert_eq!(take.estimated().await.level, TimingLevel::Estimated);
}

#[tokio::test]
async fn scenes_are_cut_in_the_pauses_between_them() {
    let take = speak("en", "awb", 1.0, &texts("en")).await.after_silence(0.5).in_noise(25.0);
    let heard = take.heard().await;
    for (place, pair) in heard.parts.windows(2).enumerate() {
        let seconds = |at: u64| at as f64 / f64::from(take.rate);
        let (ends, begins) = (take.truth[place].last().unwrap().1, take.truth[place + 1][0].0);
        assert!(seconds(pair[0].to) >= ends - 0.05 && seconds(pair[0].to) < begins, "{place}");
        assert!(seconds(pair[1].from) > ends && seconds(pair[1].from) <= begins + 0.15, "{place}");
    }
}

/// Ten minutes, and how much processor time they take.
#[tokio::test]
async fn ten_minutes_are_aligned_in_a_small_part_of_that() {
    let short = speak("en", "rms", 1.0, &texts("en")).await;
    let times = 600 * short.rate as usize / short.samples.len() + 1;
    let mut long =
        Take { samples: short.samples.repeat(times), texts: Vec::new(), truth: Vec::new(), ..short.clone() };
    let length = short.samples.len() as f64 / f64::from(short.rate);
    for turn in 0..times {
        long.texts.extend(short.texts.iter().cloned());
        let moved = |time: &(f64, f64)| (time.0 + turn as f64 * length, time.1 + turn as f64 * length);
        long.truth.extend(short.truth.iter().map(|words| words.iter().map(moved).collect::<Vec<_>>()));
    }
    let (began, before) = (Instant::now(), processor_seconds());
    let heard = long.heard().await;
    let (median, p95) = summary(&long.errors(&heard));
    println!(
        "{:.0} s of speech: {:.1} s of processor time, {:.1} s, {} MiB at most; {median:.0} / {p95:.0} ms",
        length * times as f64,
        processor_seconds() - before,
        began.elapsed().as_secs_f64(),
        most_memory() >> 10,
    );
    assert_eq!(heard.level, TimingLevel::Aligned);
    assert!(median <= 30.0 && p95 <= 200.0, "{median} / {p95} ms");
    assert!(began.elapsed() < Duration::from_mins(5));
}

/// Of this process and of its children that have ended.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// The most kibibytes that this process has had.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
