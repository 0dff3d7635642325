//! Things that are true and worth a smile, by subject. Each stands alone, so that any number of them in any
//! order makes sense.

/// Something that is true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    /// The fact in a sentence or two.
    pub text: &'static str,
    /// The same in a handful of words, for scenes of two seconds.
    pub short: &'static str,
    /// What is seen meanwhile.
    pub image: &'static str,
}

/// A bank of facts, used when the topic holds one of its words.
#[derive(Debug)]
pub(super) struct Bank {
    /// English; see [`crate::subject::contains`].
    pub words: &'static [&'static str],
    pub facts: &'static [Fact],
}

const fn fact(text: &'static str, short: &'static str, image: &'static str) -> Fact {
    Fact { text, short, image }
}

/// All banks; the first that matches is used.
pub(super) const BANKS: &[Bank] = &[
    Bank { words: &["cat", "kitten", "feline"], facts: CATS },
    Bank { words: &["coffee", "espresso", "café"], facts: COFFEE },
    Bank { words: &["brain", "mind", "memory", "neuron"], facts: BRAIN },
    Bank {
        words: &["kubernetes", "computer", "software", "container", "code", "programming"],
        facts: COMPUTERS,
    },
    Bank {
        words: &["ocean", "sea", "underwater", "whale", "shark", "fish", "octopus", "marine"],
        facts: OCEAN,
    },
    Bank {
        words: &[
            "space", "planet", "star", "moon", "galaxy", "galaxies", "universe", "mars", "jupiter", "solar",
        ],
        facts: SPACE,
    },
    Bank { words: &["mountain", "everest", "alps", "peak", "volcano", "himalaya"], facts: MOUNTAINS },
    Bank { words: &["forest", "tree", "jungle", "wood", "rainforest", "mushroom"], facts: FOREST },
    Bank { words: &["desert", "dune", "sahara", "sand"], facts: DESERT },
    Bank { words: &["city", "cities", "urban", "metropolis"], facts: CITIES },
    Bank { words: &["animal", "bird", "bee", "elephant", "wildlife", "nature"], facts: ANIMALS },
];

const OCEAN: &[Fact] = &[
    fact(
        "Hardly anyone has seen the bottom of the ocean. We have better maps of Mars than of our own sea floor.",
        "We know Mars better.",
        "a dark ocean floor lit by a single beam from a submarine",
    ),
    fact(
        "At the bottom of the Mariana Trench, the water presses about a thousand times harder than the air around you now.",
        "The pressure is crushing.",
        "a deep sea trench with steep walls fading into black water",
    ),
    fact(
        "Most animals of the open deep make their own light. Down there, glowing is simply good manners.",
        "Almost everything glows.",
        "glowing jellyfish drifting in the dark deep ocean",
    ),
    fact(
        "The longest mountain range on Earth is under water: sixty-five thousand kilometres, and no ski lift.",
        "The longest mountains are here.",
        "an underwater mountain ridge with shafts of light",
    ),
    fact(
        "Sperm whales nap upright, hanging in the water like sleepy skyscrapers, for ten minutes at a time.",
        "Whales nap standing up.",
        "whale silhouettes hanging in blue underwater light",
    ),
    fact(
        "A Greenland shark can live for more than two hundred and fifty years. Some alive today are older than the light bulb.",
        "Some sharks outlive empires.",
        "a shark silhouette gliding through cold green deep sea water",
    ),
    fact(
        "Sound travels more than four times faster in water than in air, so gossip spreads quickly among whales.",
        "Sound races under water.",
        "a whale and a school of fish in bright underwater light",
    ),
    fact(
        "An octopus has three hearts and blue blood. And when it swims, one of the hearts stops.",
        "An octopus has three hearts.",
        "an octopus among coral on a reef, underwater",
    ),
    fact(
        "About half of the oxygen made on Earth comes from plankton, drifting creatures too small to see.",
        "Plankton makes our oxygen.",
        "plankton like stars in turquoise underwater light",
    ),
];

const SPACE: &[Fact] = &[
    fact(
        "On Venus, a day lasts longer than a year. Imagine the Mondays.",
        "Venus has endless Mondays.",
        "a golden planet with thick clouds against the stars",
    ),
    fact(
        "The footprints on the Moon will still be there in a million years. There is no wind to sweep them away.",
        "Moon footprints never fade.",
        "the moon above a cratered horizon in space",
    ),
    fact(
        "A teaspoon of a neutron star would weigh billions of tonnes. Please do not stir.",
        "A spoonful weighs billions.",
        "a brilliant small star inside a nebula",
    ),
    fact(
        "Sunlight needs eight minutes to reach you, but it first spent thousands of years finding its way out of the Sun.",
        "Sunlight is already ancient.",
        "a glowing star rising behind a planet",
    ),
    fact(
        "There are more trees on Earth than stars in our galaxy: about three trillion of them.",
        "Trees outnumber our stars.",
        "a spiral galaxy full of stars",
    ),
    fact(
        "On Mars the sky is butterscotch, and the sunsets are blue.",
        "Martian sunsets are blue.",
        "a red planet mars with two small moons in space",
    ),
    fact(
        "Jupiter has a storm that is wider than the Earth, and it has been raging for centuries.",
        "Jupiter storms for centuries.",
        "a giant striped planet jupiter with moons in space",
    ),
    fact(
        "A space probe launched in nineteen seventy-seven has left the Sun's own wind behind. It carries a record with music by Bach.",
        "Bach is beyond the planets.",
        "a tiny spacecraft among stars and a purple nebula in space",
    ),
];

const MOUNTAINS: &[Fact] = &[
    fact(
        "Mount Everest is still growing, by about the thickness of two coins a year.",
        "Everest is still growing.",
        "a snowy mountain peak at sunrise",
    ),
    fact(
        "Near the top of Everest there are fossils of sea creatures. The summit of the world was once a sea floor.",
        "Summits were sea floor.",
        "layered mountain ridges in morning mist",
    ),
    fact(
        "Measured from its foot, the tallest mountain is Mauna Kea in Hawaii. Most of it stands in the sea.",
        "The tallest one is Hawaiian.",
        "a lone volcano mountain above a sea of clouds",
    ),
    fact(
        "On the highest peaks water boils at about seventy degrees. A good cup of tea is out of the question.",
        "Tea fails at altitude.",
        "a mountain camp under the stars at night, snow",
    ),
    fact(
        "The highest volcano that we know of is on Mars, more than twice as tall as Everest.",
        "Mars has the tallest.",
        "a huge mountain under a red sky at dusk",
    ),
];

const FOREST: &[Fact] = &[
    fact(
        "The largest living thing that we know of is a mushroom in Oregon. It covers nearly ten square kilometres.",
        "A mushroom is the largest.",
        "mushrooms in a misty forest at dawn",
    ),
    fact(
        "Some bristlecone pines were already old when the pyramids were built.",
        "Some trees outlast pyramids.",
        "an ancient forest of tall trees with golden light",
    ),
    fact(
        "The Amazon makes much of its own rain. The trees breathe out rivers that float through the sky.",
        "The Amazon makes rain.",
        "a green rainforest in mist, jungle",
    ),
    fact(
        "A large tree can lift hundreds of litres of water to its leaves in a day, and it does so in silence.",
        "Trees lift rivers silently.",
        "tall forest trees seen at night under stars",
    ),
    fact(
        "Under your feet, threads of fungi join root to root. It is the oldest network, and nobody forgets the password.",
        "Roots have a network.",
        "a forest in autumn colours with fog",
    ),
];

const DESERT: &[Fact] = &[
    fact(
        "The largest desert on Earth is Antarctica. Pack a scarf instead of a hat.",
        "Antarctica is a desert.",
        "a cold pale desert under a clear sky",
    ),
    fact(
        "Six thousand years ago the Sahara was green, with lakes and hippos.",
        "The Sahara was green.",
        "desert dunes at sunrise with a small oasis",
    ),
    fact(
        "Some dunes sing. When their sand slides, they hum so loudly that it carries for kilometres.",
        "Dunes can sing.",
        "sweeping desert dunes with long shadows at sunset",
    ),
    fact(
        "Dust from the Sahara crosses an ocean every year and feeds the forests of the Amazon.",
        "Dust feeds the Amazon.",
        "a desert dust storm glowing in evening light",
    ),
    fact(
        "In parts of the Atacama, people can wait for years to see a single drop of rain.",
        "Rain takes years here.",
        "a desert night with stars above dunes",
    ),
];

const CITIES: &[Fact] = &[
    fact(
        "More than half of all people live in cities, on a few hundredths of the land.",
        "Most people live in cities.",
        "a city skyline at sunset",
    ),
    fact(
        "Greater Tokyo is home to more people than all of Australia, and still the trains are on time.",
        "Tokyo outnumbers Australia.",
        "a tokyo city skyline at night with neon light",
    ),
    fact(
        "The first underground railway opened in London in eighteen sixty-three, with steam engines in the tunnels.",
        "The first metro used steam.",
        "a city in fog with tall towers at dawn",
    ),
    fact(
        "A big city can be several degrees warmer than the fields around it. It makes its own weather.",
        "Cities make weather.",
        "a city skyline in warm haze at noon",
    ),
    fact(
        "Two thousand years ago, Rome had about a million people, and the first traffic bans.",
        "Rome banned traffic first.",
        "an old city with domes and towers at golden dusk",
    ),
];

const CATS: &[Fact] = &[
    fact(
        "A house cat shares about ninety-five percent of its genes with the tiger. The rest is attitude.",
        "Cats are nearly tigers.",
        "a cat silhouette on a hill at sunset, meadow",
    ),
    fact(
        "A cat sleeps for up to sixteen hours a day, and considers the remaining eight a favour to you.",
        "Cats sleep sixteen hours.",
        "a cat resting in a summer garden",
    ),
    fact(
        "Each ear of a cat is moved by about thirty muscles. It hears you perfectly well. It is just not coming.",
        "It hears you perfectly.",
        "a cat in a meadow at night under the moon",
    ),
    fact(
        "A group of cats is called a clowder. Nobody has ever seen one agree to the name.",
        "A group is a clowder.",
        "cats on a village roof at dusk",
    ),
    fact(
        "Cats meow mostly at people. Among themselves, grown cats hardly bother.",
        "Meowing is for humans.",
        "a cat among flowers in morning light",
    ),
];

const COFFEE: &[Fact] = &[
    fact(
        "A coffee bean is no bean at all. It is the seed of a small red cherry.",
        "It is no bean.",
        "a coffee farm on green hills at sunrise",
    ),
    fact(
        "An espresso holds less caffeine than a large mug of filter coffee. It only shouts louder.",
        "Espresso only shouts louder.",
        "warm brown and golden abstract waves, coffee",
    ),
    fact(
        "Johann Sebastian Bach wrote a cantata about a young woman who would not give up her coffee.",
        "Bach sang of coffee.",
        "an old city at dusk with warm windows",
    ),
    fact(
        "The people of Finland drink more coffee each than almost anyone. The winters explain a lot.",
        "Finland drinks the most.",
        "a snowy forest at night with aurora",
    ),
    fact(
        "Legend says that a goatherd discovered coffee when his goats began to dance.",
        "Goats found it first.",
        "a hill meadow at golden sunset with animals",
    ),
];

const BRAIN: &[Fact] = &[
    fact(
        "Your brain holds about eighty-six billion nerve cells. It counted them itself, eventually.",
        "Eighty-six billion cells.",
        "abstract glowing network of flowing light, brain",
    ),
    fact(
        "The brain is two percent of your weight and takes a fifth of your energy. Thinking counts as exercise.",
        "It burns a fifth.",
        "abstract waves of warm energy and light",
    ),
    fact(
        "Your brain runs on about twenty watts, which is less than the lamp on your desk.",
        "It runs on twenty watts.",
        "abstract lights in the dark, dreamlike",
    ),
    fact(
        "The brain itself feels no pain. It only has opinions about everybody else's.",
        "It feels no pain.",
        "abstract calm blue flowing ribbons",
    ),
    fact(
        "Signals in your nerves can travel at more than a hundred metres a second. Faster than most cars, and with better parking.",
        "Thoughts outrun cars.",
        "abstract streaks of light, speed, energy",
    ),
];

const COMPUTERS: &[Fact] = &[
    fact(
        "Kubernetes is Greek for helmsman. People write K eight s, because eight letters were too many to type at night.",
        "Kubernetes means helmsman.",
        "a ship with containers on the sea at sunrise",
    ),
    fact(
        "In nineteen forty-seven, engineers found a moth in a computer and taped it into the log book: an actual bug.",
        "The first bug flew in.",
        "abstract network of glowing lines, computer",
    ),
    fact(
        "The computer that flew to the Moon had about four kilobytes of working memory. This sentence needs a fair part of it.",
        "Moonshots needed four kilobytes.",
        "the moon and stars in space with a small rocket",
    ),
    fact(
        "Ada Lovelace published a program in eighteen forty-three, a century before there was a machine to run it.",
        "Code came before computers.",
        "abstract flowing ribbons of light, numbers, code",
    ),
    fact(
        "A container is not a small machine. It is an ordinary program that cannot see its neighbours.",
        "Containers are just programs.",
        "a city of glowing blocks at night",
    ),
];

const ANIMALS: &[Fact] = &[
    fact(
        "Bees tell each other where the flowers are by dancing. The dance even includes a map.",
        "Bees dance their maps.",
        "a meadow with flowers and bees in summer light",
    ),
    fact(
        "Crows remember the faces of people who were unkind to them, and they tell their children.",
        "Crows never forget you.",
        "birds over a field at dusk",
    ),
    fact(
        "Hummingbirds are the only birds that can properly fly backwards.",
        "Hummingbirds have reverse gear.",
        "a garden of bright flowers with birds at sunrise",
    ),
    fact(
        "Elephants can hear thunder from more than a hundred kilometres away, and walk towards the rain.",
        "Elephants hear distant rain.",
        "an elephant silhouette on the savanna at sunset",
    ),
    fact(
        "Sea otters hold hands while they sleep, so that nobody drifts off alone.",
        "Otters hold hands.",
        "a calm sea at sunset with gentle waves",
    ),
];
