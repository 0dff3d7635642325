//! What is heard: the loudness asked for, voices in front, music behind them.

use videofactory_film::request::{AudioSource, CheckAction, CheckName, CheckOutcome, Music, Scene};
use videofactory_film::sound::pcm::{Pcm, Source};
use videofactory_pipeline::timeline::{Motion, Samples};

use super::support::*;

fn moving(set: &Set, n: u32) -> videofactory_film::request::Picture {
    still(set.detail(n), Motion::for_scene(&format!("s{n}"), 0.5625))
}

#[tokio::test]
async fn voices_of_any_level_over_music_reach_the_loudness_asked_for() {
    let set = Set::new();
    let voices = [
        ("whisper.wav", "0.03*(random(0)-0.5)*(0.6+0.4*sin(2*PI*3*t))"),
        ("shout.wav", "clip(2*sin(2*PI*140*t)+0.6*sin(2*PI*5100*t)\\,-0.99\\,0.99)*(0.5+0.5*sin(2*PI*2*t))"),
        ("clicks.wav", "0.2*sin(2*PI*200*t)+if(lt(mod(t\\,0.25)\\,0.0005)\\,0.9\\,0)"),
    ];
    let scenes = voices.iter().enumerate().map(|(n, (name, expression))| {
        let sound = set.sound(name, expression, 3.0);
        Scene { voice: voice(sound), ..scene(name, moving(&set, n as u32)) }
    });
    let mut request = request(scenes.collect());
    request.audio.music = Music::Generated { seed: "loud".to_owned() };
    let film = set.film(&request).await;
    assert_passed(&film);
    let (integrated, peak) = loudness(&film);
    assert!((integrated + 14.0).abs() <= 0.5, "{integrated} LUFS");
    assert!(peak <= -1.0, "{peak} dBTP");
    let sound = samples(&film);
    let spoken: Vec<f64> =
        (0..3).map(|n| level(&sound, 0.9 + f64::from(n) * 3.667, 2.9 + f64::from(n) * 3.667)).collect();
    let spread =
        spoken.iter().copied().fold(f64::MIN, f64::max) - spoken.iter().copied().fold(f64::MAX, f64::min);
    assert!(spread < 7.0, "voices lie {spread:.1} dB apart: {spoken:?}");
}

#[tokio::test]
async fn scenes_are_equally_loud_whatever_the_level_of_their_voices() {
    let set = Set::new();
    let spoken = [
        ("slt", 0.05, "Deep below the waves lies a world that sunlight never reaches."),
        ("rms", 1.0, "The pressure is a thousand times greater than at the surface."),
        ("awb", 0.4, "Some jellyfish are older than the dinosaurs, and never die."),
        ("kal16", 2.5, "What else is waiting down there? Nobody knows it yet."),
    ];
    let mut lengths = Vec::new();
    let scenes = spoken.iter().enumerate().map(|(n, (name, gain, text))| {
        let (path, seconds) = set.speech(&format!("{name}.wav"), name, text, *gain);
        lengths.push(seconds);
        Scene { voice: voice(path), min_seconds: 6.0, ..scene(name, moving(&set, n as u32)) }
    });
    let mut request = request(scenes.collect());
    for music in [Music::None, Music::Generated { seed: "even".to_owned() }] {
        request.audio.music = music;
        let film = set.film(&request).await;
        assert_passed(&film);
        // Each voice begins with the end of the crossfade into its scene.
        let begins = (0..4).map(|n| f64::from(n) * 6.0 + 0.4);
        let heard: Vec<f64> =
            begins.zip(&lengths).map(|(at, length)| loudness_between(&film, at, at + length)).collect();
        let spread =
            heard.iter().copied().fold(f64::MIN, f64::max) - heard.iter().copied().fold(f64::MAX, f64::min);
        assert!(spread <= 1.0, "scenes lie {spread:.1} LU apart: {heard:?}");
    }
}

#[tokio::test]
async fn other_targets_are_reached_too() {
    let set = Set::new();
    let mut request = request(vec![Scene {
        voice: voice(set.babble("v.wav", 0.2, 3.8, 4.0)),
        ..scene("one", moving(&set, 0))
    }]);
    (request.audio.loudness, request.audio.true_peak) = (-23.0, -3.0);
    let (integrated, peak) = loudness(&set.film(&request).await);
    assert!((integrated + 23.0).abs() <= 0.5 && peak <= -3.0, "{integrated} LUFS, {peak} dBTP");
}

#[tokio::test]
async fn short_music_loops_without_a_gap_steps_back_and_fades_out() {
    let set = Set::new();
    let music = set.sound("music.wav", "0.2*sin(2*PI*2000*t)", 3.0);
    let mut request = request(vec![
        Scene { min_seconds: 4.0, ..scene("silent", moving(&set, 0)) },
        Scene {
            voice: voice(set.sound("v.wav", "0.5*sin(2*PI*150*t)", 4.0)),
            ..scene("spoken", moving(&set, 1))
        },
        Scene { min_seconds: 5.0, ..scene("after", moving(&set, 2)) },
    ]);
    request.audio.music = Music::File { path: music };
    let film = set.film(&request).await;
    assert_passed(&film);
    let sound = above(&film, 1200);
    let alone = level(&sound, 0.5, 3.5);
    let tenths: Vec<f64> =
        (3..38).map(|n| level(&sound, f64::from(n) / 10.0, f64::from(n) / 10.0 + 0.1)).collect();
    assert!(tenths.iter().all(|level| (level - alone).abs() < 4.0), "the loop is uneven: {tenths:?}");
    let ducked = alone - level(&sound, 5.5, 8.0);
    assert!((ducked - 8.0).abs() < 1.0, "the music steps back by {ducked:.1} dB");
    let faded = alone - level(&sound, film.seconds - 0.2, film.seconds - 0.05);
    assert!(faded > 15.0, "the music ends only {faded:.1} dB down");
}

#[tokio::test]
async fn long_music_is_decoded_no_further_than_it_is_heard() {
    let set = Set::new();
    let music = set.sound("music.wav", "0.2*sin(2*PI*300*t)+if(lt(t,0.4),0.2*sin(2*PI*5000*t),0)", 60.0);
    let source = || Source { what: "the music".to_owned(), path: &music, stretch: 1.0, most: Some(4.5) };
    let decoded = Pcm::decode(&[source()], set.dir.path(), "music").await.unwrap().remove(0);
    assert_eq!(decoded.length, Samples(4 * 48_000 + 24_000));
    let mut request = request(vec![Scene { min_seconds: 4.0, ..scene("silent", moving(&set, 0)) }]);
    request.audio.music = Music::File { path: music.clone() };
    let film = set.film(&request).await;
    assert_passed(&film);
    let high = above(&film, 2500);
    let (begins, ends) = (level(&high, 0.1, 0.3), level(&high, film.seconds - 1.0, film.seconds - 0.1));
    assert!(ends < begins - 40.0, "the music begins again under its end: {begins:.0} dB, then {ends:.0} dB");
}

#[tokio::test]
async fn clips_are_heard_when_their_own_sound_is_asked_for() {
    let set = Set::new();
    let tone = |name: &str, frequency: u32| {
        let sound = format!("aevalsrc='0.3*sin(2*PI*{frequency}*t)*(0.6+0.4*sin(2*PI*3*t))':s=44100:d=3");
        set.make(&[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=120x90:r=30:d=3",
            "-f",
            "lavfi",
            "-i",
            &sound,
            "-pix_fmt",
            "yuv420p",
            name,
        ])
    };
    let mut request =
        request(vec![scene("one", clip(tone("a.mp4", 400))), scene("two", clip(tone("b.mp4", 700)))]);
    request.audio.source = AudioSource::Clips;
    let film = set.film(&request).await;
    assert_passed(&film);
    // Each is shown whole: twice 2.6 s and the crossfade.
    assert!((film.seconds - 5.6).abs() < 0.05, "{} s", film.seconds);
    let (integrated, _) = loudness(&film);
    assert!((integrated + 14.0).abs() <= 0.5, "{integrated} LUFS");
    assert!(level(&samples(&film), 2.5, 3.1) > -25.0, "the crossfade is a hole");
}

#[tokio::test]
async fn a_voice_that_is_not_heard_fails_the_film() {
    let set = Set::new();
    let mut request = request(vec![
        Scene { voice: voice(set.babble("v.wav", 0.2, 2.8, 3.0)), ..scene("heard", moving(&set, 0)) },
        Scene { voice: voice(set.sound("mute.wav", "0", 3.0)), ..scene("mute", moving(&set, 1)) },
    ]);
    let film = set.film(&request).await;
    let silence = film.checks.iter().find(|check| check.name == CheckName::Silence).unwrap();
    assert_eq!(silence.outcome, CheckOutcome::Failed);
    assert!(silence.message.contains("scene mute"), "{}", silence.message);
    assert!(film.failed() && film.path.exists(), "the failed film was not kept");
    request.checks.silence = CheckAction::Off;
    assert!(!set.film(&request).await.failed(), "a check that is off failed the film");
}

#[tokio::test]
async fn a_silent_film_is_a_film() {
    let set = Set::new();
    let film = set.film(&request(vec![scene("one", moving(&set, 0))])).await;
    assert_passed(&film);
    assert!(samples(&film).iter().all(|sample| sample.abs() < 1e-4));
}
