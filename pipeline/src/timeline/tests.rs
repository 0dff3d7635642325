use proptest::prelude::*;

use super::*;

fn rate() -> impl Strategy<Value = FrameRate> {
    proptest::sample::select(vec![24, 25, 30, 48, 50, 60]).prop_map(|fps| FrameRate::new(fps).unwrap())
}

fn needs() -> impl Strategy<Value = SceneNeeds> {
    (proptest::option::of(1u64..900_000), prop_oneof![Just(0.0), 0.1f64..20.0])
        .prop_map(|(voice, least_seconds)| SceneNeeds { voice: voice.map(Samples), least_seconds })
}

fn film() -> impl Strategy<Value = Timeline> {
    (rate(), 0.0f64..2.0, proptest::collection::vec(needs(), 1..60))
        .prop_map(|(rate, crossfade, scenes)| Timeline::lay_out(rate, crossfade, &scenes).unwrap())
}

fn six_voices(seconds: f64) -> Timeline {
    let scene = SceneNeeds { voice: Some(Samples::nearest(seconds)), least_seconds: 0.0 };
    Timeline::lay_out(FrameRate::new(30).unwrap(), 0.4, &[scene; 6]).unwrap()
}

#[test]
fn a_film_lasts_its_scenes_and_one_crossfade() {
    let film = six_voices(4.0);
    // Lead 12 frames (the crossfade), voice 120, tail 8.
    assert_eq!(film.scenes[0].length, Frames(140));
    assert_eq!(film.frames(), Frames(6 * 140 + 12));
    assert_eq!(film.samples(), Samples((6 * 140 + 12) * 1600));
}

#[test]
fn a_film_without_scenes_is_refused() {
    let rate = FrameRate::new(30).unwrap();
    assert_eq!(Timeline::lay_out(rate, 0.4, &[]), Err(LayOutError::FindNoScene));
}

#[test]
fn an_endless_crossfade_is_refused() {
    let rate = FrameRate::new(30).unwrap();
    for seconds in [-0.1, 2.1, f64::NAN] {
        assert!(Timeline::lay_out(rate, seconds, &[SceneNeeds::default()]).is_err(), "{seconds} s was taken");
    }
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    let scene = SceneNeeds { voice: None, least_seconds: f64::NAN };
    let laid_out = Timeline::lay_out(FrameRate::new(30).unwrap(), 0.0, &[scene]);
    assert!(matches!(laid_out, Err(LayOutError::ReadLength { scene: 0, .. })));
}

#[test]
fn a_rate_without_whole_samples_is_refused() {
    assert_eq!(FrameRate::new(29), Err(UnsupportedRate(29)));
}

#[test]
fn a_short_film_is_one_section() {
    assert_eq!(six_voices(4.0).sections(MAX_SCENES_A_SECTION).len(), 1);
}

#[test]
fn an_edit_leaves_later_sections_as_they_were() {
    let scene = SceneNeeds { voice: Some(Samples(200_000)), least_seconds: 0.0 };
    let rate = FrameRate::new(30).unwrap();
    let mut scenes = vec![scene; 40];
    let before = Timeline::lay_out(rate, 0.4, &scenes).unwrap().sections(MAX_SCENES_A_SECTION);
    scenes[3].voice = Some(Samples(260_000));
    let after = Timeline::lay_out(rate, 0.4, &scenes).unwrap().sections(MAX_SCENES_A_SECTION);
    assert_ne!(before[0].parts, after[0].parts);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after).skip(1) {
        assert_eq!(before.parts, after.parts);
    }
}

#[test]
fn captions_files_keep_milliseconds_below_a_thousand() {
    let rate = FrameRate::new(60).unwrap();
    let cue = Cue {
        span: Span { from: Frames(59), to: Frames(60 * 3600 + 59) },
        lines: vec!["Salt & <light>".to_owned(), "below".to_owned()],
    };
    assert_eq!(
        srt(rate, std::slice::from_ref(&cue)),
        "1\n00:00:00,983 --> 01:00:00,983\nSalt & <light>\nbelow\n\n"
    );
    assert_eq!(
        vtt(rate, std::slice::from_ref(&cue)),
        "WEBVTT\n\n00:00:00.983 --> 01:00:00.983\nSalt &amp; &lt;light&gt;\nbelow\n\n"
    );
}

#[test]
fn the_same_seed_moves_the_same_way_and_others_differ() {
    let moves: Vec<Motion> = (0..12).map(|i| Motion::for_scene(&format!("s{i}"), 0.5625)).collect();
    assert_eq!(moves[3], Motion::for_scene("s3", 0.5625));
    assert!(moves.iter().any(|motion| motion.from.w > motion.to.w), "none zooms in");
    assert!(moves.iter().any(|motion| motion.from.w < motion.to.w), "none zooms out");
}

proptest! {
    #[test]
    fn scenes_follow_without_a_gap_and_sum_to_the_film(film in film()) {
        let mut next = Frames(0);
        for place in &film.scenes {
            prop_assert_eq!(place.start, next);
            prop_assert_eq!(place.picture, place.length + film.crossfade);
            prop_assert!(place.length > film.crossfade, "no picture of its own");
            next = place.start + place.length;
        }
        let sum: Frames = film.scenes.iter().map(|place| place.length).sum();
        prop_assert_eq!(film.frames(), sum + film.crossfade);
    }

    #[test]
    fn no_voice_is_heard_in_a_crossfade(film in film()) {
        for place in film.scenes.iter().filter(|place| place.voice > Samples(0)) {
            prop_assert!(place.voice_at >= film.rate.samples(place.start + film.crossfade));
            prop_assert!(place.voice_at + place.voice <= film.rate.samples(place.start + place.length));
        }
    }

    #[test]
    fn sections_tile_the_film(film in film(), most in 2usize..14) {
        let sections = film.sections(most);
        let mut next = Frames(0);
        for section in &sections {
            prop_assert_eq!(section.start, next);
            prop_assert!(section.parts.len() <= most);
            next = section.start + section.frames;
            let first = &section.parts[0];
            prop_assert_eq!(first.at, Frames(0));
            let last = section.parts.last().unwrap();
            prop_assert_eq!(last.at + last.frames, section.frames);
            for pair in section.parts.windows(2) {
                prop_assert_eq!(pair[0].at + pair[0].frames, pair[1].at + film.crossfade);
                prop_assert!(pair[0].frames >= film.crossfade);
                prop_assert_eq!(pair[1].skip, Frames(0));
            }
        }
        prop_assert_eq!(next, film.frames());
        for pair in sections.windows(2) {
            let (before, after) = (pair[0].parts.last().unwrap(), &pair[1].parts[0]);
            prop_assert_eq!(before.scene, after.scene);
            prop_assert_eq!(before.skip + before.frames, after.skip);
            prop_assert!(before.frames > film.crossfade || film.scenes.len() == 1, "cut in a crossfade");
        }
    }

    #[test]
    fn captions_ascend_without_overlap_inside_their_scene(
        film in film(),
        times in proptest::collection::vec((-1.0f64..30.0, -1.0f64..30.0), 0..8),
    ) {
        let spoken: Vec<Interval> = times.iter().map(|(start, end)| Interval { start: *start, end: *end }).collect();
        for (scene, place) in film.scenes.iter().enumerate() {
            let mut free = place.start;
            for span in film.spans(scene, &spoken) {
                prop_assert!(span.from >= free && span.to > span.from);
                free = span.to;
            }
            prop_assert!(free <= place.start + place.length);
        }
    }

    #[test]
    fn an_ass_event_begins_between_its_frame_and_the_one_before(rate in rate(), frame in 1u64..400_000) {
        let text = ass_time(rate, Frames(frame));
        let parts: Vec<f64> = text.split(':').map(|part| part.parse().unwrap()).collect();
        let seconds = parts[0] * 3600.0 + parts[1] * 60.0 + parts[2];
        prop_assert!(seconds > rate.seconds(Frames(frame - 1)) + 0.001, "{} begins a frame early", text);
        prop_assert!(seconds < rate.seconds(Frames(frame)) - 0.000_9, "{} begins a frame late", text);
    }

    #[test]
    fn a_window_never_leaves_its_picture(seed in "[a-z0-9]{1,12}", aspect in 0.5f64..2.0, time in 0.0f64..1.0) {
        let window = Motion::for_scene(&seed, aspect).at(time);
        prop_assert!(window.x >= 0.0 && window.y >= 0.0);
        prop_assert!(window.x + window.w <= 1.0 + 1e-9 && window.y + window.h <= 1.0 + 1e-9);
        prop_assert!((window.w - window.h).abs() < 1e-12);
    }
}
