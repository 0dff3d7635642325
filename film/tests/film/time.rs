//! Everything happens when the timeline says.

use videofactory_film::request::{ClipFit, FilmRequest, Format, Scene, TransitionKind};
use videofactory_pipeline::timeline::FrameRate;

use super::support::*;

/// The voice begins 0.4 s into a scene (the crossfade), and beeps 0.6 s later.
const BEEP: f64 = 0.6;
const FLASH: f64 = 1.0;

/// A textured clip that is white for 0.1 s from `flash` on.
fn flash_clip(set: &Set, name: &str, rate: u32, seconds: f64, flash: f64) -> std::path::PathBuf {
    let source = format!("testsrc2=s=120x90:r={rate}:d={seconds}");
    let to = flash + 0.099;
    let filter = format!(
        "eq=brightness=-0.35,drawbox=c=white:t=fill:w=iw:h=ih:enable='between(t,{},{to})',format=yuv420p",
        flash - 0.001
    );
    set.make(&["-f", "lavfi", "-i", &source, "-vf", &filter, "-g", "12", name])
}

fn beep(set: &Set, name: &str, seconds: f64) -> std::path::PathBuf {
    set.sound(name, &format!("if(between(t,{BEEP},{BEEP}+0.1),0.8*sin(2*PI*1000*(t-{BEEP})),0)"), seconds)
}

fn flash_and_beep(set: &Set, id: &str, clip_path: std::path::PathBuf, seconds: f64, fit: ClipFit) -> Scene {
    let sound = beep(set, &format!("{id}.wav"), seconds);
    Scene { voice: voice(sound), fit, ..scene(id, clip(clip_path)) }
}

fn assert_together(film: &videofactory_film::Film, request: &FilmRequest) {
    let rate = f64::from(request.format.fps.per_second());
    let seen = flashes(&brightness(&grey_frames(film, request.format)), rate);
    let heard = onsets(&samples(film), 0.05);
    assert_eq!(seen.len(), request.scenes.len(), "flashes at {seen:?}");
    assert_eq!(heard.len(), request.scenes.len(), "beeps at {heard:?}");
    for ((seen, heard), scene) in seen.iter().zip(&heard).zip(&request.scenes) {
        let apart = (seen - heard).abs();
        assert!(apart <= 1.0 / rate, "{}: flash at {seen:.3} s, beep at {heard:.3} s", scene.id);
    }
}

fn mixed_scenes(set: &Set) -> Vec<Scene> {
    vec![
        flash_and_beep(set, "enough-24", flash_clip(set, "a.mp4", 24, 4.0, FLASH), 2.0, ClipFit::Slow),
        flash_and_beep(set, "short-25-held", flash_clip(set, "b.mp4", 25, 2.0, FLASH), 3.0, ClipFit::Hold),
        flash_and_beep(
            set,
            "short-30-slowed",
            flash_clip(set, "c.mp4", 30, 2.0, FLASH / 1.2),
            2.0,
            ClipFit::Slow,
        ),
        flash_and_beep(set, "long-voice", flash_clip(set, "d.mp4", 30, 4.0, FLASH), 18.0, ClipFit::Hold),
        flash_and_beep(set, "long-clip", flash_clip(set, "e.mp4", 24, 15.0, FLASH), 2.0, ClipFit::Slow),
        flash_and_beep(set, "last-25", flash_clip(set, "f.mp4", 25, 5.0, FLASH), 2.5, ClipFit::Slow),
    ]
}

#[tokio::test]
async fn flash_and_beep_coincide_in_every_scene_whatever_the_clips() {
    let set = Set::new();
    let request = request(mixed_scenes(&set));
    let film = set.film(&request).await;
    assert_together(&film, &request);
    // Lead 12 frames, tail 8, and one crossfade of 12 at the end.
    let frames = [2.0, 3.0, 2.0, 18.0, 2.0, 2.5].iter().map(|voice| voice * 30.0 + 20.0).sum::<f64>() + 12.0;
    assert_eq!(film.frames, frames as u64);
}

#[tokio::test]
async fn flash_and_beep_coincide_with_hard_cuts_at_25_frames() {
    let set = Set::new();
    let mut scenes = vec![
        flash_and_beep(&set, "one", flash_clip(&set, "a.mp4", 30, 4.0, BEEP + 0.32), 2.0, ClipFit::Slow),
        flash_and_beep(&set, "two", flash_clip(&set, "b.mp4", 24, 4.0, BEEP + 0.32), 2.0, ClipFit::Slow),
    ];
    scenes[1].min_seconds = 3.5;
    let mut request = request(scenes);
    request.transition.kind = TransitionKind::Cut;
    request.format = Format { fps: FrameRate::new(25).unwrap(), ..request.format };
    let film = set.film(&request).await;
    assert_together(&film, &request);
    // Lead 8 frames, voice 50, tail 7; the second as long as was asked for.
    assert_eq!(film.frames, 65 + 88);
}

#[tokio::test]
async fn the_file_is_what_players_expect() {
    let set = Set::new();
    let request = request(vec![
        flash_and_beep(&set, "one", flash_clip(&set, "a.mp4", 24, 4.0, FLASH), 2.0, ClipFit::Slow),
        flash_and_beep(&set, "two", flash_clip(&set, "b.mp4", 25, 4.0, FLASH), 2.0, ClipFit::Slow),
    ]);
    let film = set.film(&request).await;
    let video = facts(
        &film.path,
        &[
            "-select_streams",
            "v",
            "-show_entries",
            "stream=codec_name,profile,width,height,pix_fmt,color_space,color_range,r_frame_rate,avg_frame_rate,start_time,nb_frames",
        ],
    );
    for fact in [
        "codec_name=h264",
        "profile=High",
        "width=90",
        "height=160",
        "pix_fmt=yuv420p",
        "color_space=bt709",
        "color_range=tv",
        "r_frame_rate=30/1",
        "avg_frame_rate=30/1",
        "start_time=0.000000",
        "nb_frames=172",
    ] {
        assert!(video.contains(&fact.to_owned()), "no {fact} in {video:?}");
    }
    let audio = facts(
        &film.path,
        &["-select_streams", "a", "-show_entries", "stream=codec_name,sample_rate,channels,start_time"],
    );
    assert_eq!(audio, ["codec_name=aac", "sample_rate=48000", "channels=2", "start_time=0.000000"]);
    let heard = samples(&film).len() as f64 / 48_000.0;
    assert!((heard - film.seconds).abs() <= 1.0 / 30.0, "{heard} s of sound, {} s of picture", film.seconds);
    let bytes = std::fs::read(&film.path).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
    assert_eq!(bytes.len() as u64, film.bytes);
    let times = facts(&film.path, &["-select_streams", "v", "-show_entries", "packet=pts"]);
    let mut times: Vec<i64> =
        times.iter().map(|line| line.trim_start_matches("pts=").parse().unwrap()).collect();
    times.sort_unstable();
    assert!(
        times.iter().enumerate().all(|(frame, pts)| *pts == frame as i64 * 512),
        "frames are not evenly spaced"
    );
}

#[tokio::test]
async fn progress_ascends_to_the_end() {
    let set = Set::new();
    let request = request(vec![flash_and_beep(
        &set,
        "one",
        flash_clip(&set, "a.mp4", 24, 4.0, FLASH),
        2.0,
        ClipFit::Slow,
    )]);
    let mut shares = Vec::new();
    let progress = |share| shares.push(share);
    videofactory_film::assemble(&request, set.dir.path(), progress, |_| ()).await.unwrap();
    assert!(shares.windows(2).all(|pair| pair[0] <= pair[1]), "{shares:?}");
    assert_eq!((shares[0], *shares.last().unwrap()), (0.0, 1.0));
    assert!(shares.iter().any(|share| (0.1..0.9).contains(share)), "nothing between: {shares:?}");
}
