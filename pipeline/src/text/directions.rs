//! What language models write into a script although it is not to be spoken: headings, stage directions, speakers' names.

use super::markup::{of_a_person, pair};

/// What a heading begins with, in small letters.
const HEADINGS: [&str; 44] = [
    "segment",
    "scene",
    "part",
    "section",
    "chapter",
    "act",
    "hook",
    "intro",
    "introduction",
    "outro",
    "conclusion",
    "cta",
    "call to action",
    "title",
    "szene",
    "teil",
    "kapitel",
    "abschnitt",
    "einleitung",
    "schluss",
    "scène",
    "partie",
    "chapitre",
    "accroche",
    "escena",
    "parte",
    "capítulo",
    "introducción",
    "gancho",
    "cena",
    "abertura",
    "scena",
    "capitolo",
    "introduzione",
    "сцена",
    "часть",
    "глава",
    "вступление",
    "シーン",
    "場面",
    "场景",
    "第",
    "장면",
    "フック",
];
/// Who speaks, in small letters.
const SPEAKERS: [&str; 40] = [
    "narrator",
    "narration",
    "voiceover",
    "voice-over",
    "voice over",
    "vo",
    "v.o.",
    "v/o",
    "host",
    "presenter",
    "speaker",
    "announcer",
    "erzähler",
    "erzählerin",
    "sprecher",
    "sprecherin",
    "narrateur",
    "narratrice",
    "voix off",
    "voix-off",
    "narrador",
    "narradora",
    "locutor",
    "locutora",
    "voz en off",
    "narração",
    "narratore",
    "narratrice",
    "voce fuori campo",
    "рассказчик",
    "диктор",
    "голос за кадром",
    "ведущий",
    "ナレーター",
    "ナレーション",
    "旁白",
    "解说",
    "내레이터",
    "나레이션",
    "narrateur(trice)",
];
/// What a stage direction is about, in small letters.
const DIRECTIONS: [&str; 60] = [
    "pause",
    "pauses",
    "beat",
    "music",
    "sound",
    "sounds",
    "sfx",
    "silence",
    "laughs",
    "laughing",
    "laughter",
    "chuckles",
    "sighs",
    "gasps",
    "whispers",
    "whispering",
    "softly",
    "excited",
    "excitedly",
    "dramatic",
    "dramatically",
    "fade",
    "fades",
    "cut",
    "zoom",
    "camera",
    "transition",
    "applause",
    "intro",
    "outro",
    "upbeat",
    "b-roll",
    "voiceover",
    "v.o.",
    "visual",
    "on-screen",
    "text on screen",
    "smiling",
    "musik",
    "stille",
    "lacht",
    "flüstert",
    "musique",
    "silence",
    "rires",
    "música",
    "pausa",
    "silencio",
    "silêncio",
    "risas",
    "musica",
    "silenzio",
    "музыка",
    "пауза",
    "тишина",
    "смех",
    "音楽",
    "间",
    "音乐",
    "停顿",
];
/// A direction has no more words.
const MAX_DIRECTION_WORDS: usize = 6;

/// A model's text as it is to be spoken, and what was left out of it. `cast` may be speakers, too.
#[must_use]
pub fn of_a_model(text: &str, cast: &[&str]) -> (String, Vec<String>) {
    let mut omitted = Vec::new();
    let mut text = without_brackets(text, &mut omitted);
    text = without_parentheses(&text, &mut omitted);
    text = without_headings(&text, &mut omitted);
    let (text, signs) = of_a_person(&text);
    omitted.extend(signs);
    let lines: Vec<&str> =
        text.split('\n').map(|line| without_label(line.trim(), cast, &mut omitted)).collect();
    if omitted.is_empty() {
        return (text, omitted);
    }
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    // What stood before the sign is gone.
    (words.join(" ").replace(" .", ".").replace(" ,", ","), omitted)
}

/// Nothing in square brackets is spoken, nor in their fullwidth kin.
fn without_brackets(text: &str, omitted: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find(['[', '【', '［']) {
        let close_sign = match rest[open..].chars().next() {
            Some('【') => '】',
            Some('［') => '］',
            _ => ']',
        };
        let Some(close) = rest[open..].find(close_sign).map(|at| open + at + close_sign.len_utf8()) else {
            break;
        };
        // The text of a link is spoken.
        if rest[close..].starts_with('(') {
            out.push_str(&rest[..close]);
        } else {
            out.push_str(&rest[..open]);
            out.push(' ');
            omitted.push(rest[open..close].to_owned());
        }
        rest = &rest[close..];
    }
    out.push_str(rest);
    out
}

/// Parentheses, and words between asterisks, that hold a direction and nothing else. Others are part of what is told.
fn without_parentheses(text: &str, omitted: &mut Vec<String>) -> String {
    let mut text = text.to_owned();
    for (open_sign, close_sign) in [('(', ')'), ('（', '）')] {
        let mut from = 0;
        while let Some(open) = text[from..].find(open_sign).map(|at| from + at) {
            let inside = open + open_sign.len_utf8();
            let Some(close) = text[inside..].find(close_sign).map(|at| inside + at) else { break };
            if is_direction(&text[inside..close]) && stands_alone(&text[..open]) {
                let end = close + close_sign.len_utf8();
                omitted.push(text[open..end].to_owned());
                text.replace_range(open..end, " ");
                from = open;
            } else {
                from = inside;
            }
        }
    }
    for sign in ["*", "_"] {
        let mut from = 0;
        while let Some((open, close)) = pair(&text, sign, from) {
            if is_direction(&text[open + 1..close])
                && !text[open + 1..close].contains(' ')
                && stands_alone(&text[..open])
            {
                omitted.push(text[open..=close].to_owned());
                text.replace_range(open..=close, " ");
                from = open;
            } else {
                from = close + 1;
            }
        }
    }
    text
}

/// Whether what follows begins a sentence of its own.
fn stands_alone(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty()
        || before.ends_with(['.', '!', '?', '…', '\n', ':', '*', '。', '！', '？', '"', '”', ']', ')'])
}

fn is_direction(inside: &str) -> bool {
    let lower = inside.trim().trim_end_matches(['.', '!', '…']).to_lowercase();
    let words: Vec<&str> = lower.split([' ', ',', ':', '-']).filter(|word| !word.is_empty()).collect();
    let is_time = !lower.is_empty()
        && lower.contains(':')
        && lower.chars().all(|c| c.is_ascii_digit() || ":-–— s".contains(c));
    let about = |word: &&str| DIRECTIONS.contains(word);
    let speaks_of = words.iter().any(about) || DIRECTIONS.contains(&lower.as_str());
    is_time || words.len() <= MAX_DIRECTION_WORDS && speaks_of
}

/// Bold headings and heading lines go whole, where something else is left to be said.
fn without_headings(text: &str, omitted: &mut Vec<String>) -> String {
    let mut kept: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let trimmed = line.trim();
        let hashes = trimmed.len() - trimmed.trim_start_matches('#').len();
        if (1..=6).contains(&hashes) && trimmed[hashes..].starts_with(' ') {
            omitted.push(trimmed.to_owned());
            continue;
        }
        let mut line = line.to_owned();
        if let Some((0, close)) = pair(line.trim_start(), "**", 0)
            && is_heading(&line.trim_start()[2..close])
        {
            let start = line.len() - line.trim_start().len();
            omitted.push(line[start..start + close + 2].to_owned());
            line.replace_range(start..start + close + 2, "");
        }
        kept.push(line);
    }
    let text_left = kept.iter().any(|line| line.chars().any(char::is_alphanumeric));
    if text_left {
        return kept.join("\n");
    }
    omitted.clear();
    text.to_owned()
}

/// Whether a bold text is the name of a part: `Segment 1: The Hook`, `Hook`, `第1章`.
fn is_heading(bold: &str) -> bool {
    let lower = bold.trim().trim_end_matches(':').to_lowercase();
    HEADINGS.iter().any(|heading| {
        let Some(after) = lower.strip_prefix(heading) else { return false };
        after
            .trim_start_matches(|c: char| c.is_numeric() || c == ' ' || "章幕节節話回".contains(c))
            .is_empty()
            || after
                .trim_start_matches(|c: char| c.is_numeric() || c == ' ')
                .starts_with([':', '.', '-', '–', '—', '：', '('])
    })
}

/// `Narrator:`, `Scene 3:`, `Ada:` at the start of a line.
fn without_label<'a>(line: &'a str, cast: &[&str], omitted: &mut Vec<String>) -> &'a str {
    let Some((label, rest)) = line.split_once([':', '：']) else { return line };
    let name = label.split(['(', '（']).next().unwrap_or(label).trim();
    let lower = name.to_lowercase();
    let numbered = lower.trim_end_matches(|c: char| c.is_numeric() || c == ' ' || c == '#');
    let speaks = SPEAKERS.contains(&numbered) || cast.contains(&name);
    let is_part = HEADINGS.contains(&numbered) && (numbered != lower || rest.starts_with(' '));
    if (speaks || is_part) && rest.chars().any(char::is_alphanumeric) {
        omitted.push(format!("{label}:"));
        return rest.trim_start();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_did_not_mean_to_be_spoken_is_left_out() {
        for (given, expected) in [
            (
                "**Segment 1: The Hook** [upbeat music] Did you know that _octopuses_ have three hearts?",
                "Did you know that octopuses have three hearts?",
            ),
            ("---\n(pause) Narrator: Two of them stop when it swims.", "Two of them stop when it swims."),
            ("**Narrator:** Two of them stop.", "Two of them stop."),
            ("Narrator (whispering): Two of them stop.", "Two of them stop."),
            ("Speaker 1: Hello.\nSpeaker 2: Hi.", "Hello. Hi."),
            ("Scene 3: The sea is deep.", "The sea is deep."),
            ("## Hook\nThe sea is deep.", "The sea is deep."),
            ("**Hook:** The sea is deep.", "The sea is deep."),
            ("*sighs* The sea is deep. (soft music fades)", "The sea is deep."),
            ("(0:00-0:05) The sea is deep.", "The sea is deep."),
            ("[0:00] The sea is deep [1].", "The sea is deep."),
            ("Erzähler: Das Meer ist tief. (Pause)", "Das Meer ist tief."),
            ("Voix off : La mer est profonde.", "La mer est profonde."),
            ("旁白：大海很深。（停顿）", "大海很深。"),
            ("Ada: I dive.", "I dive."),
            ("**The sea** is deep.", "The sea is deep."),
        ] {
            let (text, omitted) = of_a_model(given, &["Ada"]);
            assert_eq!(text, expected, "{given:?}");
            assert!(!omitted.is_empty());
        }
    }

    #[test]
    fn a_models_ordinary_text_stays() {
        for text in [
            "Note: it rains at 10:30.",
            "The whale (about 30 metres long) sings.",
            "He wrote music (a pause in his life).",
            "Bob: I dive.",
            "Three things: air, water, light.",
            "3 * 4 is 12.",
            "It weighs 5 (five) tons.",
            "The scene: a beach.",
            "snake_case and #1",
            "深海は暗くて冷たい。",
            "She plays the part well.",
            "Part of it sank.",
            "It's 1990's music.",
            "The host: a small crab.",
            "  spaced  text ",
            "What a beat!",
        ] {
            assert_eq!(of_a_model(text, &["Ada"]), (text.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn a_scene_never_loses_all_of_its_words_to_a_heading() {
        assert_eq!(of_a_model("**Hook**", &[]).0, "Hook");
        assert_eq!(of_a_model("# The deep sea", &[]).0, "The deep sea");
    }
}
