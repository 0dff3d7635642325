//! What is seen and what moves in a scene whose words do not say it. Prompts are English in every language.

use crate::random::Random;
use crate::subject::Subject;

const LIGHTS: &[&str] = &[
    "at sunrise",
    "in golden evening light",
    "at night under stars",
    "in morning mist",
    "at dusk",
    "in bright daylight",
    "under a full moon",
    "in soft pastel light",
];
const SHOTS: &[&str] = &[
    "wide view of",
    "distant view of",
    "a quiet scene with",
    "dramatic view of",
    "panorama of",
    "low angle of",
];
const MOTIONS: &[&str] = &[
    "slow push in",
    "slow pull back",
    "gentle pan to the right",
    "gentle pan to the left",
    "slow rise",
    "slow drift downwards",
    "light flickers softly while the camera glides forward",
    "clouds and water move slowly",
];

/// A prompt for scene `index`; no two scenes in a row get the same place.
pub(super) fn image(subject: Subject, index: usize, random: &mut Random) -> String {
    let places = places(subject);
    let place = places[index % places.len()];
    format!("{} {place} {}", random.pick(SHOTS), random.pick(LIGHTS))
}

/// What moves in scene `index`.
pub(super) fn motion(index: usize, random: &mut Random) -> String {
    let offset = random.below(2);
    MOTIONS[(index * 3 + offset) % MOTIONS.len()].to_owned()
}

fn places(subject: Subject) -> &'static [&'static str] {
    match subject {
        Subject::Deep => &[
            "a coral reef underwater",
            "the dark deep sea with glowing jellyfish",
            "a whale in blue underwater light",
            "a shipwreck on the seabed",
            "a school of fish in shafts of light underwater",
            "a deep sea trench",
        ],
        Subject::Sea => &[
            "a lighthouse on the coast",
            "a sailing ship on the open sea",
            "small islands in a calm sea",
            "waves on a wide beach",
            "a lake between hills",
            "a harbour by the sea",
        ],
        Subject::Space => &[
            "a ringed planet in space",
            "a nebula full of stars",
            "the moon above a cratered horizon",
            "a spiral galaxy",
            "two planets and a comet",
            "a small rocket among the stars",
        ],
        Subject::Mountains => &[
            "snowy mountain peaks",
            "layered mountain ridges",
            "a volcano above the clouds",
            "a mountain lake",
            "a glacier below a summit",
            "mountains with an aurora",
        ],
        Subject::Forest => &[
            "a forest of tall trees",
            "a misty forest with deer",
            "an autumn forest",
            "a jungle with broad leaves",
            "a forest with an owl",
            "a forest clearing with mushrooms",
        ],
        Subject::City => &[
            "a city skyline",
            "a city street with lit windows",
            "towers above the fog in a city",
            "a city by the river",
            "an old town with domes, city",
            "a city with neon light",
        ],
        Subject::Desert => &[
            "desert dunes",
            "a camel caravan in the desert",
            "pyramids in the desert",
            "a desert canyon",
            "an oasis in the desert",
            "cactus in the desert",
        ],
        Subject::Meadow => &[
            "rolling hills with a meadow",
            "a field of flowers",
            "a village between hills",
            "a windmill on a meadow",
            "birds above a field",
            "horses on a hill, meadow",
        ],
        Subject::Flow => &[
            "abstract ribbons of flowing light",
            "abstract rings like ripples",
            "abstract waves of colour",
            "an abstract network of light",
            "abstract soft shapes floating",
            "abstract streaks of light",
        ],
    }
}
