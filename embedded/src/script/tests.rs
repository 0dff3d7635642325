use std::time::Duration;

use proptest::prelude::*;
use videofactory_providers::capability::Character;

use super::*;

fn request(topic: &str, language: &str, scene_count: usize, target: u64) -> ScriptRequest {
    ScriptRequest {
        model: videofactory_providers::Model::default(),
        topic: topic.to_owned(),
        language: language.to_owned(),
        target: Duration::from_secs(target),
        max: Duration::from_secs(target.max(180)),
        scene_count,
        style: String::new(),
        characters: Vec::new(),
        revision: None,
    }
}

fn estimate(script: &Script, language: &str) -> f64 {
    let (_, pace) = phrases_for(language).unwrap();
    pace.film_seconds(script.scenes.iter().map(|scene| scene.narration.as_str()))
}

#[test]
fn a_promise_of_three_facts_is_kept_in_the_scenes_between_hook_and_close() {
    use Role::{Close, Hook, Item, Remark, Twist};
    assert_eq!(roles(6, Some(3)), [Hook, Item(1), Item(2), Item(3), Twist, Close]);
    assert_eq!(roles(7, Some(3)), [Hook, Item(1), Item(2), Remark, Item(3), Twist, Close]);
    assert_eq!(roles(4, None), [Hook, Item(1), Item(2), Close]);
    assert_eq!(roles(2, Some(3)), [Hook, Close]);
    assert_eq!(roles(1, None), [Hook]);
}

#[test]
fn a_language_without_phrases_is_refused_with_what_to_do() {
    let error = write(&request("Topic", "tlh", 3, 30)).unwrap_err().to_string();
    assert!(error.contains("spec.scenes") && error.contains("en, de, fr"), "{error}");
}

#[test]
fn every_language_with_phrases_has_a_pace() {
    for language in languages() {
        assert!(phrases_for(language).is_ok(), "{language} has none");
    }
}

#[test]
fn what_says_nothing_of_its_topic_is_not_counted_as_facts() {
    let label = |script: &Script| script.scenes.iter().any(|scene| scene.narration.contains("Number 1."));
    for (topic, known) in [("Three facts about cats", true), ("Three facts about tax law", false)] {
        assert_eq!(knows(topic, "en-GB"), known, "{topic}");
        assert_eq!(label(&write(&request(topic, "en", 6, 60)).unwrap()), known, "{topic}");
    }
    assert!(!knows("Warum Katzen schnurren", "de"));
}

#[test]
fn a_video_without_topic_or_with_an_impossible_number_of_scenes_is_refused() {
    assert!(write(&request("  ", "en", 3, 30)).unwrap_err().to_string().contains("spec.topic"));
    for count in [0, 201] {
        assert!(write(&request("Topic", "en", count, 30)).unwrap_err().to_string().contains("1 to 200"));
    }
}

#[test]
fn more_scenes_than_the_longest_length_holds_are_refused() {
    let request = ScriptRequest { max: Duration::from_secs(45), ..request("Stars", "en", 200, 45) };
    let error = write(&request).unwrap_err().to_string();
    assert!(error.contains("spec.sceneCount"), "{error}");
}

#[test]
fn the_first_picture_is_a_title_card_and_characters_appear_in_the_others() {
    let hero = Character {
        name: "Captain Lund".to_owned(),
        description: "an old sailor".to_owned(),
        ..Character::default()
    };
    let script =
        write(&ScriptRequest { characters: vec![hero], ..request("The \"sea\"", "en", 4, 30) }).unwrap();
    assert!(script.scenes[0].image_prompt.starts_with("title card \"The 'sea'\","), "{:?}", script.scenes[0]);
    assert!(script.scenes[1..].iter().all(|scene| scene.image_prompt.ends_with("with Captain Lund")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_script_has_the_scenes_and_the_length_asked_for(
        language in prop::sample::select(languages::LANGUAGES.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        topic in prop::sample::select(vec!["The deep ocean", "Five facts about cats", "Tax law", "Why is the sky blue?", "宇宙", "Космос"]),
        scenes in 1usize..=200,
        scene_seconds in 4u64..=20,
    ) {
        let target = scenes as u64 * scene_seconds;
        let request = request(topic, language, scenes, target);
        let script = write(&request).unwrap();
        prop_assert_eq!(script.scenes.len(), scenes);
        prop_assert!(script.title.chars().count() <= 100 && !script.title.is_empty());
        prop_assert!(script.tags.iter().all(|tag| tag.chars().count() <= 30));
        for scene in &script.scenes {
            prop_assert!(scene.narration.chars().any(char::is_alphanumeric));
            let unfilled = scene.narration.contains('{') || scene.image_prompt.contains('{');
            prop_assert!(!unfilled);
        }
        let seconds = estimate(&script, language);
        let off = (seconds / target as f64 - 1.0).abs();
        prop_assert!(off < 0.15 || (seconds - target as f64).abs() < 4.0, "{} s for {} s: {:?}", seconds, target, script);
        prop_assert_eq!(&write(&request).unwrap(), &script);
    }

    #[test]
    fn neighbouring_scenes_never_look_or_sound_the_same(
        language in prop::sample::select(languages::LANGUAGES.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        scenes in 2usize..=60,
    ) {
        let script = write(&request("A walk in the park", language, scenes, scenes as u64 * 6)).unwrap();
        for pair in script.scenes.windows(2) {
            prop_assert_ne!(&pair[0].narration, &pair[1].narration);
            prop_assert_ne!(&pair[0].image_prompt, &pair[1].image_prompt);
        }
    }
}
