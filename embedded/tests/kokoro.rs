//! The neural voices, by the real model:
//! `VIDEOFACTORY_KOKORO=$(scripts/voices) cargo test --workspace --test kokoro -- --ignored`. Tests whose names begin
//! with `bench_` take minutes: `make bench` runs them, in release.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::time::Instant;

use videofactory_embedded::Embedded;
use videofactory_providers::capability::{Model, NarrationRequest, Narrator, Speech, TimingLevel};

/// A sentence or two in every language of the model, and the voice that must speak it.
const TEXTS: [(&str, &str); 9] = [
    ("en", "The deep ocean is dark, cold and full of life. In 1960, two men went down to it!"),
    ("en-GB", "One, two, three. It costs £1.50, and not a penny more."),
    ("es", "El océano profundo es oscuro, frío y lleno de vida. ¿Quién lo diría?"),
    ("fr", "Les amis ont un grand océan. C'est l'histoire d'un petit homme, qui n'a jamais eu peur !"),
    ("hi", "गहरा समुद्र अँधेरा और ठंडा है। उसमें अद्भुत जीव रहते हैं।"),
    ("it", "Oggi, un tema sorprendente: il mare profondo. Non dorme mai."),
    ("ja", "深海はとても暗い。光は届きません。"),
    ("pt-BR", "Hoje, um tema surpreendente: o fundo do mar. Ele não dorme."),
    ("zh", "深海很黑，也很冷。光到不了那里。"),
];

fn request(language: &str, voice: &str, texts: &[&str]) -> NarrationRequest {
    NarrationRequest {
        model: Model::default(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        language: language.to_owned(),
        voice: voice.to_owned(),
        speed: 1.0,
    }
}

async fn say(language: &str, voice: &str, text: &str) -> Speech {
    Embedded.narrate(&request(language, voice, &[text])).await.unwrap().remove(0)
}

fn milliseconds(speech: &Speech, samples: usize) -> usize {
    samples * 1000 / speech.sample_rate as usize
}

/// Words make up the text, in order, and lie in the sound.
fn check_words(speech: &Speech, text: &str) {
    let mut joined = String::new();
    for word in &speech.words {
        if !word.joins_previous && !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&word.text);
    }
    assert_eq!(joined, text);
    let mut last = 0;
    for word in &speech.words {
        assert!(word.start >= last && word.end > word.start, "{text}: {:?}", speech.words);
        last = word.end;
    }
    assert!(last <= speech.samples.len() as u64, "{text}");
}

/// Milliseconds between a word's start and the first sound after a pause of 120 ms before it.
fn onset_errors(speech: &Speech) -> Vec<(String, u64)> {
    let frame = speech.sample_rate as usize / 200;
    let level = |chunk: &[i16]| {
        chunk.iter().map(|sample| usize::from(sample.unsigned_abs())).sum::<usize>() / chunk.len()
    };
    let mut errors = Vec::new();
    let mut silent = 24;
    for (at, chunk) in speech.samples.chunks(frame).enumerate() {
        let loud = level(chunk) > 106;
        if loud && silent >= 24 {
            let onset = (at * frame) as u64;
            let nearest = speech.words.iter().min_by_key(|word| word.start.abs_diff(onset)).unwrap();
            errors.push((
                nearest.text.clone(),
                nearest.start.abs_diff(onset) * 1000 / u64::from(speech.sample_rate),
            ));
        }
        silent = if loud { 0 } else { silent + 1 };
    }
    errors
}

#[tokio::test]
#[ignore = "make bench: minutes, and needs the model"]
async fn bench_every_language_is_spoken_whole_and_clean() {
    for (language, text) in TEXTS {
        let speech = say(language, "", text).await;
        assert_eq!(
            (speech.sample_rate, speech.level),
            (24_000, TimingLevel::Exact),
            "{language}: not by the model"
        );
        check_words(&speech, text);
        for (word, error) in onset_errors(&speech) {
            assert!(error <= 120, "{language}: \"{word}\" is {error} ms off: {:?}", speech.words);
        }
        let heard = |sample: &i16| sample.unsigned_abs() > 142;
        let first = speech.samples.iter().position(heard).unwrap();
        let last = speech.samples.iter().rposition(heard).unwrap();
        let ends = (milliseconds(&speech, first), milliseconds(&speech, speech.samples.len() - last));
        assert!(ends.0 <= 150 && ends.1 <= 150, "{language}: silence of {ends:?} ms at the ends");
        let peak = speech.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(peak < 32_000, "{language}: a peak of {peak}");
    }
}

#[tokio::test]
#[ignore = "needs the model"]
async fn the_same_text_sounds_the_same_alone_and_among_others() {
    let alone = say("en", "am_michael", "It is dark, and it is cold.").await;
    let together = four_at_once("It is dark, and it is cold.").await;
    assert!(together.iter().all(|speech| *speech == alone));
}

async fn four_at_once(text: &'static str) -> Vec<Speech> {
    let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(say("en", "am_michael", text))).collect();
    let mut speeches = Vec::new();
    for task in tasks {
        speeches.push(task.await.unwrap());
    }
    speeches
}

#[tokio::test]
#[ignore = "make bench: minutes, and needs the model"]
async fn bench_a_long_narration_keeps_its_words_and_its_memory() {
    let text = ["The ocean is deep and cold.", "It hides many things, and nobody knows them all."]
        .repeat(10)
        .join(" ");
    let begun = Instant::now();
    let speech = say("en", "", &text).await;
    println!(
        "{:.1} s of speech took {:.1} s",
        speech.duration().as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    check_words(&speech, &text);
    for (word, error) in onset_errors(&speech) {
        assert!(error <= 120, "\"{word}\" is {error} ms off");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("at most {} MiB of memory", kilobytes / 1024);
    // The pod's limit is 2 GiB.
    assert!(kilobytes < 1_600_000, "{kilobytes} kB");
}

#[tokio::test]
#[ignore = "needs the model"]
async fn speed_shortens_speech() {
    let slow = say("en", "", "It was a long and quiet day by the sea.").await.samples.len();
    let fast =
        NarrationRequest { speed: 1.5, ..request("en", "", &["It was a long and quiet day by the sea."]) };
    let fast = Embedded.narrate(&fast).await.unwrap().remove(0).samples.len();
    assert!(fast * 100 / slow < 85 && fast * 100 / slow > 50, "{slow} and {fast}");
}

#[tokio::test]
#[ignore = "needs the model"]
async fn wishes_that_cannot_be_met_name_the_voices_that_there_are() {
    for (language, voice) in [("de", "af_heart"), ("en", "ff_siwis"), ("en", "af_nobody")] {
        let error = Embedded.narrate(&request(language, voice, &["Hello."])).await.unwrap_err();
        assert!(error.to_string().contains("the voices are"), "{error}");
    }
    let error = Embedded.narrate(&request("en", "af_nobody", &["Hello."])).await.unwrap_err();
    assert!(error.to_string().contains("af_heart, "), "{error}");
    let quick = say("en", "quick", "Hello there.").await;
    assert_ne!(quick.sample_rate, 24_000);
}
