//! What services usually charge, in millionths of a US dollar: for estimates, and for the bill where a
//! service does not say what it took. What is not known here has no price, rather than a wrong one.
//!
//! From the services' price lists of November 2026, without introductory discounts: who estimates with them does not
//! spend more than he thought. What is billed by tokens is priced by what a usual request of ours takes.

use crate::capability::{Lengths, Model};
use crate::sold::Sold;
use crate::{gemini, huggingface, image, xai};

/// A usual price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// For each unit of what is sold, in millionths of a US dollar.
    pub each_micros: i64,
    /// For each request besides, for example for the picture that a clip begins with.
    pub request_micros: i64,
}

impl Price {
    /// The price of a request for so many units.
    #[must_use]
    pub fn of_request(self, units: u32) -> i64 {
        self.each_micros.saturating_mul(i64::from(units)).saturating_add(self.request_micros)
    }
}

/// What a million tokens cost, in thousandths of a US dollar.
struct Tokens {
    read: i64,
    written: i64,
}

impl Tokens {
    /// So many of them, in millionths of a US dollar.
    const fn price(&self, (read, written): (i64, i64)) -> i64 {
        (read * self.read + written * self.written) / 1_000
    }
}

/// Tokens that a script takes: the request with its schema, and the script with the thinking before it.
const OF_A_SCRIPT: (i64, i64) = (2_000, 6_000);
/// Tokens that a second of speech takes: its text, and its sound.
const OF_A_SECOND: (i64, i64) = (4, 25);
/// Letters of a second of speech.
const LETTERS_A_SECOND: i64 = 15;

/// The usual price of what `provider` (its name in a `ProviderAccount`: `XAI`, `Gemini`, `HuggingFace`) sells
/// with this model for a frame of this size in pixels. An unknown model or an unknown price: none.
#[must_use]
pub fn usual_price(provider: &str, model: &Model, sold: Sold, width: u32, height: u32) -> Option<Price> {
    let or = |usual: &'static str| match model.name.trim() {
        "" => usual.to_owned(),
        name => name.to_owned(),
    };
    let each = |each_micros: i64| Price { each_micros, request_micros: 0 };
    match (provider, sold) {
        ("XAI", Sold::VideoSecond) => xai_second(model, width, height),
        ("XAI", Sold::Image) => xai_image(&or(xai::IMAGE_MODEL)).map(each),
        ("Gemini", Sold::Script) => gemini_script(&or(gemini::SCRIPT_MODEL)).map(each),
        ("Gemini", Sold::Image) => gemini_image(&or(gemini::IMAGE_MODEL), width, height).map(each),
        ("Gemini", Sold::NarrationSecond) => gemini_speech(&or(gemini::SPEECH_MODEL)).map(each),
        ("Gemini", Sold::VideoSecond) => veo_second(&or(gemini::VIDEO_MODEL), model).map(each),
        ("HuggingFace", Sold::Image) => flux(&or(huggingface::IMAGE_MODEL), width, height).map(each),
        ("HuggingFace", Sold::NarrationSecond) => kokoro(&or(huggingface::SPEECH_MODEL)).map(each),
        // One's own machine and libraries of free footage ask for no money.
        ("ComfyUI" | "Pexels" | "Pixabay", Sold::Image | Sold::VideoSecond) => Some(each(0)),
        _ => None,
    }
}

/// Seconds of the clip that `provider` sells with this model where so many are wanted: the shortest that lasts, or else
/// the longest.
#[must_use]
pub fn sold_seconds(provider: &str, model: &Model, wanted: u32) -> u32 {
    let lengths = match provider {
        "XAI" => Lengths::Range(xai::SECONDS.0, xai::SECONDS.1),
        "Gemini" => gemini::clip_lengths(model),
        _ => return wanted,
    };
    match lengths {
        Lengths::Range(shortest, longest) => wanted.clamp(shortest, longest),
        Lengths::Only(lengths) => {
            let lasts = lengths.iter().filter(|length| **length >= wanted).min();
            lasts.or_else(|| lengths.iter().max()).copied().unwrap_or(wanted)
        }
    }
}

fn xai_second(model: &Model, width: u32, height: u32) -> Option<Price> {
    let name = match model.name.trim() {
        "" => xai::VIDEO_MODEL,
        name => name,
    };
    let resolution = match model.parameters.get("resolution") {
        Some(chosen) => chosen.as_str()?,
        None => xai::resolution(name, width, height),
    };
    let each_micros = match (name, resolution) {
        ("grok-imagine-video", "480p") => 50_000,
        ("grok-imagine-video", "720p") => 70_000,
        ("grok-imagine-video-1.5", "480p") => 80_000,
        ("grok-imagine-video-1.5", "720p") => 140_000,
        ("grok-imagine-video-1.5", "1080p") => 250_000,
        _ => return None,
    };
    Some(Price { each_micros, request_micros: 2_000 })
}

fn xai_image(model: &str) -> Option<i64> {
    (model == "grok-imagine-image").then_some(20_000)
}

fn gemini_script(model: &str) -> Option<i64> {
    let tokens = match model {
        "gemini-3.8-flash" | "gemini-3.7-flash" => Tokens { read: 1_500, written: 7_500 },
        "gemini-3.5-flash" => Tokens { read: 1_500, written: 9_000 },
        "gemini-3.5-flash-lite" => Tokens { read: 300, written: 2_500 },
        "gemini-3.1-pro-preview" => Tokens { read: 2_000, written: 12_000 },
        _ => return None,
    };
    Some(tokens.price(OF_A_SCRIPT))
}

fn gemini_speech(model: &str) -> Option<i64> {
    let tokens = match model {
        "gemini-3.8-flash-tts" => Tokens { read: 1_000, written: 18_000 },
        "gemini-3.8-flash-lite-tts" => Tokens { read: 1_000, written: 12_000 },
        "gemini-3.1-flash-tts-preview" => Tokens { read: 1_000, written: 20_000 },
        _ => return None,
    };
    Some(tokens.price(OF_A_SECOND))
}

fn gemini_image(model: &str, width: u32, height: u32) -> Option<i64> {
    match (model, gemini::picture_size(width, height)) {
        ("gemini-3.1-flash-image" | "gemini-3.1-flash-image-preview", "1K") => Some(67_000),
        ("gemini-3.1-flash-image" | "gemini-3.1-flash-image-preview", "2K") => Some(101_000),
        ("gemini-3.1-flash-image" | "gemini-3.1-flash-image-preview", _) => Some(151_000),
        ("gemini-3-pro-image" | "gemini-3-pro-image-preview", "1K" | "2K") => Some(134_000),
        ("gemini-3-pro-image" | "gemini-3-pro-image-preview", _) => Some(240_000),
        _ => None,
    }
}

fn veo_second(name: &str, model: &Model) -> Option<i64> {
    if !["veo-3.1-generate-preview", "veo-3.1-generate-001"].contains(&name) {
        return None;
    }
    let chosen = model.parameters.get("resolution").and_then(serde_json::Value::as_str);
    Some(if chosen == Some("4k") { 600_000 } else { 400_000 })
}

/// Billed by the megapixel that is begun.
fn flux(model: &str, width: u32, height: u32) -> Option<i64> {
    let (width, height) = image::drawn_size(width, height);
    let megapixels = (i64::from(width) * i64::from(height) + 999_999) / 1_000_000;
    (model == "fal-ai/fal-ai/flux/schnell").then_some(3_000 * megapixels)
}

/// Billed by the letter.
fn kokoro(model: &str) -> Option<i64> {
    model.starts_with("fal-ai/fal-ai/kokoro/").then_some(20 * LETTERS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(name: &str) -> Model {
        Model { name: name.to_owned(), ..Model::default() }
    }

    fn second(name: &str, width: u32, height: u32) -> Option<i64> {
        usual_price("XAI", &named(name), Sold::VideoSecond, width, height).map(|price| price.each_micros)
    }

    #[test]
    fn a_second_of_clip_costs_by_model_and_resolution() {
        assert_eq!(second("", 480, 854), Some(50_000));
        assert_eq!(second("", 1080, 1920), Some(70_000));
        assert_eq!(second("grok-imagine-video", 720, 1280), Some(70_000));
        assert_eq!(second("grok-imagine-video-1.5", 720, 1280), Some(140_000));
        assert_eq!(second("grok-imagine-video-1.5", 1920, 1080), Some(250_000));
        assert_eq!(second("grok-imagine-video-2", 720, 1280), None);
    }

    #[test]
    fn a_chosen_resolution_decides() {
        let parameters = [("resolution".to_owned(), json!("480p"))].into();
        let model = Model { name: String::new(), parameters };
        let price = usual_price("XAI", &model, Sold::VideoSecond, 720, 1280).unwrap();
        assert_eq!((price.each_micros, price.of_request(8)), (50_000, 402_000));
        let parameters = [("resolution".to_owned(), json!("4k"))].into();
        let model = Model { name: String::new(), parameters };
        let price = usual_price("Gemini", &model, Sold::VideoSecond, 720, 1280).unwrap();
        assert_eq!(price.of_request(8), 4_800_000);
    }

    #[test]
    fn what_is_sold_has_the_price_of_its_model_and_size() {
        use Sold::{Image, NarrationSecond, Script, VideoSecond};
        type Case = (&'static str, &'static str, Sold, (u32, u32), Option<i64>);
        let cases: [Case; 24] = [
            ("XAI", "", Image, (720, 1280), Some(20_000)),
            ("XAI", "grok-imagine-image", Image, (1920, 1080), Some(20_000)),
            ("XAI", "grok-imagine-image-quality", Image, (720, 1280), None),
            ("XAI", "", Script, (720, 1280), None),
            ("Gemini", "", Script, (720, 1280), Some(48_000)),
            ("Gemini", "gemini-3.5-flash-lite", Script, (720, 1280), Some(15_600)),
            ("Gemini", "gemini-9", Script, (720, 1280), None),
            ("Gemini", "", Image, (360, 640), Some(67_000)),
            ("Gemini", "", Image, (720, 1280), Some(101_000)),
            ("Gemini", "", Image, (3840, 2160), Some(151_000)),
            ("Gemini", "gemini-3-pro-image", Image, (720, 1280), Some(134_000)),
            ("Gemini", "gemini-3-pro-image", Image, (3840, 2160), Some(240_000)),
            ("Gemini", "gemini-9-image", Image, (720, 1280), None),
            ("Gemini", "", NarrationSecond, (720, 1280), Some(454)),
            ("Gemini", "gemini-3.8-flash-lite-tts", NarrationSecond, (720, 1280), Some(304)),
            ("Gemini", "", VideoSecond, (1080, 1920), Some(400_000)),
            ("Gemini", "veo-3.1-fast-generate-preview", VideoSecond, (720, 1280), None),
            ("HuggingFace", "", Image, (720, 1280), Some(6_000)),
            ("HuggingFace", "", Image, (360, 640), Some(3_000)),
            ("HuggingFace", "black-forest-labs/FLUX.1-dev", Image, (720, 1280), None),
            ("HuggingFace", "", NarrationSecond, (720, 1280), Some(300)),
            ("HuggingFace", "fal-ai/fal-ai/kokoro/japanese", NarrationSecond, (720, 1280), Some(300)),
            ("HuggingFace", "", VideoSecond, (720, 1280), None),
            ("Embedded", "", Image, (720, 1280), None),
        ];
        for (provider, model, sold, (width, height), expected) in cases {
            let price = usual_price(provider, &named(model), sold, width, height);
            assert_eq!(
                price.map(|price| price.each_micros),
                expected,
                "{provider} {model} {sold} {width}x{height}"
            );
        }
    }

    #[test]
    fn the_usual_model_of_everything_that_is_sold_has_a_price() {
        for sold in Sold::ALL {
            let prices = |provider: &str| usual_price(provider, &Model::default(), sold, 720, 1280).is_some();
            assert!(prices("Gemini"), "{sold}");
            assert_eq!(prices("XAI"), xai::Xai::usual_model(sold).is_some(), "{sold}");
            let speaks = huggingface::HuggingFace::usual_model(sold, "en").is_some();
            assert_eq!(prices("HuggingFace"), speaks, "{sold}");
            assert!(!prices("Embedded") && !prices(""), "{sold}");
        }
    }

    #[test]
    fn a_clip_is_bought_in_a_length_that_is_sold() {
        let sold = |provider: &str, wanted| sold_seconds(provider, &Model::default(), wanted);
        assert_eq!([0, 5, 16].map(|wanted| sold("XAI", wanted)), [1, 5, 15]);
        assert_eq!([3, 4, 5, 7, 9].map(|wanted| sold("Gemini", wanted)), [4, 4, 6, 8, 8]);
        assert_eq!(sold("Webhook", 7), 7);
    }
}
