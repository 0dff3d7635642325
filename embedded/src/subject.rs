//! What a text is about, as far as a list of words can show. Script and pictures share this list, so that a
//! prompt that the writer makes is one that the artist understands.

use std::collections::BTreeMap;

use super::word_forms::{Language, folded, forms};

/// A kind of scenery that can be drawn, and about which something can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    /// Under water.
    Deep,
    /// The surface of the sea, coasts, rain.
    Sea,
    /// Stars and planets.
    Space,
    /// Mountains, snow.
    Mountains,
    /// Woods.
    Forest,
    /// Streets and skylines.
    City,
    /// Dunes.
    Desert,
    /// Fields, hills, gardens; where most animals are at home.
    Meadow,
    /// Everything that has no landscape: ideas, machines, music.
    Flow,
}

use Language::{Arabic, English, Exact, French, German, Hindi, Iberian, Italian, Japanese, Russian};

/// Words by subject and language, with commas between.
const WORDS: &[(Subject, &[(Language, &str)])] = &[
    (
        Subject::Deep,
        &[
            (
                English,
                "deep sea, deep ocean, underwater, under water, seabed, sea floor, seafloor, ocean floor, coral, reef, \
                 whale, shark, fish, jellyfish, octopus, octopi, squid, submarine, trench, abyss, plankton, dolphin, ocean",
            ),
            (German, "tiefsee, ozean, meeresboden, kraken"),
            (French, "océan"),
            (Iberian, "océano, oceano"),
            (Italian, "oceano"),
            (Russian, "подвод, океан, глубин"),
            (Japanese, "深海, 海底, しんかい, うみ"),
            (Hindi, "समुद्र, महासागर"),
            (Arabic, "محيط"),
        ],
    ),
    (
        Subject::Sea,
        &[
            (
                English,
                "beach, coast, wave, island, lighthouse, sailing, sail, ship, harbour, harbor, lake, sea, seaside, rain, \
                 storm, water",
            ),
            (German, "meer, strand, küste, wasser, insel"),
            (French, "mer, plage, île"),
            (Iberian, "mar, playa, praia, isla"),
            (Italian, "mare, spiaggia, isola"),
            (Russian, "мор, морск, пляж"),
            (Japanese, "海"),
            (Hindi, "समुद्र तट"),
            (Arabic, "بحر, بحار"),
        ],
    ),
    (
        Subject::Space,
        &[
            (
                English,
                "space, planet, star, galax, moon, mars, jupiter, saturn, venus, cosmos, universe, nebula, rocket, \
                 astronaut, orbit, comet, asteroid, solar, black hole, telescope",
            ),
            (German, "weltraum, weltall, stern, vollmond, mondschein"),
            // The German plural, Monde, is the world in French.
            (Exact, "mond, monds, monden"),
            (French, "espace, étoile, lune"),
            (Iberian, "espacio, espaço, estrella, estrela, luna, lua"),
            (Italian, "spazio, stella, pianeta, luna"),
            (Russian, "космос, космическ, звезд, планет, лун, лунн"),
            (Japanese, "宇宙, 星, 月, うちゅう"),
            (Hindi, "अंतरिक्ष, तारे, तारा, तारों, चाँद"),
            (Arabic, "فضاء, كوكب, كواكب, نجم, نجوم"),
        ],
    ),
    (
        Subject::Mountains,
        &[
            (
                English,
                "mountain, alps, peak, summit, everest, himalaya, volcano, glacier, snow, ice, winter, arctic, cliff, \
                 climb, aurora",
            ),
            (German, "berg, gebirge, alpen, vulkan"),
            (French, "montagne, volcan"),
            (Iberian, "montaña, montanha, volcán, vulcão"),
            (Italian, "montagna, vulcano"),
            (Russian, "гор, горн, вулкан"),
            (Japanese, "山, やま"),
            (Hindi, "पहाड़, पर्वत"),
            (Arabic, "جبل, جبال"),
        ],
    ),
    (
        Subject::Forest,
        &[
            (
                English,
                "forest, tree, jungle, wood, leaf, leaves, mushroom, fung, bear, wolf, wolves, owl, deer, fox, autumn, moss",
            ),
            (German, "wald, baum"),
            (French, "forêt, arbre"),
            (Iberian, "bosque, árbol, floresta, árvore"),
            (Italian, "foresta, albero"),
            (Russian, "лес, лесн, дерев"),
            (Japanese, "森, もり"),
            (Hindi, "जंगल, वन"),
            (Arabic, "غابة, غابات, شجر, أشجار"),
        ],
    ),
    (
        Subject::City,
        &[
            (
                English,
                "city, cities, town, street, skyline, skyscraper, traffic, building, tokyo, london, paris, york, berlin, \
                 rome, office, market, money, business, car, train, tower",
            ),
            (German, "stadt, städte"),
            (French, "ville"),
            (Iberian, "ciudad, cidade"),
            (Italian, "città"),
            (Russian, "город"),
            (Japanese, "都市, まち"),
            (Hindi, "शहर"),
            (Arabic, "مدينة, مدن"),
        ],
    ),
    (
        Subject::Desert,
        &[
            (
                English,
                "desert, dune, sahara, sand, camel, cactus, cacti, pyramid, egypt, oasis, oases, canyon, heat, savanna, \
                 elephant, lion, giraffe, africa",
            ),
            (German, "wüste"),
            (French, "désert"),
            (Iberian, "desierto, deserto"),
            (Italian, "deserto"),
            (Russian, "пустын"),
            (Japanese, "砂漠, さばく"),
            (Hindi, "रेगिस्तान"),
            (Arabic, "صحراء, صحاري, صحارى"),
        ],
    ),
    (
        Subject::Meadow,
        &[
            (
                English,
                "meadow, field, hill, garden, flower, bee, butterfl, horse, cow, sheep, cat, dog, bird, rabbit, farm, grass, \
                 village, countryside, spring, summer, animal, food, coffee, tea, wine, bread, castle, history, windmill, \
                 sunflower",
            ),
            (German, "wiese, garten, blume, katze, hund, kaffee"),
            (French, "fleur, chat, chatte, chien, jardin, animal, café"),
            (Iberian, "flor, gato, perro, cachorro, cão, cães, café"),
            (Italian, "fiore, gatto, cane"),
            (Russian, "цвет, кошк, кошек, собак, кофе"),
            (Japanese, "花, 猫, 犬, ねこ, いぬ"),
            (Hindi, "फूल, बिल्ली, बिल्लि, कुत्त"),
            (Arabic, "زهر, زهور, أزهار, قط, كلب, كلاب"),
        ],
    ),
    (
        Subject::Flow,
        &[
            (
                English,
                "abstract, idea, brain, mind, thought, dream, music, sound, computer, software, code, data, kubernetes, \
                 container, internet, network, robot, machine, math, number, time, energy, light, quantum, atom, memory, \
                 memories",
            ),
            (German, "gehirn, musik"),
            (French, "cerveau, musique"),
            (Iberian, "cerebro, cérebro, música"),
            (Italian, "cervello, musica"),
            (Russian, "мозг, музык"),
            (Japanese, "脳, 音楽"),
            (Hindi, "दिमाग, संगीत"),
            (Arabic, "دماغ, موسيقى"),
        ],
    ),
];

/// The subject that most words of a text speak of, those with longer words of ours counting more; None if none does.
pub(super) fn of(text: &str) -> Option<Subject> {
    let text = folded(text);
    let mut best: Option<(usize, Subject)> = None;
    for (subject, lists) in WORDS {
        // Each word of the text once, in however many lists it is.
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for (language, list) in *lists {
            for word in list.split(", ").map(folded) {
                let weight = 3 + word.chars().count();
                for form in forms(&text, &word, *language) {
                    found.entry(form).and_modify(|most| *most = weight.max(*most)).or_insert(weight);
                }
            }
        }
        let score: usize = found.values().sum();
        if score > 0 && best.is_none_or(|(most, _)| score > most) {
            best = Some((score, *subject));
        }
    }
    best.map(|(_, subject)| subject)
}

/// Whether a text holds an English word, in whatever form.
pub(super) fn contains(text: &str, word: &str) -> bool {
    !forms(&folded(text), &folded(word), English).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_recognised_in_plain_topics() {
        for (text, subject) in [
            ("Three surprising facts about the deep ocean", Subject::Deep),
            ("Why do cats purr?", Subject::Meadow),
            ("A planet with rings above a nebula", Subject::Space),
            ("Wie Vulkane entstehen", Subject::Mountains),
            ("宇宙のひみつ", Subject::Space),
            ("Тайны океана", Subject::Deep),
            ("أسرار الصحراء", Subject::Desert),
            ("How Kubernetes works", Subject::Flow),
            ("a street in the city at night", Subject::City),
        ] {
            assert_eq!(of(text), Some(subject), "{text}");
        }
    }

    #[test]
    fn subjects_are_recognised_in_the_plural_and_in_every_case() {
        use Subject::{City, Deep, Desert, Flow, Forest, Meadow, Mountains, Sea, Space};
        for (subject, topics) in [
            (
                Mountains,
                "Warum Berge wachsen|In den Bergen|Gebirge der Welt|Les montagnes|Los volcanes|I vulcani",
            ),
            (Mountains, "Os vulcões|Высокие горы|В горах|पहाड़ों की कहानी|الجبال|山の話"),
            (
                Forest,
                "Die Wälder Europas|Alte Bäume|Im Walde|Les forêts|Los árboles|Le foreste|As árvores|Тайны леса",
            ),
            (Forest, "The wolves|غابات الأمازون|सुंदर वन"),
            (
                Sea,
                "Die Meere|Strände|Îles lointaines|Los mares|Le isole|As praias|У моря|Морские волны|البحار",
            ),
            (
                Space,
                "Sterne|Der Mond|Die Planeten|Les étoiles|Las estrellas|I pianeti|Звёзды|Лунный свет|الكواكب",
            ),
            (Space, "Im Mondschein|Vollmondnächte|Unter zwei Monden"),
            (City, "Städte bei Nacht|Les villes|Ciudades|Le città|Города будущего|शहरों में|مدن العالم"),
            (Desert, "Wüsten|Les déserts|Los desiertos|I deserti|Пустыни|الصحاري|Oases and cacti"),
            (
                Meadow,
                "Hunde|Gärten|Les chats|Les animaux|Las flores|I gatti|Os cães|Кошки|बिल्लियाँ|القطط|Foxgloves, bees",
            ),
            (Deep, "Ozeane|Les océans|Gli oceani|Океаны|محيطات"),
            (Flow, "Gehirne|Les cerveaux|I cervelli|Мозги|أدمغة ودماغ"),
        ] {
            for topic in topics.split('|') {
                assert_eq!(of(topic), Some(subject), "{topic}");
            }
        }
    }

    #[test]
    fn a_word_inside_another_is_no_match() {
        for topic in [
            "scars and startled concatenation",
            "tax law",
            "Hundert Fragen",
            "Le monde",
            "जीवन",
            "نقطة",
            "лестница",
        ] {
            assert_eq!(of(topic), None, "{topic}");
        }
    }
}
