//! Films of more than twelve scenes: rendered in sections, joined so that no joint is seen or heard.

use std::time::{Duration, Instant};

use videofactory_film::assemble;
use videofactory_film::request::{FilmRequest, Scene, SectionFile};
use videofactory_pipeline::timeline::Motion;

use super::support::*;

fn many(set: &Set, count: u32) -> FilmRequest {
    let pictures: Vec<_> = (0..4).map(|n| set.detail(n)).collect();
    let sound = set.babble("v.wav", 0.1, 0.9, 1.0);
    let scenes = (0..count).map(|n| {
        let picture = still(pictures[n as usize % 4].clone(), Motion::for_scene(&format!("s{n}"), 0.5625));
        Scene {
            voice: voice(sound.clone()),
            caption: format!("Scene {n}"),
            ..scene(&format!("s{n}"), picture)
        }
    });
    let mut request = request(scenes.collect());
    request.captions.mode = videofactory_film::request::CaptionMode::Burned;
    request
}

#[tokio::test]
async fn a_join_repeats_no_frame_and_keeps_the_rate() {
    let set = Set::new();
    let request = many(&set, 26);
    let film = set.film(&request).await;
    assert_passed(&film);
    assert_eq!(film.sections.len(), 3);
    // Scenes of 50 frames; cut in the middle of what is no crossfade: 8 and 17 scenes and 31 frames.
    let cuts = [8 * 50 + 31, 16 * 50 + 31];
    let times = facts(&film.path, &["-select_streams", "v", "-show_entries", "packet=pts,flags"]);
    let keys: Vec<i64> = times
        .chunks(2)
        .filter(|pair| pair[1].contains('K'))
        .map(|pair| pair[0].trim_start_matches("pts=").parse::<i64>().unwrap() / 512)
        .collect();
    for cut in cuts {
        assert!(keys.contains(&cut), "no key frame at the cut {cut}: {keys:?}");
    }
    let changes = changes(&grey_frames(&film, request.format));
    for cut in cuts {
        let cut = usize::try_from(cut).unwrap();
        // From the frame before the cut to the one after it, and what is usual around it.
        let across = changes[cut - 1];
        let usual: Vec<f64> = (cut - 7..cut - 1).chain(cut..cut + 6).map(|n| changes[n]).collect();
        let (least, most) =
            (usual.iter().copied().fold(f64::MAX, f64::min), usual.iter().copied().fold(0.0, f64::max));
        assert!(
            across > least * 0.5 && across < most * 2.0,
            "{across:.2} across the cut {cut}, {usual:.2?} around it"
        );
    }
}

#[tokio::test]
async fn an_edit_renders_one_section_again() {
    let set = Set::new();
    let mut request = many(&set, 26);
    request.section_cache = Some(set.path("sections"));
    let first = set.film(&request).await;
    assert!(first.sections.iter().all(|section| !section.reused && section.path.exists()));
    request.scenes[12].voice = voice(set.babble("longer.wav", 0.1, 1.4, 1.5));
    let second = set.film(&request).await;
    assert_passed(&second);
    let reused: Vec<bool> = second.sections.iter().map(|section| section.reused).collect();
    assert_eq!(reused, [true, false, true]);
    assert_eq!(second.frames, first.frames + 15);
}

#[tokio::test]
async fn each_section_is_reported_as_soon_as_it_is_whole() {
    let set = Set::new();
    let mut request = many(&set, 14);
    request.section_cache = Some(set.path("sections"));
    let out = set.path("out");
    std::fs::create_dir_all(&out).unwrap();
    let (mut reported, reached) = (Vec::new(), std::cell::Cell::new(0.0));
    let rendered = |section: &SectionFile| {
        assert!(section.path.exists() && !section.reused);
        reported.push((section.digest.clone(), reached.get()));
    };
    let film = assemble(&request, &out, |share| reached.set(share), rendered).await.unwrap();
    assert_eq!(reported.len(), 2);
    assert!(film.sections.iter().zip(&reported).all(|(section, reported)| section.digest == reported.0));
    assert!(reported[0].1 < 0.6, "the first was reported at {}", reported[0].1);
}

#[tokio::test]
async fn a_broken_section_in_the_cache_is_rendered_again() {
    let set = Set::new();
    let mut request = many(&set, 2);
    request.section_cache = Some(set.path("sections"));
    let first = set.film(&request).await;
    std::fs::write(&first.sections[0].path, b"torn").unwrap();
    let second = set.film(&request).await;
    assert!(!second.sections[0].reused);
    assert_passed(&second);
}

/// The programs that work in this directory or below it.
fn at_work(set: &Set) -> Vec<String> {
    let dir = set.dir.path().canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let here = processes
        .filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&dir)));
    here.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn a_film_that_nobody_waits_for_leaves_no_program_behind() {
    let set = Set::new();
    let mut request = many(&set, 12);
    (request.format.width, request.format.height) = (720, 1280);
    let out = set.path("out");
    std::fs::create_dir_all(&out).unwrap();
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let progress = move |share| {
        if share > 0.1 {
            let _ = begun.send(());
        }
    };
    let film = assemble(&request, &out, progress, |_| ());
    tokio::select! {
        film = film => panic!("the film was finished before it could be given up: {:?}", film.map(|film| film.stages)),
        _ = begins.recv() => {}
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while !at_work(&set).is_empty() {
        assert!(Instant::now() < deadline, "still at work: {:?}", at_work(&set));
        tokio::task::yield_now().await;
    }
}
