//! What our own providers make passes our own checks, in every language, length and format. A sample that has each
//! language once is part of every test run; `--ignored` makes all of it, and takes the better part of an hour.

use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use videofactory_embedded::Embedded;
use videofactory_film::rehearse;
use videofactory_film::request::{
    Captions, CheckOutcome, CheckResult, FilmRequest, Format, Music, Scene, Voice, Word, WordLevel,
};
use videofactory_pipeline::digest::Digest;
use videofactory_pipeline::timeline::{FrameRate, Motion};
use videofactory_providers::{
    Artist, Model, NarrationRequest, Narrator, PictureRequest, ScriptRequest, ScriptWriter,
};

use super::support::*;

const SECONDS: [u64; 5] = [6, 15, 30, 45, 60];
/// 9:16, 1:1, 16:9 and 4:5 at 360p.
const SIZES: [(u32, u32); 4] = [(360, 640), (360, 360), (640, 360), (360, 450)];
/// Two at a time, as the machine has processors.
const CONCURRENCY: usize = 2;

/// A film that the embedded providers are asked for.
#[derive(Clone, Debug)]
struct Wanted {
    language: String,
    scenes: usize,
    seconds: u64,
    size: (u32, u32),
}

/// How a film is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It is made.
    Whole,
    /// What is heard and read.
    Rehearsed,
    /// What is heard, and read in every format: all else is the same in all of them.
    InEveryFormat,
}

/// What a scene says, and what its picture shows.
type Said = (String, String);

fn topic(language: &str) -> &'static str {
    match language {
        "de" => "Warum Katzen schnurren",
        "fr" => "Pourquoi les chats ronronnent",
        "es" => "Por qué ronronean los gatos",
        "it" => "Perché i gatti fanno le fusa",
        "pt" => "Por que os gatos ronronam",
        "ru" => "Почему кошки мурлычут",
        "ja" => "猫はなぜのどを鳴らすのか",
        "hi" => "बिल्लियाँ क्यों घुरघुराती हैं",
        "ar" => "لماذا تخرخر القطط",
        _ => "Why cats purr",
    }
}

impl Wanted {
    /// One of all that there are, always the same for the same name.
    fn any(language: &str) -> Self {
        let dice = usize::try_from(Digest::of_bytes(language.as_bytes()).seed() >> 16).unwrap();
        Self {
            language: language.to_owned(),
            scenes: 1 + dice % 8,
            seconds: SECONDS[dice / 8 % SECONDS.len()],
            size: SIZES[dice / 64 % SIZES.len()],
        }
    }

    async fn script(&self) -> Vec<Said> {
        let request = ScriptRequest {
            model: Model::default(),
            topic: topic(&self.language).to_owned(),
            language: self.language.clone(),
            target: Duration::from_secs(self.seconds),
            max: Duration::from_mins(3),
            scene_count: self.scenes,
            style: String::new(),
            characters: Vec::new(),
            revision: None,
        };
        let script = Embedded.write(&request).await.unwrap();
        script.scenes.into_iter().map(|scene| (scene.narration, scene.image_prompt)).collect()
    }

    async fn film(&self, set: &Set, said: &[Said], drawn: bool) -> FilmRequest {
        let format = format_of(self.size);
        let plain = set.detail(0);
        let mut scenes = Vec::new();
        for (place, (text, prompt)) in said.iter().enumerate() {
            let id = format!("s{place}");
            let picture = if drawn { draw(set, &id, prompt, format).await } else { plain.clone() };
            let picture = still(picture, Motion::for_scene(&id, format.aspect()));
            let voice = Some(self.speak(set, &id, text).await);
            scenes.push(Scene { voice, caption: text.clone(), ..scene(&id, picture) });
        }
        let mut request = FilmRequest { format, captions: Captions::default(), ..request(scenes) };
        request.language.clone_from(&self.language);
        request.audio.music = Music::Generated { seed: self.language.clone() };
        request
    }

    async fn speak(&self, set: &Set, id: &str, text: &str) -> Voice {
        let request = NarrationRequest {
            model: Model::default(),
            texts: vec![text.to_owned()],
            language: self.language.clone(),
            voice: String::new(),
            speed: 1.0,
        };
        let speech = Embedded.narrate(&request).await.unwrap().remove(0);
        let seconds = |samples: u64| samples as f64 / f64::from(speech.sample_rate);
        let words = speech.words.iter().map(|word| Word {
            text: word.text.clone(),
            start: seconds(word.start),
            end: seconds(word.end),
        });
        let path = set.path(&format!("{id}.wav"));
        std::fs::write(&path, speech.to_wav()).unwrap();
        Voice { path, words: words.collect(), level: WordLevel::Exact }
    }

    /// What is wrong with it, if anything.
    async fn faults(&self, said: Option<Vec<Said>>, look: Look) -> Option<String> {
        let said = match said {
            Some(said) => said,
            None => self.script().await,
        };
        let set = Set::new();
        let request = self.film(&set, &said, look == Look::Whole).await;
        let sizes = if look == Look::InEveryFormat { &SIZES[..] } else { std::slice::from_ref(&self.size) };
        let checks = if look == Look::Whole {
            set.film(&request).await.checks
        } else {
            let formats: Vec<Format> = sizes.iter().map(|size| format_of(*size)).collect();
            rehearse(&request, &formats, &set.path("out-rehearsed")).await.unwrap()
        };
        assert!(checks.len() >= 3 * sizes.len(), "{self:?} was not looked at: {checks:?}");
        let bad = |check: &&CheckResult| check.outcome != CheckOutcome::Passed;
        let bad: Vec<_> = checks.iter().filter(bad).map(|check| check.message.clone()).collect();
        (!bad.is_empty()).then(|| format!("{self:?}: {}", bad.join("; ")))
    }
}

fn format_of((width, height): (u32, u32)) -> Format {
    Format { width, height, fps: FrameRate::new(24).unwrap() }
}

async fn draw(set: &Set, id: &str, prompt: &str, format: Format) -> PathBuf {
    let request = PictureRequest {
        model: Model::default(),
        prompt: prompt.to_owned(),
        style: String::new(),
        width: format.width,
        height: format.height,
        seed: Digest::of_bytes(prompt.as_bytes()).seed(),
        characters: Vec::new(),
    };
    let path = set.path(&format!("{id}.png"));
    std::fs::write(&path, Embedded.draw(&request).await.unwrap().bytes).unwrap();
    path
}

/// Fails with all that is wrong with any of these.
async fn assert_all_pass(all: Vec<(Wanted, Option<Vec<Said>>)>, look: Look) {
    let count = all.len();
    let made =
        futures::stream::iter(all).map(|(wanted, said)| async move { wanted.faults(said, look).await });
    let faults: Vec<String> =
        made.buffer_unordered(CONCURRENCY).filter_map(async |fault| fault).collect().await;
    assert!(faults.is_empty(), "{} of {count} films fail:\n{}", faults.len(), faults.join("\n"));
}

fn written(all: impl IntoIterator<Item = Wanted>) -> Vec<(Wanted, Option<Vec<Said>>)> {
    all.into_iter().map(|wanted| (wanted, None)).collect()
}

/// Languages for whose figures espeak-ng has no words: Cherokee, Chuvash, Hebrew, Nogai, Quenya, Sindarin and Turkmen.
const WITHOUT_FIGURES: [&str; 7] = ["chr", "cv", "he", "nog", "qya", "sjn", "tk"];

/// Figures are spoken in every other language.
async fn counted() -> Vec<(Wanted, Option<Vec<Said>>)> {
    let languages = Embedded::voices().await.unwrap();
    assert!(languages.len() > 80, "{languages:?}");
    let said: Vec<Said> = ["1, 2, 3, 40.", "1999, 2024, 7.", "60 50 12 8 3."]
        .map(|text| (text.to_owned(), "a clock".to_owned()))
        .to_vec();
    let wanted = languages
        .into_iter()
        .filter(|language| !WITHOUT_FIGURES.contains(&language.as_str()))
        .map(|language| Wanted { scenes: 3, seconds: 15, ..Wanted::any(&language) });
    wanted.map(|wanted| (wanted, Some(said.clone()))).collect()
}

#[tokio::test]
async fn figures_alone_are_refused_where_the_voice_has_no_words_for_them() {
    for language in WITHOUT_FIGURES {
        let request = NarrationRequest {
            model: Model::default(),
            texts: vec!["60 50 12.".to_owned()],
            language: language.to_owned(),
            voice: String::new(),
            speed: 1.0,
        };
        let refusal = Embedded.narrate(&request).await.unwrap_err().to_string();
        assert!(refusal.contains(r#"the voice has no sound for "60 50 12.""#), "{language}: {refusal}");
    }
}

#[tokio::test]
async fn a_short_german_film_is_as_loud_as_asked_for() {
    let wanted = Wanted { language: "de".to_owned(), scenes: 3, seconds: 15, size: (640, 360) };
    assert_all_pass(written([wanted]), Look::Whole).await;
}

/// In a small frame it moves by less than the eye of the check sees in two seconds.
#[tokio::test]
async fn a_still_that_moves_slowly_through_a_long_scene_is_not_frozen() {
    let wanted = Wanted { language: "fr".to_owned(), scenes: 1, seconds: 45, size: (360, 360) };
    assert_all_pass(written([wanted]), Look::Whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_language_is_heard_and_read_as_it_should_be() {
    assert_all_pass(written(Embedded::languages().map(Wanted::any)), Look::Rehearsed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make bench: what is heard and read, of every language, number of scenes, length and format"]
async fn all_of_them_are_heard_and_read_as_they_should_be() {
    let mut all = Vec::new();
    for language in Embedded::languages() {
        for scenes in 1..=8 {
            let wanted = |seconds| Wanted { scenes, seconds, ..Wanted::any(language) };
            all.extend(SECONDS.map(wanted));
        }
    }
    assert_all_pass(written(all), Look::InEveryFormat).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make bench: figures in every language that has a voice"]
async fn all_voices_are_heard_as_they_should_be() {
    assert_all_pass(counted().await, Look::Rehearsed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make bench: whole films, every language in every format"]
async fn whole_films_pass_in_every_language_and_format() {
    let mut all = Vec::new();
    for (place, language) in Embedded::languages().enumerate() {
        for (turn, size) in SIZES.into_iter().enumerate() {
            let (scenes, seconds) = (1 + (place * 3 + turn * 2) % 8, SECONDS[(place + turn) % SECONDS.len()]);
            all.push(Wanted { language: language.to_owned(), scenes, seconds, size });
        }
    }
    assert_all_pass(written(all), Look::Whole).await;
}
