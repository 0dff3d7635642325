//! What a prompt asks for, as far as its words say: the scenery, the hour, what stands in it, and a title.

use videofactory_providers::capability::PictureRequest;

use super::colour::Hour;
use super::shapes::Figure;
use crate::random::Random;
use crate::signs::without_pictographs;
use crate::subject::{self, Subject};

/// A prompt, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Brief {
    words: String,
    pub subject: Subject,
    pub hour: Hour,
    pub figures: Vec<Figure>,
    /// The words between quotation marks after "title card".
    pub title: Option<String>,
}

const HOURS: &[(Hour, &[&str])] = &[
    (Hour::Night, &["night", "moon", "stars", "midnight", "aurora"]),
    (Hour::Dawn, &["sunrise", "dawn", "morning", "pastel"]),
    (Hour::Mist, &["mist", "misty", "fog", "foggy", "haze", "cold", "rain"]),
    (Hour::Dusk, &["dusk", "twilight", "neon"]),
    (Hour::Golden, &["golden", "evening", "sunset", "autumn", "warm"]),
    (Hour::Day, &["day", "daylight", "noon", "bright", "summer", "clear"]),
];

const FIGURES: &[(Figure, &[&str])] = &[
    (Figure::Cat, &["cat", "kitten"]),
    (Figure::Deer, &["deer", "stag", "reindeer", "moose"]),
    (Figure::Elephant, &["elephant"]),
    (Figure::Camel, &["camel", "caravan"]),
    (Figure::Horse, &["horse", "pony"]),
    (Figure::Bird, &["bird", "crow", "gull", "eagle", "hummingbird", "goose", "geese"]),
    (Figure::Whale, &["whale", "orca"]),
    (Figure::Shark, &["shark"]),
    (Figure::Fish, &["fish", "fishes", "school of fish"]),
    (Figure::Turtle, &["turtle"]),
    (Figure::Ship, &["ship", "boat", "sailing", "harbour", "harbor"]),
    (Figure::Lighthouse, &["lighthouse"]),
    (Figure::Windmill, &["windmill"]),
    (Figure::House, &["house", "village", "cottage", "farm"]),
    (Figure::Palm, &["palm", "oasis", "island", "tropical"]),
    (Figure::Cactus, &["cactus", "cacti"]),
    (Figure::Mushroom, &["mushroom", "fungus", "fungi"]),
    (Figure::Rocket, &["rocket", "spacecraft", "spaceship", "probe"]),
    (Figure::Submarine, &["submarine"]),
    (Figure::Owl, &["owl"]),
    (Figure::Tent, &["tent", "camp"]),
];

impl Brief {
    /// Reads a request; what its words leave open is decided by the seed.
    pub fn read(request: &PictureRequest, random: &mut Random) -> Self {
        let (title, prompt) = split_title(&request.prompt);
        let words = prompt.to_lowercase();
        let all = [
            Subject::Deep,
            Subject::Sea,
            Subject::Space,
            Subject::Mountains,
            Subject::Forest,
            Subject::City,
            Subject::Desert,
            Subject::Meadow,
            Subject::Flow,
        ];
        let free_subject = *random.pick(&all);
        let hours = [Hour::Dawn, Hour::Day, Hour::Golden, Hour::Dusk, Hour::Night, Hour::Mist];
        let free_hour = *random.pick(&hours);
        let style = request.style.to_lowercase();
        let of_title = || title.as_deref().and_then(subject::of);
        Self {
            subject: subject::of(&words)
                .or_else(of_title)
                .or_else(|| subject::of(&style))
                .unwrap_or(free_subject),
            hour: hour(&words).or_else(|| hour(&style)).unwrap_or(free_hour),
            figures: FIGURES
                .iter()
                .filter(|(_, names)| any(&words, names))
                .map(|(figure, _)| *figure)
                .collect(),
            words,
            title,
        }
    }

    /// Whether the prompt holds one of the words.
    pub fn has(&self, words: &[&str]) -> bool {
        any(&self.words, words)
    }

    /// Whether a figure is asked for.
    pub fn shows(&self, figure: Figure) -> bool {
        self.figures.contains(&figure)
    }
}

fn any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| subject::contains(text, word))
}

fn hour(text: &str) -> Option<Hour> {
    HOURS.iter().find(|(_, words)| any(text, words)).map(|(hour, _)| *hour)
}

/// `title card "Words", the rest` gives the words and the rest.
fn split_title(prompt: &str) -> (Option<String>, String) {
    let lower = prompt.to_lowercase();
    if lower.trim_start().starts_with("title card")
        && let Some((_, after)) = prompt.split_once('"')
        && let Some((title, rest)) = after.split_once('"')
    {
        // Fonts that have pictures are rare: boxes would stand in their place.
        let title = without_pictographs(title);
        return (Some(title).filter(|title| !title.is_empty()), rest.to_owned());
    }
    (None, prompt.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prompt: &str) -> Brief {
        let request = PictureRequest {
            model: videofactory_providers::Model::default(),
            prompt: prompt.to_owned(),
            style: String::new(),
            width: 64,
            height: 64,
            seed: 1,
            characters: Vec::new(),
        };
        Brief::read(&request, &mut Random::new(1, &[]))
    }

    #[test]
    fn scenery_hour_and_figures_come_from_the_words() {
        let brief = read("A camel caravan crossing desert dunes at sunset");
        assert_eq!((brief.subject, brief.hour), (Subject::Desert, Hour::Golden));
        assert_eq!(brief.figures, [Figure::Camel]);
    }

    #[test]
    fn a_title_card_keeps_its_words_apart_from_its_scenery() {
        let brief = read("Title card \"Cats of the City\", a dark deep sea");
        assert_eq!(brief.title.as_deref(), Some("Cats of the City"));
        assert_eq!((brief.subject, brief.figures.len()), (Subject::Deep, 0));
        assert_eq!(read("title card \"Life in the desert\"").subject, Subject::Desert);
    }

    #[test]
    fn a_title_card_does_without_pictures_among_its_letters() {
        assert_eq!(read("title card \"Deep 🎉 sea 🐟\", a reef").title.as_deref(), Some("Deep sea"));
        assert_eq!(read("title card \"🎉\", a reef").title, None);
    }
}
