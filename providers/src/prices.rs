//! What services usually charge, in millionths of a US dollar: for estimates, and for the bill where a
//! service does not say what it took. What is not known here has no price, rather than a wrong one.

use std::fmt;

use crate::capability::Model;
use crate::xai;

/// What a service sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sold {
    /// A script.
    Script,
    /// An image.
    Image,
    /// A second of clip.
    VideoSecond,
    /// A second of narration.
    NarrationSecond,
}

impl Sold {
    /// All that is sold.
    pub const ALL: [Self; 4] = [Self::Script, Self::Image, Self::VideoSecond, Self::NarrationSecond];

    /// Its name in an account's prices.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Image => "image",
            Self::VideoSecond => "videoSecond",
            Self::NarrationSecond => "narrationSecond",
        }
    }
}

impl fmt::Display for Sold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

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

/// The usual price of what `provider` (its name in a `ProviderAccount`: `XAI`, `Gemini`, `HuggingFace`) sells
/// with this model for a frame of this size in pixels. An unknown model or an unknown price: none.
#[must_use]
pub fn usual_price(provider: &str, model: &Model, sold: Sold, width: u32, height: u32) -> Option<Price> {
    match (provider, sold) {
        ("XAI", Sold::VideoSecond) => xai_second(model, width, height),
        _ => None,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn second(name: &str, width: u32, height: u32) -> Option<i64> {
        let model = Model { name: name.to_owned(), ..Model::default() };
        usual_price("XAI", &model, Sold::VideoSecond, width, height).map(|price| price.each_micros)
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
    }

    #[test]
    fn what_is_not_known_has_no_price() {
        for provider in ["XAI", "Gemini", "HuggingFace", "Embedded", ""] {
            for sold in Sold::ALL {
                let price = usual_price(provider, &Model::default(), sold, 720, 1280);
                assert_eq!(
                    price.is_some(),
                    provider == "XAI" && sold == Sold::VideoSecond,
                    "{provider} {sold}"
                );
            }
        }
    }
}
