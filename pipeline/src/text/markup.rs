//! Mark-up that nobody pronounces: emphasis, headings, rules, links and tags of Markdown, HTML and SSML.
//!
//! What is in between stays. Signs that only look like mark-up stay too: `3 * 4`, `snake_case`, `#1`, `a < b`.

/// Names of HTML's and SSML's tags that appear in texts.
const TAGS: [&str; 26] = [
    "b", "i", "u", "s", "em", "strong", "mark", "small", "sub", "sup", "br", "hr", "p", "div", "span", "h1",
    "h2", "h3", "ul", "ol", "li", "speak", "break", "prosody", "emphasis", "voice",
];

/// A person's own text without mark-up, and what was left out of it.
#[must_use]
pub fn of_a_person(text: &str) -> (String, Vec<String>) {
    let mut omitted = Vec::new();
    let text = without_tags(text, &mut omitted);
    let text = without_links(&text, &mut omitted);
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        if let Some(line) = without_line_marks(line, &mut omitted) {
            lines.push(without_emphasis(&line, &mut omitted));
        }
    }
    if omitted.is_empty() { (text, omitted) } else { (lines.join("\n").trim().to_owned(), omitted) }
}

/// A line without what marks it as a heading, a quotation, an item or code; none if nothing else is in it.
fn without_line_marks(line: &str, omitted: &mut Vec<String>) -> Option<String> {
    let trimmed = line.trim();
    let is_rule = |sign: char| {
        trimmed.chars().filter(|c| *c == sign).count() >= 3 && trimmed.chars().all(|c| c == sign || c == ' ')
    };
    if ['-', '*', '_', '='].into_iter().any(is_rule)
        || trimmed.starts_with("```") && !trimmed[3..].contains(' ')
    {
        omitted.push(trimmed.to_owned());
        return None;
    }
    let hashes = trimmed.chars().take_while(|c| *c == '#').count();
    let after = &trimmed[hashes..];
    // `#1` and `# 1` are a rank; a heading's mark is followed by a space and a word.
    let heads = (1..=6).contains(&hashes)
        && after.starts_with(' ')
        && after.trim_start().starts_with(|c: char| !c.is_ascii_digit());
    let mark = if heads {
        &trimmed[..hashes]
    } else if trimmed.starts_with("> ") {
        ">"
    } else if trimmed.starts_with("* ") {
        "*"
    } else {
        ""
    };
    if mark.is_empty() {
        return Some(line.to_owned());
    }
    omitted.push(mark.to_owned());
    let rest = trimmed[mark.len()..].trim_start();
    Some(if heads { rest.trim_end_matches(['#', ' ']) } else { rest }.to_owned())
}

/// Without signs of emphasis that stand in pairs round something.
fn without_emphasis(line: &str, omitted: &mut Vec<String>) -> String {
    let mut line = line.to_owned();
    // Longer signs first: what they leave may be a pair of shorter ones.
    for sign in ["***", "___", "**", "__", "~~", "*", "_", "`"] {
        let mut from = 0;
        while let Some((open, close)) = pair(&line, sign, from) {
            line.replace_range(close..close + sign.len(), "");
            line.replace_range(open..open + sign.len(), "");
            omitted.push(sign.to_owned());
            from = close - sign.len();
        }
    }
    line
}

/// Where the next pair of signs stands that begins and ends a word.
pub(super) fn pair(line: &str, sign: &str, from: usize) -> Option<(usize, usize)> {
    let opens = line[from..].match_indices(sign).map(|(at, _)| from + at);
    for open in opens.filter(|at| opens_here(line, sign, *at)) {
        let inside = open + sign.len();
        let closes = line[inside..].match_indices(sign).map(|(at, _)| inside + at);
        if let Some(close) = closes.filter(|at| *at > inside).find(|at| closes_here(line, sign, *at)) {
            return Some((open, close));
        }
    }
    None
}

fn opens_here(line: &str, sign: &str, at: usize) -> bool {
    let (before, after) = (line[..at].chars().next_back(), line[at + sign.len()..].chars().next());
    let own = sign.chars().next();
    before != own
        && after != own
        && after.is_some_and(|c| !c.is_whitespace())
        && before.is_none_or(is_boundary)
}

fn closes_here(line: &str, sign: &str, at: usize) -> bool {
    let (before, after) = (line[..at].chars().next_back(), line[at + sign.len()..].chars().next());
    let own = sign.chars().next();
    before != own
        && after != own
        && before.is_some_and(|c| !c.is_whitespace())
        && after.is_none_or(is_boundary)
}

/// Whether a word may end or begin beside this: in scripts without spaces, anywhere.
fn is_boundary(c: char) -> bool {
    let without_spaces = matches!(
        u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7af
    );
    !c.is_alphanumeric() && !"\\/".contains(c) || without_spaces
}

/// `[text](https://…)` and `![text](…)` become their text.
fn without_links(text: &str, omitted: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(middle) = rest.find("](") {
        let (before, after) = (&rest[..middle], &rest[middle + 2..]);
        let (Some(open), Some(close)) = (before.rfind('['), after.find(')')) else { break };
        let target = &after[..close];
        let is_target = !target.contains(char::is_whitespace)
            && (target.contains("://") || target.starts_with(['/', '#']) || target.starts_with("mailto:"));
        if !is_target {
            out.push_str(&rest[..middle + 2]);
            rest = after;
            continue;
        }
        let head = before[..open].strip_suffix('!').unwrap_or(&before[..open]);
        out.push_str(head);
        out.push_str(&before[open + 1..]);
        omitted.push(format!("({target})"));
        rest = &after[close + 1..];
    }
    out.push_str(rest);
    out
}

/// Known tags go; `a < b > c` is none.
fn without_tags(text: &str, omitted: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let close = tag.find('>').filter(|close| is_tag(&tag[1..*close]));
        let Some(close) = close else {
            out.push('<');
            rest = &tag[1..];
            continue;
        };
        let whole = &tag[..=close];
        // A line break or a pause stands between words.
        if ["<br", "<p", "<break", "<div", "<li", "<hr"].iter().any(|start| whole.starts_with(start)) {
            out.push(' ');
        }
        omitted.push(whole.to_owned());
        rest = &tag[close + 1..];
    }
    out.push_str(rest);
    out
}

fn is_tag(inside: &str) -> bool {
    let inside = inside.strip_prefix('/').unwrap_or(inside);
    let name: String = inside.chars().take_while(char::is_ascii_alphanumeric).collect();
    let after = &inside[name.len()..];
    TAGS.contains(&name.to_ascii_lowercase().as_str()) && (after.is_empty() || after.starts_with([' ', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_nobody_pronounces_are_left_out_and_reported() {
        for (given, expected) in [
            (
                "**Segment 1: The Hook** [upbeat music] Did you know that _octopuses_ have three hearts?",
                "Segment 1: The Hook [upbeat music] Did you know that octopuses have three hearts?",
            ),
            ("---\n(pause) Narrator: Two of them stop.", "(pause) Narrator: Two of them stop."),
            ("# The deep\nIt is dark.", "The deep\nIt is dark."),
            ("## The deep ##", "The deep"),
            ("> Quoted\n* An item", "Quoted\nAn item"),
            ("***Very*** `code` ~~gone~~ __bold__", "Very code gone bold"),
            ("**Nested _one_ here**", "Nested one here"),
            ("これは**重要**です。", "これは重要です。"),
            ("Read [the paper](https://example.com/x_y) now", "Read the paper now"),
            ("One<br/>two <b>three</b> <break time=\"1s\"/>four", "One two three  four"),
            ("```text\nhello\n```", "hello"),
            ("(*really*), \"_so_\"!", "(really), \"so\"!"),
        ] {
            let (text, omitted) = of_a_person(given);
            assert_eq!(text, expected);
            assert!(!omitted.is_empty(), "{given:?} was changed without a word");
        }
    }

    #[test]
    fn a_persons_ordinary_text_is_spoken_as_given() {
        for text in [
            "3 * 4 * 5",
            "3*4*5 = 60",
            "2**3 and 4**5",
            "snake_case_name",
            "a_b and c_d",
            "[sic]",
            "(pause)",
            "Note: it rains.",
            "at 10:30",
            "#1 of all",
            "# 1 of all",
            "We're number #1!",
            "it's the '90s",
            "a < b > c",
            "x <- y",
            "5 > 3",
            "- Hello, she said.",
            "深海は暗い。",
            "C* is a star",
            "* ",
            "footnote*",
            "f(x)[i](j)",
            "Who? *",
            "rock 'n' roll",
            "- - -x",
            "$5 ~ $6",
            "~~",
            "email_me@x_y.org",
            "https://example.com/a_b_c",
            "  two  spaces\n\nand a line  ",
        ] {
            assert_eq!(of_a_person(text), (text.to_owned(), Vec::new()));
        }
    }
}
