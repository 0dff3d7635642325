use videofactory_providers::words::split;

use super::readings;

fn words(text: &str) -> Vec<String> {
    split(text).into_iter().map(|word| word.text).collect()
}

/// What is written, and what is said.
const ENGLISH: &[(&str, &str)] = &[
    ("In 1960, two men went down.", "In nineteen sixty, two men went down."),
    ("It ended in 1905.", "It ended in nineteen oh five."),
    ("Since 2000 it grows.", "Since two thousand it grows."),
    ("By 2008 it was over.", "By two thousand eight it was over."),
    ("The year 2024 was warm.", "The year twenty twenty-four was warm."),
    ("From 1914–1918 there was war.", "From nineteen fourteen to nineteen eighteen there was war."),
    ("The 1990s were loud.", "The nineteen nineties were loud."),
    ("Music of the '80s", "Music of the 'eighties"),
    ("It weighs 150 tons.", "It weighs one hundred fifty tons."),
    (
        "There are 1,234,567 of them.",
        "There are one million two hundred thirty-four thousand five hundred sixty-seven of them.",
    ),
    ("Over 8,000,000,000 people", "Over eight billion people"),
    ("Zero is 0.", "Zero is zero."),
    ("About 3.14 times", "About three point one four times"),
    ("At -40 it freezes.", "At minus forty it freezes."),
    ("Agent 007 came.", "Agent zero zero seven came."),
    ("It is 11,000 m deep.", "It is eleven thousand meters deep."),
    ("A 5km run", "A five kilometers run"),
    ("Just 1 km away", "Just one kilometer away"),
    ("At 120 km/h", "At one hundred twenty kilometers per hour"),
    ("It is 20 °C today.", "It is twenty degrees Celsius today."),
    ("It is 20°C today.", "It is twenty degrees Celsius today."),
    ("Only 3.5% know.", "Only three point five percent know."),
    ("About 71 % is water.", "About seventy-one percent is water."),
    ("An area of 50 m² is small.", "An area of fifty square meters is small."),
    ("Take 2.5 kg of flour.", "Take two point five kilograms of flour."),
    ("It ran 10 s.", "It ran ten seconds."),
    ("A 4-year plan", "A four year plan"),
    ("It costs $5.", "It costs five dollars."),
    ("It costs $1.", "It costs one dollar."),
    ("It costs $4.99.", "It costs four dollars and ninety-nine cents."),
    ("It costs $0.50.", "It costs fifty cents."),
    ("It costs $1,200 a year.", "It costs one thousand two hundred dollars a year."),
    ("They paid $5 million.", "They paid five million dollars."),
    ("They paid $2.5bn for it.", "They paid two point five billion dollars for it."),
    ("A £20 note", "A twenty pounds note"),
    ("It was 30€ there.", "It was thirty euros there."),
    ("Between $10–$20", "Between $10–$20"),
    ("We meet at 10:30.", "We meet at ten thirty."),
    ("We meet at 9:05 today.", "We meet at nine oh five today."),
    ("We meet at 7:00.", "We meet at seven o'clock."),
    ("At 7:00 p.m. it starts.", "At seven pee em it starts."),
    ("Come at 5pm, please.", "Come at five pee em, please."),
    ("On March 15, 1965, it broke.", "On March fifteenth, nineteen sixty-five, it broke."),
    ("On 15 March it broke.", "On the fifteenth of March it broke."),
    ("On the 15 March", "On the fifteenth of March"),
    ("On Jan. 5 it snowed.", "On January fifth it snowed."),
    ("Made on 2024-03-15.", "Made on March fifteenth, twenty twenty-four."),
    ("Made on 7/4/1776.", "Made on July fourth, seventeen seventy-six."),
    ("The 1st and the 22nd", "The first and the twenty-second"),
    ("The 3rd of 12th", "The third of twelfth"),
    ("The 20th century", "The twentieth century"),
    ("Dr. Smith met Mr. Jones.", "Doctor Smith met Mister Jones."),
    ("Ask Prof. Lee vs. Mrs. May.", "Ask Professor Lee versus Missus May."),
    ("At St. Paul on Main St.", "At Saint Paul on Main Street."),
    ("Fish, whales, etc. Then we left.", "Fish, whales, et cetera. Then we left."),
    ("Big cats, e.g. lions, sleep.", "Big cats, for example lions, sleep."),
    ("It is No. 1 here.", "It is number one here."),
    ("No. It is not.", "No. It is not."),
    ("It is #1!", "It is number one!"),
    ("Salt & pepper", "Salt and pepper"),
    ("Use 1/2 of it, then 3/4.", "Use one half of it, then three quarters."),
    ("Use ½ of it, then 1½.", "Use one half of it, then one and a half."),
    ("It takes 10–20 minutes.", "It takes ten to twenty minutes."),
    ("It takes 5-10 km.", "It takes five to ten kilometers."),
    ("Open 24/7 for you", "Open twenty-four seven for you"),
    ("King Louis XIV danced.", "King Louis the fourteenth danced."),
    ("World War II ended.", "World War two ended."),
    ("And I went home.", "And I went home."),
    ("CO2 and H2O", "C O two and H two O"),
    ("Size A4, not A3.", "Size ay four, not ay three."),
    ("COVID-19 came.", "COVID nineteen came."),
    ("Version 2.0.1 is out.", "Version two point zero point one is out."),
    ("It is 10x as fast.", "It is ten times as fast."),
    ("“Yes,” she said — twice.", "“Yes,” she said — twice."),
];

const BRITISH: &[(&str, &str)] = &[
    ("Made on 15/03/2024.", "Made on the fifteenth of March, twenty twenty-four."),
    ("It costs £1.50.", "It costs one pound and fifty pence."),
];

const GERMAN: &[(&str, &str)] = &[
    ("Im Jahr 1969 geschah es.", "Im Jahr neunzehnhundertneunundsechzig geschah es."),
    ("Seit 2024 gilt es.", "Seit zweitausendvierundzwanzig gilt es."),
    ("Um 1100 lebte er.", "Um elfhundert lebte er."),
    ("Von 1914–1918 war Krieg.", "Von neunzehnhundertvierzehn bis neunzehnhundertachtzehn war Krieg."),
    ("Die 1990er Jahre", "Die neunzehnhundertneunziger Jahre"),
    ("Musik der 80er", "Musik der achtziger"),
    ("Es sind 21 Tiere.", "Es sind einundzwanzig Tiere."),
    ("Es sind 101 Tiere.", "Es sind einhunderteins Tiere."),
    (
        "Es sind 1.234.567 Tiere.",
        "Es sind eine Million zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig Tiere.",
    ),
    ("Rund 8.000.000.000 Menschen", "Rund acht Milliarden Menschen"),
    ("Es war 1.", "Es war eins."),
    ("Etwa 3,14 davon", "Etwa drei Komma eins vier davon"),
    ("Bei -40 friert es.", "Bei minus vierzig friert es."),
    ("Agent 007 kam.", "Agent null null sieben kam."),
    ("Es ist 11.000 m tief.", "Es ist elftausend Meter tief."),
    ("Nur 1 km entfernt", "Nur ein Kilometer entfernt"),
    ("Nur 1 t schwer", "Nur eine Tonne schwer"),
    ("Mit 120 km/h fuhr er.", "Mit einhundertzwanzig Kilometer pro Stunde fuhr er."),
    ("Es hat 20 °C heute.", "Es hat zwanzig Grad Celsius heute."),
    ("Nur 3,5 % wissen es.", "Nur drei Komma fünf Prozent wissen es."),
    ("Nur 20% wissen es.", "Nur zwanzig Prozent wissen es."),
    ("Auf 50 m² wohnen", "Auf fünfzig Quadratmeter wohnen"),
    ("Nimm 2,5 kg Mehl.", "Nimm zwei Komma fünf Kilogramm Mehl."),
    ("Er lief 5km weit.", "Er lief fünf Kilometer weit."),
    ("Es kostet 5 €.", "Es kostet fünf Euro."),
    ("Es kostet 1 €.", "Es kostet ein Euro."),
    ("Es kostet 5,50 € heute.", "Es kostet fünf Euro fünfzig heute."),
    ("Es kostet 0,99 €.", "Es kostet neunundneunzig Cent."),
    ("Es kostet $20.", "Es kostet zwanzig Dollar."),
    ("Er zahlte 5 Mio. € dafür.", "Er zahlte fünf Millionen Euro dafür."),
    ("Rund 2 Mrd. Menschen", "Rund zwei Milliarden Menschen"),
    ("Um 10:30 Uhr beginnt es.", "Um zehn Uhr dreißig beginnt es."),
    ("Um 10.05 Uhr beginnt es.", "Um zehn Uhr fünf beginnt es."),
    ("Um 7:00 Uhr beginnt es.", "Um sieben Uhr beginnt es."),
    ("Um 1 Uhr beginnt es.", "Um ein Uhr beginnt es."),
    ("Um 18:45 beginnt es.", "Um achtzehn Uhr fünfundvierzig beginnt es."),
    ("Am 3. Oktober 1990 war es.", "Am dritten Oktober neunzehnhundertneunzig war es."),
    ("Der 3. Oktober ist frei.", "Der dritte Oktober ist frei."),
    ("Am 3.10.1990 war es.", "Am dritten Oktober neunzehnhundertneunzig war es."),
    ("Stand: 2024-03-15", "Stand: fünfzehnter März zweitausendvierundzwanzig"),
    ("Im 19. Jahrhundert", "Im neunzehnten Jahrhundert"),
    ("Der 2. Weltkrieg", "Der zweite Weltkrieg"),
    ("In der 3. Klasse", "In der dritten Klasse"),
    ("Das 1. Mal", "Das erste Mal"),
    ("Ein 2. Versuch", "Ein zweiter Versuch"),
    ("Zum 100. Geburtstag", "Zum einhundertsten Geburtstag"),
    ("Ludwig XIV. tanzte.", "Ludwig der Vierzehnte tanzte."),
    ("Kapitel IV beginnt.", "Kapitel vier beginnt."),
    ("Tiere, z. B. Wale, schlafen.", "Tiere, zum Beispiel Wale, schlafen."),
    ("Tiere, z.B. Wale, schlafen.", "Tiere, zum Beispiel Wale, schlafen."),
    ("Das heißt, d. h. nie.", "Das heißt, das heißt nie."),
    ("Es war ca. 50 v. Chr. in Rom.", "Es war circa fünfzig vor Christus in Rom."),
    ("Wale, Fische usw.", "Wale, Fische und so weiter."),
    ("Dr. Meier bzw. Prof. Lang", "Doktor Meier beziehungsweise Professor Lang"),
    ("Siehe Nr. 5 auf S. 12.", "Siehe Nummer fünf auf Seite zwölf."),
    ("Nach § 5 gilt das.", "Nach Paragraf fünf gilt das."),
    ("Salz & Pfeffer", "Salz und Pfeffer"),
    ("Es dauert 10–20 Minuten.", "Es dauert zehn bis zwanzig Minuten."),
    ("Nimm 1/2 davon, dann 3/4.", "Nimm ein halb davon, dann drei Viertel."),
    ("Nach 2½ Stunden", "Nach zweieinhalb Stunden"),
    ("Ein 5-jähriges Kind", "Ein fünfjähriges Kind"),
    ("CO2 und A4", "C O zwei und A vier"),
    ("Version 2.0 ist da.", "Version zwei Punkt null ist da."),
    ("„Ja“, sagte sie – zweimal.", "„Ja“, sagte sie – zweimal."),
];

#[test]
fn phrases_are_said_as_people_say_them() {
    let tables = [("en", ENGLISH), ("en-GB", BRITISH), ("de-AT", GERMAN)];
    assert!(tables.iter().map(|(_, phrases)| phrases.len()).sum::<usize>() >= 100);
    let mut wrong = Vec::new();
    for (language, phrases) in tables {
        for (written, said) in phrases {
            let words = words(written);
            let read = readings(&words, language);
            assert_eq!(read.len(), words.len(), "{written}");
            assert!(read.iter().all(|word| !word.is_empty()), "{written}: {read:?}");
            if read.join(" ") != *said {
                wrong.push(format!("{written}\n  is said    {}\n  instead of {said}", read.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn other_languages_are_left_to_the_engine() {
    let words = words("En 1960, 3 % de l'eau.");
    assert_eq!(readings(&words, "fr").join(" "), "En 1960, 3 % de l'eau.");
}

#[test]
fn no_text_breaks_the_rules_or_loses_a_word() {
    for text in [
        "$ € % ° # @ - 5",
        "1/0 0/0 99/99 1:99 25:00",
        "$99999999999999999999",
        "9.9.9.9.9",
        "-",
        "−5%–6%",
        "IIII I. V.",
        "1.2.3,4,5",
        "2024-99-99 13/45/2024",
        "5-",
        "-5-",
        "½½ a½",
        "'s 0s 00s 1000000s",
        "٣ ٥٪ 五",
    ] {
        let words = words(text);
        for language in ["en", "en-GB", "de"] {
            assert_eq!(readings(&words, language).len(), words.len(), "{text}");
        }
    }
}
