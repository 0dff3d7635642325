//! Sixty days of twenty videos a day in a free bucket of 10 GB, under the rules of the documentation.

use serde_json::json;

use super::super::testing::{HOUR, Harness, ID, NOW, at, full, job};
use super::super::*;

const MB: u64 = 1_000_000;
const GB: u64 = 1_000 * MB;
const DAYS: i64 = 60;
const VIDEOS_A_DAY: i64 = 20;
/// Hours that a video takes once it may begin.
const HOURS_A_VIDEO: i64 = 5;

/// A video of the simulation.
struct Video {
    name: String,
    begun: Option<i64>,
    /// Every fiftieth fails when its clips are made, and nobody looks after it.
    fails: bool,
}

impl Video {
    fn is_done(&self, hour: i64) -> bool {
        self.begun.is_some_and(|begun| hour >= begun + HOURS_A_VIDEO)
    }
}

fn rules() -> Harness {
    let harness = Harness::with_rules(json!([
        {"kinds": ["clips"], "olderThan": "7d"},
        {"kinds": ["videos"], "olderThan": "30d", "keepLast": 5},
        {"kinds": ["clips"], "olderThan": "3d", "whenAbove": "target"},
        {"kinds": ["work", "thumbnails", "captions"], "olderThan": "30d"},
        {"kinds": ["videos"], "olderThan": "2d", "whenAbove": "target"},
    ]));
    harness
        .set("capacity", json!({"limit": "10G", "target": "8G", "warn": "9G", "stop": "9500M"}))
        .set("brakes", json!({"maxObjects": 10_000, "maxPercent": 50}))
}

/// Lets every video that is under way write what it makes in this hour.
fn write(harness: &mut Harness, video: &Video, hour: i64) {
    let Some(begun) = video.begun.filter(|_| !video.is_done(hour)) else { return };
    let mut put = |kind: &str, file: &str, bytes: u64| {
        let key = full(&format!("{kind}/films/{}-1/r1/{file}", video.name));
        harness.objects.insert(key, (bytes, harness.now));
    };
    match hour - begun {
        0 => put("work", "documents/script.json", 20_000),
        done @ 1..=2 => {
            for scene in 0..4 {
                put("clips", &format!("clips/{done}-{scene}.mp4"), 5 * MB);
            }
        }
        3 if !video.fails => put("videos", "film.mp4", 8 * MB),
        4 if !video.fails => {
            put("thumbnails", "film.jpg", 100_000);
            put("captions", "film.srt", 5_000);
            put("published", "main/record.json", 500);
        }
        _ => {}
    }
}

fn references(videos: &[Video], hour: i64) -> Vec<JobReference> {
    let lifecycle = |video: &Video| match video.begun {
        Some(_) if video.is_done(hour) && video.fails => JobLifecycle::Failed { awaits_publication: true },
        Some(begun) if video.is_done(hour) => {
            JobLifecycle::Finished { at: at(NOW + (begun + HOURS_A_VIDEO) * HOUR) }
        }
        _ => JobLifecycle::Live,
    };
    videos.iter().map(|video| job("films", &video.name, lifecycle(video))).collect()
}

fn bytes(harness: &Harness) -> u64 {
    harness.objects.values().map(|(bytes, _)| bytes).sum()
}

#[test]
fn a_free_bucket_lasts_through_sixty_days_of_twenty_videos() {
    let mut harness = rules();
    let mut videos: Vec<Video> = Vec::new();
    let (mut highest, mut hours_stopped, mut runs, mut deleted_bytes) = (0, 0, 0, 0);
    let mut was_above_warn = false;
    for hour in 0..DAYS * 24 {
        harness.now = NOW + hour * HOUR;
        let due = (hour + 1) * VIDEOS_A_DAY / 24;
        while videos.len() < usize::try_from(due).unwrap() {
            let number = videos.len();
            videos.push(Video { name: format!("video-{number:04}"), begun: None, fails: number % 50 == 49 });
        }
        let used = bytes(&harness);
        highest = highest.max(used);
        if used >= 9_500 * MB {
            hours_stopped += 1;
        } else {
            for video in videos.iter_mut().filter(|video| video.begun.is_none()) {
                video.begun = Some(hour);
            }
        }
        for video in &videos {
            write(&mut harness, video, hour);
        }
        let above_warn = bytes(&harness) >= 9 * GB;
        if hour % 24 == 3 || above_warn && !was_above_warn {
            harness.jobs = references(&videos, hour);
            let before = bytes(&harness);
            for key in harness.prune() {
                let owner = key.split('/').nth(2).unwrap().trim_end_matches(&format!("-{ID}"));
                let video = videos.iter().find(|video| video.name == owner).unwrap();
                assert!(
                    video.is_done(hour) && !video.fails,
                    "{key} of an unfinished video went in hour {hour}"
                );
            }
            deleted_bytes += before - bytes(&harness);
            runs += 1;
        }
        was_above_warn = bytes(&harness) >= 9 * GB;
    }
    let end = DAYS * 24;
    let late = videos.iter().filter(|video| !video.is_done(end + HOURS_A_VIDEO)).count();
    assert_eq!(late, 0, "videos that were not made");
    assert_eq!(hours_stopped, 0, "hours in which no video could begin");
    assert!(highest < 9_500 * MB, "the bucket came to hold {highest} bytes");
    assert!(deleted_bytes > 40 * GB, "{deleted_bytes} bytes were deleted in {runs} runs");
    assert!(bytes(&harness) > 5 * GB, "more was deleted than had to be: {} bytes are left", bytes(&harness));
}
