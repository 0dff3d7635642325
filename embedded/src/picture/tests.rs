use proptest::prelude::*;

use super::*;

fn request(prompt: &str, width: u32, height: u32, seed: u64) -> PictureRequest {
    PictureRequest {
        model: videofactory_providers::Model::default(),
        prompt: prompt.to_owned(),
        style: String::new(),
        width,
        height,
        seed,
        characters: Vec::new(),
    }
}

/// Decoded RGB rows, shrunk to 24×24 means, for comparing what a viewer would see.
fn impression(picture: &Picture) -> Vec<f32> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(&picture.bytes)).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    assert_eq!((info.width, info.height), (picture.width, picture.height));
    let (width, height, side) = (info.width as usize, info.height as usize, 24);
    let mut means = vec![0.0; side * side * 3];
    for y in 0..height {
        for x in 0..width {
            let cell = (y * side / height * side + x * side / width) * 3;
            for channel in 0..3 {
                means[cell + channel] += f32::from(rgb[(y * width + x) * 3 + channel]);
            }
        }
    }
    let cell = (width * height) as f32 / (side * side) as f32;
    means.into_iter().map(|sum| sum / cell).collect()
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f32>() / one.len() as f32
}

const PROMPTS: &[&str] = &[
    "a coral reef underwater in bright daylight",
    "glowing jellyfish in the dark deep sea",
    "a ringed planet in space",
    "a spiral galaxy",
    "the moon above a cratered horizon",
    "snowy mountain peaks at sunrise",
    "a volcano at dusk",
    "a misty forest with deer",
    "an autumn forest",
    "a city skyline at night",
    "an old town with domes, city, in golden light",
    "desert dunes at sunset with a camel caravan",
    "pyramids in the desert at noon",
    "a meadow with a windmill in daylight",
    "a cat in a meadow at night",
    "a lighthouse on the coast at dusk",
    "a sailing ship at sunrise on the sea",
    "abstract ribbons of flowing light",
    "abstract network of light",
    "abstract rings like ripples",
];

#[test]
fn every_scenery_is_distinguished_from_every_other_at_a_glance() {
    let seen: Vec<Vec<f32>> =
        PROMPTS.iter().map(|prompt| impression(&draw(&request(prompt, 144, 256, 7)).unwrap())).collect();
    for (i, one) in seen.iter().enumerate() {
        for (j, other) in seen.iter().enumerate().skip(i + 1) {
            let apart = distance(one, other);
            assert!(apart > 8.0, "{:?} and {:?} differ by {apart} only", PROMPTS[i], PROMPTS[j]);
        }
        let mean = one.iter().sum::<f32>() / one.len() as f32;
        let flat = one.iter().map(|value| (value - mean).abs()).sum::<f32>() / one.len() as f32;
        assert!(mean > 8.0 && mean < 245.0 && flat > 5.0, "{:?}: mean {mean}, spread {flat}", PROMPTS[i]);
    }
}

#[test]
fn another_seed_gives_another_picture_of_the_same_prompt() {
    for prompt in PROMPTS {
        let [one, other] = [1, 2].map(|seed| impression(&draw(&request(prompt, 144, 256, seed)).unwrap()));
        assert!(distance(&one, &other) > 2.0, "{prompt}: {}", distance(&one, &other));
    }
}

#[test]
fn a_title_is_written_in_any_script_and_any_aspect_ratio() {
    for (width, height) in [(144, 256), (256, 144), (200, 200)] {
        for title in [
            "Three surprising facts about the deep ocean",
            "深海の秘密",
            "أسرار الصحراء",
            "गहरा समुद्र",
            "Тайны",
        ] {
            let scenery = ", a coral reef underwater";
            let plain =
                impression(&draw(&request(&format!("title card \"\"{scenery}"), width, height, 3)).unwrap());
            let titled = impression(
                &draw(&request(&format!("title card \"{title}\"{scenery}"), width, height, 3)).unwrap(),
            );
            assert!(distance(&plain, &titled) > 1.0, "{title} at {width}×{height}");
        }
    }
}

#[test]
fn a_frame_of_no_size_is_refused() {
    for (width, height) in [(0, 100), (100, 9000)] {
        assert!(
            draw(&request("a forest", width, height, 1))
                .unwrap_err()
                .to_string()
                .contains("each side is 16 to 8192")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_prompt_gives_the_same_picture_twice_with_room_to_move(
        prompt in prop_oneof![prop::sample::select(PROMPTS).prop_map(str::to_owned), "\\PC{0,40}"],
        width in 16u32..200,
        height in 16u32..200,
        seed in any::<u64>(),
    ) {
        let request = request(&prompt, width, height, seed);
        let picture = draw(&request).unwrap();
        prop_assert!(f64::from(picture.width) >= f64::from(width) * 1.2 && f64::from(picture.height) >= f64::from(height) * 1.2);
        prop_assert!(picture.width <= width * 12 / 10 + 3 && picture.height <= height * 12 / 10 + 3);
        prop_assert_eq!(&picture.media_type, "image/png");
        prop_assert!(draw(&request).unwrap().bytes == picture.bytes);
    }
}
