//! Speeches with known word times, and what is done to them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use videofactory_embedded::Embedded;
use videofactory_film::speech::{self, Heard};
use videofactory_providers::{Model, NarrationRequest, Narrator, Speech, TimingLevel};

/// A speech of several texts.
#[derive(Clone)]
pub struct Take {
    pub name: String,
    pub language: &'static str,
    pub texts: Vec<String>,
    pub samples: Vec<i16>,
    pub rate: u32,
    /// When each word begins and ends, in seconds, text by text.
    pub truth: Vec<Vec<(f64, f64)>>,
    /// When each text is first heard, in seconds.
    pub onsets: Vec<f64>,
}

/// What is louder is heard, of 32,767.
const AUDIBLE: u16 = 300;

/// How the texts of the film are spoken in a language.
pub fn texts(language: &str) -> Vec<String> {
    let texts: &[&str] = match language {
        "de" => &[
            "Die Tiefsee beginnt, wo das Licht endet. In zweihundert Metern Tiefe wird das Blau zu Schwarz.",
            "Hier machen Fische ihr eigenes Licht. Manche locken damit Beute an; andere verstecken sich dahinter.",
            "Im Jahr 1960 tauchten zwei Menschen bis zum Grund, blieben zwanzig Minuten und aßen eine Tafel Schokolade.",
            "Seither waren mehr Menschen auf dem Mond. Was ist noch dort unten? Niemand weiß es.",
        ],
        "fr" => &[
            "Les grandes profondeurs commencent là où finit la lumière. À deux cents mètres, le bleu devient noir.",
            "Ici, les poissons font leur propre lumière. Certains attirent leur proie, d'autres se cachent derrière.",
            "Depuis ce jour, plus de gens ont marché sur la lune. Que trouve-t-on encore au fond? Personne ne le sait.",
        ],
        "ru" => &[
            "Глубины начинаются там, где кончается свет. На двухстах метрах синева становится чёрной.",
            "Здесь рыбы сами делают свет. Одни приманивают добычу, другие прячутся за ним.",
            "С тех пор больше людей ходило по луне. Что ещё там внизу? Никто не знает.",
        ],
        _ => &[
            "The deep sea begins where the light ends. Two hundred metres down, the blue turns black.",
            "Here, fish make their own light. Some lure their prey with it; others hide behind it. A few do both!",
            "In 1960, two people went to the bottom.",
            "They stayed for twenty minutes, ate a chocolate bar, and saw a flat, pale fish. Or so they said.",
            "Since then more people have walked on the moon.",
            "What else is down there? Nobody knows.",
        ],
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Texts that have nothing to do with the film's.
pub fn other_texts() -> Vec<String> {
    [
        "Bread is older than writing. Somebody left porridge on a hot stone, and the smell did the rest.",
        "Yeast came later, probably by accident, when a bowl was forgotten overnight near some beer.",
        "Bakers kept it a secret for about a thousand years; millers did not care.",
        "Today every town has its own loaf, and every grandmother is certain that hers is right.",
        "Try it warm, with butter and salt.",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The texts in a voice, with pauses between them of which no two are equal.
pub async fn speak(language: &'static str, voice: &str, speed: f64, texts: &[String]) -> Take {
    let request = NarrationRequest {
        model: Model::default(),
        texts: texts.to_vec(),
        language: language.to_owned(),
        voice: voice.to_owned(),
        speed,
    };
    let speeches = Embedded.narrate(&request).await.unwrap();
    let rate = speeches[0].sample_rate;
    let mut take = Take {
        name: format!("{language} {voice} at {speed}"),
        language,
        texts: texts.to_vec(),
        samples: Vec::new(),
        rate,
        truth: Vec::new(),
        onsets: Vec::new(),
    };
    for (place, speech) in speeches.iter().enumerate() {
        let before = take.samples.len() as f64;
        let seconds = |at: u64| (before + at as f64) / f64::from(rate);
        take.truth.push(speech.words.iter().map(|word| (seconds(word.start), seconds(word.end))).collect());
        let onset = speech.samples.iter().position(|sample| sample.unsigned_abs() > AUDIBLE).unwrap();
        take.onsets.push(seconds(onset as u64));
        take.samples.extend(&speech.samples);
        let pause = rate as usize * (3 + place * 5 % 7) / 10;
        take.samples.extend(std::iter::repeat_n(0, pause));
    }
    take
}

impl Take {
    fn called(mut self, what: &str) -> Self {
        self.name = format!("{} {what}", self.name);
        self
    }

    fn moved(&mut self, move_to: impl Fn(f64) -> f64) {
        for (start, end) in self.truth.iter_mut().flatten() {
            (*start, *end) = (move_to(*start), move_to(*end));
        }
        for onset in &mut self.onsets {
            *onset = move_to(*onset);
        }
    }

    /// After so many seconds of silence.
    pub fn after_silence(mut self, seconds: f64) -> Self {
        let silence = vec![0; (seconds * f64::from(self.rate)) as usize];
        self.samples.splice(0..0, silence);
        self.moved(|at| at + seconds);
        self.called("after silence")
    }

    /// In a noise so many decibels below it, hissing and rumbling.
    pub fn in_noise(mut self, below: f64) -> Self {
        let power: f64 = self.samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let spoken = self.samples.iter().filter(|sample| sample.unsigned_abs() > 100).count();
        let level = (power / spoken as f64).sqrt() * 10f64.powf(-below / 20.0);
        let (mut state, mut rumble) = (0x2545_f491_4f6c_dd1du64, 0.0);
        for sample in &mut self.samples {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let hiss = (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
            rumble = 0.95 * rumble + hiss * 0.3;
            let noise = level * (hiss + rumble);
            *sample = (f64::from(*sample) + noise).round().clamp(-32_768.0, 32_767.0) as i16;
        }
        self.called(&format!("in noise {below} dB below"))
    }

    /// Faster by so much at the same pitch.
    pub fn at_tempo(mut self, tempo: f64) -> Self {
        let rate = self.rate.to_string();
        let form = ["-f", "s16le", "-ac", "1", "-ar", &rate];
        let mut child = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error"])
            .args(form)
            .args(["-i", "pipe:0", "-af", &format!("atempo={tempo}")])
            .args(form)
            .arg("pipe:1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let bytes: Vec<u8> = self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut stdin = child.stdin.take().unwrap();
        let feed = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        feed.join().unwrap();
        self.samples =
            output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        self.moved(|at| at / tempo);
        self.called(&format!("at tempo {tempo}"))
    }

    /// With a silence after a word, where none was.
    pub fn pausing_after(mut self, text: usize, word: usize, seconds: f64) -> Self {
        let at = self.truth[text][word].1;
        let silence = vec![0; (seconds * f64::from(self.rate)) as usize];
        let place = (at * f64::from(self.rate)) as usize;
        self.samples.splice(place..place, silence);
        self.moved(|time| if time > at + 1e-6 { time + seconds } else { time });
        // The word after it may have begun at once.
        let next = &mut self.truth[text][word + 1].0;
        *next = next.max(at + seconds);
        self.called("with a pause in mid-sentence")
    }

    pub fn speech(&self) -> Arc<Speech> {
        Arc::new(Speech {
            samples: self.samples.clone(),
            sample_rate: self.rate,
            words: Vec::new(),
            level: TimingLevel::Estimated,
        })
    }

    pub async fn heard(&self) -> Heard {
        speech::listen(&self.speech(), &self.texts, self.language).await
    }

    /// As in a language in which nobody reads.
    pub async fn estimated(&self) -> Heard {
        speech::listen(&self.speech(), &self.texts, "tlh").await
    }

    /// How many milliseconds each word begins too early or too late.
    pub fn errors(&self, heard: &Heard) -> Vec<f64> {
        let words = heard.parts.iter().flat_map(|part| &part.words);
        let found: Vec<f64> = words.map(|word| word.start as f64 / f64::from(self.rate)).collect();
        let truth: Vec<f64> = self.truth.iter().flatten().map(|(start, _)| *start).collect();
        assert_eq!(found.len(), truth.len(), "{}", self.name);
        found.iter().zip(&truth).map(|(found, truth)| (found - truth) * 1000.0).collect()
    }

    /// How many milliseconds each text's first word begins before or after the text is first heard.
    pub fn onset_errors(&self, heard: &Heard) -> Vec<f64> {
        let begins = heard.parts.iter().map(|part| part.words[0].start as f64 / f64::from(self.rate));
        begins.zip(&self.onsets).map(|(found, onset)| (found - onset) * 1000.0).collect()
    }
}

/// The median and the 95th percentile of how far off they are.
pub fn summary(errors: &[f64]) -> (f64, f64) {
    let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    (sizes[sizes.len() / 2], sizes[sizes.len() * 95 / 100])
}
