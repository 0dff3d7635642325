use proptest::prelude::*;
use videofactory_embedded::Embedded;
use videofactory_providers::{Model, NarrationRequest, Narrator};

use super::*;

const RATE: u32 = 24_000;

/// A sound of hums and silences, each so many milliseconds: hum, silence, hum, …
fn sound(milliseconds: &[u32]) -> Speech {
    let mut samples = Vec::new();
    for (place, length) in milliseconds.iter().enumerate() {
        let count = usize::try_from(RATE / 1000 * length).unwrap();
        if place % 2 == 0 {
            samples.extend((0..count).map(|n| if (n / 60) % 2 == 0 { 9000 } else { -9000 }));
        } else {
            samples.extend(std::iter::repeat_n(0, count));
        }
    }
    Speech { samples, sample_rate: RATE, words: Vec::new(), level: TimingLevel::Estimated }
}

fn estimated(speech: &Speech, texts: &[String]) -> Vec<Speech> {
    cut(speech, &compare(speech, texts, None))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn milliseconds(speech: &Speech) -> u128 {
    speech.duration().as_millis()
}

#[test]
fn texts_are_parted_at_the_pauses_between_them() {
    // Four syllables, and two: the comma's pause is no end.
    let speech = sound(&[400, 200, 400, 900, 400]);
    let parts = estimated(&speech, &texts(&["Sun moon, dust stars.", "Red fish."]));
    // Of the silence 60 ms before and 120 ms after stay.
    assert_eq!((milliseconds(&parts[0]), milliseconds(&parts[1])), (1120, 460));
    let heard: Vec<&str> = parts[0].words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(heard, ["Sun", "moon,", "dust", "stars."]);
    let ms = |samples: u64| samples * 1000 / u64::from(RATE);
    // The first two words are before the comma's pause, the others after it.
    assert_eq!((ms(parts[0].words[1].end), ms(parts[0].words[2].start)), (400, 600));
    assert_eq!(ms(parts[1].words[0].start), 60);
}

#[test]
fn a_speech_without_pauses_is_parted_by_syllables() {
    let parts = estimated(&sound(&[3000]), &texts(&["Red fish.", "Sun moon dust stars."]));
    assert!((950..=1050).contains(&milliseconds(&parts[0])), "{}", milliseconds(&parts[0]));
    assert_eq!(milliseconds(&parts[0]) + milliseconds(&parts[1]), 3000);
}

#[test]
fn silence_is_parted_too() {
    let speech = Speech { samples: vec![0; 48_000], ..sound(&[]) };
    let parts = estimated(&speech, &texts(&["One.", "Two.", "Three."]));
    assert!(parts.iter().all(|part| !part.samples.is_empty() && part.words.len() == 1));
}

/// Real speech of several texts with a pause between them, and where each of them begins and ends in it.
async fn spoken(texts: &[String], pause: f64) -> (Speech, Vec<(usize, usize)>) {
    let request = NarrationRequest {
        model: Model::default(),
        texts: texts.to_vec(),
        language: "en".to_owned(),
        voice: String::new(),
        speed: 1.0,
    };
    let speeches = Embedded.narrate(&request).await.unwrap();
    let mut whole = Speech { samples: Vec::new(), ..speeches[0].clone() };
    let mut places = Vec::new();
    for speech in &speeches {
        let from = whole.samples.len();
        whole.samples.extend(&speech.samples);
        places.push((from, whole.samples.len()));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a second or so")]
        let silence = (pause * f64::from(whole.sample_rate)) as usize;
        whole.samples.extend(std::iter::repeat_n(0, silence));
    }
    (whole, places)
}

#[tokio::test]
async fn a_whole_films_narration_is_parted_where_its_scenes_meet() {
    let texts = texts(&[
        "The deep sea begins where the light ends. Two hundred metres down, the blue turns black.",
        "Here, fish make their own light. Some lure their prey with it; others hide behind it. A few do both!",
        "In 1960, two people went to the bottom.",
        "They stayed for twenty minutes, ate a chocolate bar, and saw a flat, pale fish. Or so they said.",
        "Since then more people have walked on the moon.",
        "What else is down there? Nobody knows.",
    ]);
    for pause in [0.8, 0.45] {
        let (whole, places) = spoken(&texts, pause).await;
        let parts = estimated(&whole, &texts);
        // Where each part was cut out: its sound is found again.
        let mut from = 0;
        for (part, (begins, ends)) in parts.iter().zip(&places) {
            let at = from + find(&whole.samples[from..], &part.samples).expect("a part that is no part");
            from = at + part.samples.len();
            let near = |one: usize, other: usize| one.abs_diff(other) < whole.sample_rate as usize * 35 / 100;
            assert!(
                near(at, *begins) && near(from, *ends),
                "pause {pause}: {at}..{from}, not {begins}..{ends}"
            );
        }
    }
}

fn find(all: &[i16], part: &[i16]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_text_has_a_part_with_all_its_words_in_order(
        lengths in proptest::collection::vec(20u32..1500, 0..24),
        words in proptest::collection::vec(proptest::collection::vec("[a-z]{1,9}[.,!]?", 1..12), 1..7),
    ) {
        let texts: Vec<String> = words.iter().map(|words| words.join(" ")).collect();
        let speech = sound(&lengths);
        let parts = estimated(&speech, &texts);
        prop_assert_eq!(parts.len(), texts.len());
        prop_assert!(parts.iter().map(|part| part.samples.len()).sum::<usize>() <= speech.samples.len());
        for (part, words) in parts.iter().zip(&words) {
            let heard: Vec<&str> = part.words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(&heard, words);
            let mut last = 0;
            for word in &part.words {
                prop_assert!(last <= word.start && word.start <= word.end);
                prop_assert!(word.end <= part.samples.len() as u64);
                last = word.end;
            }
        }
    }
}
