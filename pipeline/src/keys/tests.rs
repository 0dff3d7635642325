use proptest::prelude::*;

use super::*;

fn digest() -> Digest {
    Digest::of_bytes(b"x")
}

/// One key of every constructor.
fn all(keys: &Keys, step: StepName, digest: &Digest, target: &str, attempt: i32, number: u32) -> Vec<String> {
    let published = [
        PublishedFile::Film,
        PublishedFile::Thumbnail,
        PublishedFile::Captions(CaptionFormat::Srt),
        PublishedFile::Captions(CaptionFormat::Vtt),
        PublishedFile::Metadata,
        PublishedFile::Record,
        PublishedFile::Video,
        PublishedFile::Session(number),
        PublishedFile::SessionEnd(number),
    ];
    let published = published.map(|file| keys.published(target, file));
    let images = ImageFormat::ALL.map(|format| keys.image(digest, format));
    let captions = CaptionFormat::ALL.map(|format| keys.captions(digest, format));
    let others = [
        keys.document(step, digest),
        keys.script(digest),
        keys.outcome(step, attempt),
        keys.slot(step, digest, number),
        keys.slot_id(step, digest, number),
        keys.slot_end(step, digest, number),
        keys.fencing_token(step, attempt),
        keys.log_chunk(step, attempt, number),
        keys.voice(digest),
        keys.words(digest),
        keys.narration(digest),
        keys.narration_words(digest),
        keys.narration_plan(digest),
        keys.clip(digest),
        keys.section(digest),
        keys.film(digest),
        keys.thumbnail(digest),
        keys.record(target),
    ];
    [&published[..], &images, &captions, &others].concat()
}

#[test]
fn only_kinds_of_files_are_folders_and_all_are_named_as_the_api_names_them() {
    for kind in KINDS {
        assert_eq!(serde_json::to_value(kind).unwrap(), folder(kind));
        assert_eq!(kind_of(folder(kind)), Some(kind));
    }
    assert_eq!((kind_of("assets"), kind_of("")), (None, None));
    assert_eq!(of_job(ObjectKind::Clips, "films", "ocean", "3f9c"), "clips/films/ocean-3f9c/");
}

#[test]
fn names_follow_the_grammar() {
    let keys = Keys::new("films", "ocean", "3f9c2a1e", 2);
    for key in all(&keys, StepName::AnimateScenes, &digest(), "main", 3, 7) {
        let parts: Vec<&str> = key.split('/').collect();
        assert!(kind_of(parts[0]).is_some(), "{key}");
        assert_eq!(&parts[1..4], ["films", "ocean-3f9c2a1e", "r2"], "{key}");
    }
    let step = StepName::AnimateScenes;
    let (digest, owner) = (digest(), "films/ocean-3f9c2a1e/r2");
    assert_eq!(keys.log_chunk(step, 3, 7), format!("work/{owner}/logs/animate-scenes-3/00007.jsonl"));
    let slot = keys.slot(step, &digest, 1);
    assert_eq!(slot, format!("work/{owner}/slots/animate-scenes/{digest}/submit-1.json"));
    assert_eq!(keys.fencing_token(step, 12), format!("work/{owner}/attempts/animate-scenes-12.json"));
    assert_eq!(keys.published("main", PublishedFile::Film), format!("published/{owner}/main/film.mp4"));
}

#[test]
fn prefixes_are_those_of_the_keys_below_them() {
    let (keys, step, digest) = (Keys::new("films", "ocean", "3f9c2a1e", 2), StepName::WriteScript, digest());
    for (key, prefix) in [
        (keys.slot_id(step, &digest, 3), keys.slots_of(step, &digest)),
        (keys.slot_end(step, &digest, 3), keys.slots(step)),
        (keys.fencing_token(step, 4), keys.fencing_tokens(step)),
        (keys.log_chunk(step, 4, 5), keys.logs(step, 4)),
        (keys.narration_words(&digest), keys.narrations()),
        (keys.clip(&digest), keys.clips()),
        (keys.section(&digest), keys.sections()),
        (keys.film(&digest), of_job(ObjectKind::Videos, "films", "ocean", "3f9c2a1e")),
    ] {
        assert!(key.starts_with(&prefix) && key.len() > prefix.len(), "{key} is not under {prefix}");
    }
}

#[test]
fn slots_and_fencing_tokens_are_read_as_they_are_written_and_nothing_else_is() {
    let (keys, step, digest) =
        (Keys::new("films", "ocean", "3f9c2a1e", 2), StepName::AnimateScenes, digest());
    let other = Keys::new("films", "ocean", "3f9c2a1e", 3);
    for (key, part) in [
        (keys.slot(step, &digest, 1), SlotPart::Begin),
        (keys.slot_id(step, &digest, 1), SlotPart::Id),
        (keys.slot_end(step, &digest, 1), SlotPart::End),
    ] {
        assert_eq!(keys.read_slot(step, &key), Some((digest.clone(), 1, part)));
        assert_eq!(keys.read_slot(StepName::GenerateImages, &key), None, "of another step");
        assert_eq!(other.read_slot(step, &key), None, "of another run");
    }
    assert_eq!(keys.read_fencing_token(step, &keys.fencing_token(step, 12)), Some(12));
    assert_eq!(
        keys.read_fencing_token(StepName::GenerateImages, &keys.fencing_token(step, 12)),
        None,
        "of another step"
    );
    let (slots, fencing_tokens) = (keys.slots(step), keys.fencing_tokens(step));
    for name in [
        format!("{digest}/submit-x.json"),
        format!("{digest}/submit-01.json"),
        format!("{digest}/submit-+1.json"),
        format!("{digest}/submit-1.note.json"),
        format!("{digest}/notes.txt"),
        "nonsense/submit-1.json".to_owned(),
    ] {
        assert_eq!(keys.read_slot(step, &format!("{slots}{name}")), None, "{name}");
    }
    for name in ["012.json", "+12.json", "-12.json", "12", "x.json"] {
        assert_eq!(keys.read_fencing_token(step, &format!("{fencing_tokens}{name}")), None, "{name}");
    }
}

#[test]
fn a_tombstone_lies_apart_from_all_files_of_jobs() {
    let key = tombstone("films", "ocean", &digest());
    assert_eq!(key, format!("tombstones/films/ocean/{}.json", digest()));
    assert_eq!((KeyParts::of(&key), kind_of("tombstones")), (None, None));
}

#[test]
fn what_people_call_like_a_job_is_none_of_ours() {
    for key in [
        "videos/demo/trip-2024/r1/beach.mp4",
        "videos/demo/trip-20240807/r1/beach.mp4",
        "clips/demo/holiday-20240807/r2/clips/001.mp4",
        "published/demo/holiday-20240807/r2/main/notes.txt",
        "work/demo/holiday-20240807/r2/notes.json",
    ] {
        assert_eq!(KeyParts::of(key), None, "{key}");
    }
}

#[test]
fn what_is_not_exactly_in_the_grammar_is_none_of_ours() {
    let digest = digest();
    let film = format!("{digest}.mp4");
    assert!(KeyParts::of(&format!("videos/films/ocean-3f9c2a1e/r1/{film}")).is_some());
    for owner in [
        "videos",
        "videos/films/ocean-3f9c2a1e/1",
        "videos/films/ocean-3f9c2a1e/r0",
        "videos/films/ocean-3f9c2a1e/r01",
        "videos/films/ocean-3f9c2a1e/r+1",
        "videos/films/ocean-3f9c2a1e/r-1",
        "videos/films/ocean-3f9c2a1e/r99999999999999999999",
        "videos/films/ocean-3f9c2a1/r1",
        "videos/films/ocean-3f9c2a1e0/r1",
        "videos/films/ocean-3f9c2a1g/r1",
        "videos/films/ocean-3F9C2A1E/r1",
        "videos/films/ocean/r1",
        "videos/films/-3f9c2a1e/r1",
        "videos/films/ocean-/r1",
        "videos/films/Ocean-3f9c2a1e/r1",
        "videos//ocean-3f9c2a1e/r1",
        "videos/fi_lms/ocean-3f9c2a1e/r1",
        "Videos/films/ocean-3f9c2a1e/r1",
        "clips/films/ocean-3f9c2a1e/r1",
        "backups/default",
        "assets/films/ocean-3f9c2a1e/r1",
        "tombstones/films/ocean-3f9c2a1e/r1",
        "/videos/films/ocean-3f9c2a1e/r1",
    ] {
        assert_eq!(KeyParts::of(&format!("{owner}/{film}")), None, "{owner}");
    }
    for file in [
        "work/films/ocean-3f9c2a1e/r1/outcomes/write-script-01.json".to_owned(),
        "work/films/ocean-3f9c2a1e/r1/logs/write-script-1/7.jsonl".to_owned(),
        format!("work/films/ocean-3f9c2a1e/r1/slots/write-scripts/{digest}/submit-1.json"),
        format!("videos/films/ocean-3f9c2a1e/r1/{film}/"),
        format!("videos/films/ocean-3f9c2a1e/r1//{film}"),
        format!("videos/films/ocean-3f9c2a1e/r1/a/{film}"),
        "published/films/ocean-3f9c2a1e/r1/Main/film.mp4".to_owned(),
        "videos/films/ocean-3f9c2a1e/r1/".to_owned(),
        "videos/films/ocean-3f9c2a1e/r1".to_owned(),
    ] {
        assert_eq!(KeyParts::of(&file), None, "{file}");
    }
}

fn label(longest: usize) -> impl Strategy<Value = String> {
    let inside = format!("[a-z0-9]([-a-z0-9]{{0,{}}}[a-z0-9])?", longest - 2);
    prop::string::string_regex(&inside).unwrap()
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    let job = (label(MAX_NAMESPACE), label(MAX_NAME), "[0-9a-f]{8}", 1..9_999_i64);
    let file = (0..StepName::ALL.len(), any::<u64>(), label(32), 0..i32::MAX, any::<u32>());
    (job, file).prop_map(|((namespace, name, id, run), (step, seed, target, attempt, number))| {
        let digest = Digest::of_bytes(&seed.to_le_bytes());
        all(&Keys::new(&namespace, &name, &id, run), StepName::ALL[step], &digest, &target, attempt, number)
    })
}

/// A text with one place changed: a character left out, put in, or in the place of another.
fn damaged(text: &str, at: usize, how: u8, by: char) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = at % letters.len();
    match how % 3 {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, by),
        _ => letters[at] = by,
    }
    letters.into_iter().collect()
}

proptest! {
    #[test]
    fn every_key_that_is_made_is_read_again(keys in keys()) {
        for key in keys {
            let parts = KeyParts::of(&key);
            prop_assert!(parts.is_some(), "{key}");
            prop_assert_eq!(made_of(&parts.unwrap()), key);
        }
    }

    #[test]
    fn whatever_is_read_could_have_been_made(
        keys in keys(), which in any::<usize>(), at in any::<usize>(), how in any::<u8>(),
        by in prop::sample::select("abcdefgz0159-./rAZ_ \n".chars().collect::<Vec<_>>()),
    ) {
        let key = damaged(&keys[which % keys.len()], at, how, by);
        if let Some(parts) = KeyParts::of(&key) {
            prop_assert_eq!(&made_of(&parts), &key);
            prop_assert!(is_id(parts.id) && parts.run > 0);
        }
    }
}

/// The key that the constructors make of what was read.
fn made_of(parts: &KeyParts<'_>) -> String {
    let keys = Keys::new(parts.namespace, parts.name, parts.id, parts.run);
    keys.key(File::read(parts.kind, parts.file).unwrap())
}
