#![expect(clippy::cast_possible_wrap, reason = "sounds are minutes long at most")]

use super::*;

/// A sentence or two with pauses inside, in every language that the embedded writer knows and in some more.
const TEXTS: &[(&str, &str)] = &[
    (
        "en",
        "Hello there, my friend. In 1969, Dr. Smith's ship-to-shore radio broke. It was the end — or not?",
    ),
    ("en-GB", "One, two, three. And a half!"),
    ("de", "Der tiefe Ozean ist dunkel, kalt und voller Leben. Wer hätte das im Jahr 1969 gedacht?"),
    ("fr", "Les amis ont un grand océan. C'est l'histoire d'un petit homme, qui n'a jamais eu peur."),
    ("es", "El océano profundo es oscuro, frío y lleno de vida."),
    ("it", "Oggi, un tema sorprendente: il mare profondo."),
    ("pt-BR", "Hoje, um tema surpreendente: o fundo do mar."),
    ("ru", "Глубокий океан тёмный и холодный. В нём живут удивительные существа."),
    ("ja", "ふかい うみは、とても くらい。ひかりは とどきません。"),
    ("hi", "गहरा समुद्र अँधेरा और ठंडा है। उसमें अद्भुत जीव रहते हैं।"),
    ("ar", "المحيط العميق مظلم وبارد. وفيه كائنات مدهشة."),
    ("zh", "深海很黑，也很冷。"),
    ("tr", "Derin deniz karanlık, soğuk ve canlıdır."),
];

fn request(language: &str, voice: &str, text: &str) -> NarrationRequest {
    NarrationRequest {
        model: videofactory_providers::Model::default(),
        texts: vec![text.to_owned()],
        language: language.to_owned(),
        voice: voice.to_owned(),
        speed: 1.0,
    }
}

/// Cherokee is listed by a name that the engine itself does not take.
#[tokio::test]
async fn every_listed_language_has_a_voice() {
    let languages = espeak::languages().await.unwrap();
    assert!(languages.iter().any(|name| name == "chr"), "{languages:?}");
    for language in languages {
        assert!(espeak::synthesise("1", false, &language, 1.0).await.is_ok(), "{language}");
    }
}

async fn say(language: &str, voice: &str, text: &str) -> Speech {
    narrate(&request(language, voice, text)).await.unwrap().remove(0)
}

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

/// Milliseconds between a word's start and the first sound after the pause before it, for every word that
/// follows at least 120 ms of silence (and for the first).
fn onset_errors(speech: &Speech) -> Vec<(String, i64)> {
    let rate = i64::from(speech.sample_rate);
    let frame = (rate / 200) as usize;
    let loud: Vec<bool> = speech
        .samples
        .chunks(frame)
        .map(|chunk| {
            chunk.iter().map(|sample| i64::from(sample.unsigned_abs())).sum::<i64>() / chunk.len() as i64
                > 150
        })
        .collect();
    let mut errors = Vec::new();
    let mut silent = 24;
    for (at, loud) in loud.iter().enumerate() {
        if *loud && silent >= 24 {
            let onset = (at * frame) as i64;
            let nearest = speech.words.iter().min_by_key(|word| (word.start as i64 - onset).abs()).unwrap();
            errors.push((nearest.text.clone(), (nearest.start as i64 - onset) * 1000 / rate));
        }
        silent = if *loud { 0 } else { silent + 1 };
    }
    errors
}

#[tokio::test]
async fn words_are_those_of_the_text_and_start_where_sound_starts_after_a_pause() {
    for (language, text) in TEXTS {
        let speech = say(language, "", text).await;
        check_words(&speech, text);
        assert_eq!(speech.level, TimingLevel::Exact, "{language}");
        let errors = onset_errors(&speech);
        assert!(!errors.is_empty(), "{language}");
        for (word, error) in errors {
            assert!(error.abs() <= 80, "{language}: \"{word}\" is {error} ms off: {:?}", speech.words);
        }
    }
}

#[tokio::test]
async fn every_voice_speaks_and_times_its_words() {
    let text = "It is deep. It is dark, and it is cold.";
    for voice in flite::voices().await.unwrap().iter().map(String::as_str).chain(["espeak-ng", "f2", "m3"]) {
        let speech = say("en", voice, text).await;
        check_words(&speech, text);
        for (word, error) in onset_errors(&speech) {
            assert!(error.abs() <= 80, "{voice}: \"{word}\" is {error} ms off: {:?}", speech.words);
        }
    }
}

#[tokio::test]
async fn a_long_text_does_not_drift() {
    let text = ["The ocean is deep and cold.", "It hides many things, and nobody knows them all."]
        .repeat(12)
        .join(" ");
    for voice in ["slt", "kal16", "espeak-ng"] {
        for (word, error) in onset_errors(&say("en", voice, &text).await) {
            assert!(error.abs() <= 80, "{voice}: \"{word}\" is {error} ms off");
        }
    }
}

#[tokio::test]
async fn the_same_text_sounds_the_same_every_time() {
    for language in ["en", "de"] {
        assert_eq!(say(language, "", "Ja, so ist es.").await, say(language, "", "Ja, so ist es.").await);
    }
}

#[tokio::test]
async fn speed_shortens_speech() {
    for language in ["en", "it"] {
        let slow = say(language, "", "Una bella giornata al mare.").await.samples.len();
        let fast = NarrationRequest { speed: 1.5, ..request(language, "", "Una bella giornata al mare.") };
        let fast = narrate(&fast).await.unwrap().remove(0).samples.len();
        assert!((0.5..0.85).contains(&(fast as f64 / slow as f64)), "{language}: {slow} and {fast}");
    }
}

#[tokio::test]
async fn kanji_are_read_where_kakasi_is_installed_and_else_named() {
    match narrate(&request("ja", "", "深海はとても暗い。")).await {
        Ok(speeches) => check_words(&speeches[0], "深海はとても暗い。"),
        Err(error) => assert!(error.to_string().contains("install the package kakasi"), "{error}"),
    }
}

#[tokio::test]
async fn pictures_stay_in_the_words_and_are_not_spoken() {
    for (language, voice) in [("en", "slt"), ("en", "espeak-ng"), ("de", ""), ("ja", "")] {
        let plain = if language == "ja" { "とても くらい。" } else { "So ist es. Hallo du." };
        let text = plain.replacen(' ', " 🎉 ", 1);
        let speech = say(language, voice, &text).await;
        check_words(&speech, &text);
        assert_eq!(speech.samples, say(language, voice, plain).await.samples, "{language} {voice}");
    }
}

#[tokio::test]
async fn wishes_that_cannot_be_met_say_what_to_do() {
    for (language, voice, text, reported) in [
        ("en", "Kore", "Hello.", "the voices are"),
        ("de", "slt", "Hallo.", "the voices are"),
        ("tlh", "", "Hello.", "there is no voice for the language \"tlh\""),
        ("en", "", " … ", "text 1 of 1 has no word to speak"),
        ("de", "", "", "Give the scene a narration"),
        ("en", "", "Глубокий океан", "set `language`"),
    ] {
        let error = narrate(&request(language, voice, text)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Configuration { .. }), "{error:?}");
        assert!(error.to_string().contains(reported), "{error}");
    }
    let error = narrate(&NarrationRequest { speed: 3.0, ..request("en", "", "Hello.") }).await.unwrap_err();
    assert!(error.to_string().contains("between 0.5 and 2.0"), "{error}");
}

#[tokio::test]
async fn strange_texts_neither_fail_nor_lose_words() {
    for text in [
        "-o /tmp/x --help",
        "<speak>a</speak> & b < c",
        "U.S.A. vs. U.K.: 3.5% of $5, i.e. 17¢ – naïve café!",
        "Ünïcödé “quotes” and … dots",
        "zzzxq brrrt hmm",
        "http://example.com/a?b=c&d",
    ] {
        for voice in ["slt", "espeak-ng"] {
            let speech = say("en", voice, text).await;
            let words: Vec<&str> = speech.words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(words.join(" "), text, "{voice}");
        }
    }
}
