//! Abbreviations, units, currencies and other words of German.

pub(super) const MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// Abbreviations with the full stop that ends them.
pub(super) const ABBREVIATIONS: &[(&str, &str)] = &[
    ("z.B.", "zum Beispiel"),
    ("d.h.", "das heißt"),
    ("u.a.", "unter anderem"),
    ("o.ä.", "oder ähnlich"),
    ("v.Chr.", "vor Christus"),
    ("n.Chr.", "nach Christus"),
    ("usw.", "und so weiter"),
    ("etc.", "et cetera"),
    ("bzw.", "beziehungsweise"),
    ("bspw.", "beispielsweise"),
    ("ca.", "circa"),
    ("evtl.", "eventuell"),
    ("ggf.", "gegebenenfalls"),
    ("inkl.", "inklusive"),
    ("sog.", "sogenannt"),
    ("vgl.", "vergleiche"),
    ("max.", "maximal"),
    ("min.", "minimal"),
    ("engl.", "englisch"),
    ("geb.", "geboren"),
    ("gest.", "gestorben"),
    ("Dr.", "Doktor"),
    ("Prof.", "Professor"),
    ("Hr.", "Herr"),
    ("Fr.", "Frau"),
    ("Nr.", "Nummer"),
    ("Abb.", "Abbildung"),
    ("Tel.", "Telefon"),
    ("Bd.", "Band"),
    ("Kap.", "Kapitel"),
    ("Str.", "Straße"),
    ("St.", "Sankt"),
    ("Jh.", "Jahrhundert"),
    ("Jhd.", "Jahrhundert"),
    ("Mio.", "Millionen"),
    ("Mrd.", "Milliarden"),
    ("Std.", "Stunden"),
    ("Min.", "Minuten"),
    ("Sek.", "Sekunden"),
];
/// Abbreviations of two words, each with a full stop.
pub(super) const PAIRS: &[(&str, &str, &str, &str)] = &[
    ("z.", "B.", "zum", "Beispiel"),
    ("d.", "h.", "das", "heißt"),
    ("u.", "a.", "unter", "anderem"),
    ("o.", "ä.", "oder", "ähnlich"),
    ("v.", "Chr.", "vor", "Christus"),
    ("n.", "Chr.", "nach", "Christus"),
    ("i.", "d.R.", "in", "der Regel"),
];

/// Units: as they are written, one with its article, and several.
pub(super) const UNITS: &[(&str, &str, &str)] = &[
    ("%", "ein Prozent", "Prozent"),
    ("°C", "ein Grad Celsius", "Grad Celsius"),
    ("°", "ein Grad", "Grad"),
    ("mm", "ein Millimeter", "Millimeter"),
    ("cm", "ein Zentimeter", "Zentimeter"),
    ("m", "ein Meter", "Meter"),
    ("km", "ein Kilometer", "Kilometer"),
    ("m²", "ein Quadratmeter", "Quadratmeter"),
    ("km²", "ein Quadratkilometer", "Quadratkilometer"),
    ("m³", "ein Kubikmeter", "Kubikmeter"),
    ("ha", "ein Hektar", "Hektar"),
    ("km/h", "ein Kilometer pro Stunde", "Kilometer pro Stunde"),
    ("m/s", "ein Meter pro Sekunde", "Meter pro Sekunde"),
    ("km/s", "ein Kilometer pro Sekunde", "Kilometer pro Sekunde"),
    ("mg", "ein Milligramm", "Milligramm"),
    ("g", "ein Gramm", "Gramm"),
    ("kg", "ein Kilogramm", "Kilogramm"),
    ("t", "eine Tonne", "Tonnen"),
    ("ml", "ein Milliliter", "Milliliter"),
    ("l", "ein Liter", "Liter"),
    ("ms", "eine Millisekunde", "Millisekunden"),
    ("s", "eine Sekunde", "Sekunden"),
    ("min", "eine Minute", "Minuten"),
    ("h", "eine Stunde", "Stunden"),
    ("Hz", "ein Hertz", "Hertz"),
    ("kHz", "ein Kilohertz", "Kilohertz"),
    ("MHz", "ein Megahertz", "Megahertz"),
    ("GHz", "ein Gigahertz", "Gigahertz"),
    ("W", "ein Watt", "Watt"),
    ("kW", "ein Kilowatt", "Kilowatt"),
    ("MW", "ein Megawatt", "Megawatt"),
    ("kWh", "eine Kilowattstunde", "Kilowattstunden"),
    ("V", "ein Volt", "Volt"),
    ("kB", "ein Kilobyte", "Kilobyte"),
    ("MB", "ein Megabyte", "Megabyte"),
    ("GB", "ein Gigabyte", "Gigabyte"),
    ("TB", "ein Terabyte", "Terabyte"),
];

/// Currencies: sign, and name.
pub(super) const CURRENCIES: [(&str, &str); 6] =
    [("€", "Euro"), ("$", "Dollar"), ("£", "Pfund"), ("¥", "Yen"), ("EUR", "Euro"), ("CHF", "Franken")];
/// Large numbers behind a number.
pub(super) const SCALES: [&str; 7] =
    ["Mio", "Mrd", "Million", "Millionen", "Milliarde", "Milliarden", "Billionen"];

/// Fractions with a letter of their own.
pub(super) const FRACTIONS: [(&str, &str); 6] = [
    ("½", "einhalb"),
    ("⅓", "ein Drittel"),
    ("⅔", "zwei Drittel"),
    ("¼", "ein Viertel"),
    ("¾", "drei Viertel"),
    ("⅛", "ein Achtel"),
];

/// Words before an ordinal that end in "-en" …
pub(super) const BEFORE_EN: [&str; 24] = [
    "am", "im", "vom", "zum", "zur", "beim", "dem", "den", "des", "ab", "bis", "seit", "einem", "einer",
    "eines", "einen", "jedem", "jeden", "ihrem", "seinem", "ihren", "seinen", "diesem", "diesen",
];
/// … in "-e" …
pub(super) const BEFORE_E: [&str; 7] = ["der", "die", "das", "dieser", "diese", "dieses", "jeder"];
/// … and in "-er".
pub(super) const BEFORE_ER: [&str; 5] = ["ein", "mein", "sein", "ihr", "kein"];
/// Prepositions that make "der" a dative: "in der 3. Klasse".
pub(super) const WITH_DATIVE: [&str; 12] =
    ["in", "an", "auf", "bei", "mit", "von", "zu", "aus", "nach", "seit", "vor", "unter"];
/// What an ordinal counts where no word before it says so.
pub(super) const COUNTED: [&str; 16] = [
    "Jahrhundert",
    "Jahrhunderts",
    "Jh",
    "Weltkrieg",
    "Mal",
    "Platz",
    "Stock",
    "Etage",
    "Klasse",
    "Kapitel",
    "Tag",
    "Jahr",
    "Woche",
    "Monat",
    "Teil",
    "Geburtstag",
];
/// Names of many people, who are distinguished by ordinals.
pub(super) const RULERS: [&str; 16] = [
    "Ludwig",
    "Friedrich",
    "Wilhelm",
    "Heinrich",
    "Karl",
    "Otto",
    "Elisabeth",
    "Georg",
    "Napoleon",
    "Philipp",
    "Katharina",
    "Peter",
    "Nikolaus",
    "Paul",
    "Benedikt",
    "Ramses",
];
