//! YAML that every reader reads alike.
//!
//! Readers of YAML 1.1 (kubectl, Helm, PyYAML) take plain words such as `Off`, `y` or `9:16` for something else than text.
//! The serializer writes YAML 1.2, in which those are text: what an older reader would take otherwise gets quotes here.

use std::ops::Range;

/// Quotes every plain scalar that readers of YAML 1.1 take for something else than readers of YAML 1.2.
#[must_use]
pub fn quote_for_old_readers(yaml: &str) -> String {
    let mut quoted = String::with_capacity(yaml.len() + 64);
    let mut done = 0;
    for place in plain_scalars(yaml) {
        if is_ambiguous(&yaml[place.clone()]) {
            quoted.push_str(&yaml[done..place.start]);
            quoted.extend(["\"", &yaml[place.clone()], "\""]);
            done = place.end;
        }
    }
    quoted.push_str(&yaml[done..]);
    quoted
}

/// Whether YAML 1.1 takes this plain scalar for something else than YAML 1.2 and JSON do: there `true`, `false`, `null`
/// and JSON's numbers are the only words that are no text.
#[must_use]
pub fn is_ambiguous(scalar: &str) -> bool {
    let json = matches!(scalar, "true" | "false" | "null") || is_json_number(scalar);
    !json && (is_word(scalar) || is_number(scalar) || is_time(scalar))
}

/// The words of the YAML 1.1 types bool, null, merge and value.
fn is_word(scalar: &str) -> bool {
    const WORDS: [&str; 8] = ["y", "yes", "n", "no", "true", "false", "on", "off"];
    let mut letters = scalar.chars();
    let first = letters.next();
    let rest: String = letters.collect();
    // As is, with a capital, or in capitals.
    let one_case = rest == rest.to_ascii_lowercase()
        || scalar == scalar.to_ascii_uppercase() && first.is_some_and(|first| first.is_ascii_uppercase());
    let lower = scalar.to_ascii_lowercase();
    let null = matches!(lower.as_str(), "null" | "~" | "");
    one_case && (WORDS.contains(&lower.as_str()) || null) || matches!(scalar, "<<" | "=")
}

fn is_json_number(scalar: &str) -> bool {
    let digits = scalar.strip_prefix('-').unwrap_or(scalar);
    let canonical = digits == "0" || !digits.starts_with('0') || digits.starts_with("0.");
    canonical && digits.starts_with(|c: char| c.is_ascii_digit()) && {
        // Without what JSON does not have: signs, underscores, infinities.
        digits.ends_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c))
            && serde_json::from_str::<serde_json::Number>(scalar).is_ok()
    }
}

/// Integers and floats of YAML 1.1, and what readers of both versions take for such.
fn is_number(scalar: &str) -> bool {
    let digits = scalar.strip_prefix(['-', '+']).unwrap_or(scalar);
    let lower = digits.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let of = |rest: &str, radix: u32| !rest.is_empty() && rest.chars().all(|c| c == '_' || c.is_digit(radix));
    for (prefix, radix) in [("0b", 2), ("0x", 16), ("0o", 8)] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return of(rest, radix);
        }
    }
    let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if lower.contains(':') {
        // Of base 60, such as 9:16 and 190:20:30.15.
        let (whole, _) = lower.split_once('.').unwrap_or((&lower, ""));
        let mut parts = whole.split(':');
        let first = parts.next().is_some_and(|part| starts(part) && of(part, 10));
        return first && parts.all(|part| of(part, 10) && part.len() <= 2);
    }
    let (mantissa, exponent) = lower.split_once('e').map_or((lower.as_str(), None), |(m, e)| (m, Some(e)));
    let exponent_fits = exponent.is_none_or(|power| of(power.strip_prefix(['-', '+']).unwrap_or(power), 10));
    let point = mantissa.chars().filter(|c| *c == '.').count();
    let number = starts(mantissa.strip_prefix('.').unwrap_or(mantissa));
    exponent_fits && number && point <= 1 && mantissa.chars().all(|c| c.is_ascii_digit() || "._".contains(c))
}

/// Dates and times: a year, a month and a day, and whatever follows them.
fn is_time(scalar: &str) -> bool {
    let mut parts = scalar.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let day: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let after = &rest[day.len()..];
    let ends = after.is_empty() || after.starts_with(['t', 'T', ' ', '\t']);
    year.len() == 4
        && all_digits(year)
        && month.len() <= 2
        && all_digits(month)
        && (1..=2).contains(&day.len())
        && ends
}

/// Where plain scalars stand, keys too: text without quotes, outside comments and block scalars.
#[must_use]
pub fn plain_scalars(yaml: &str) -> Vec<Range<usize>> {
    let mut scan = Scan { found: Vec::new(), depth: 0, block: None, quote: None };
    let mut start = 0;
    for line in yaml.split_inclusive('\n') {
        scan.line(line.trim_end_matches(['\n', '\r']), start);
        start += line.len();
    }
    scan.found
}

struct Scan {
    found: Vec<Range<usize>>,
    /// Brackets that are open.
    depth: usize,
    /// A block scalar whose lines are indented by more than this.
    block: Option<usize>,
    /// A quoted scalar that continues from the line before.
    quote: Option<u8>,
}

impl Scan {
    fn line(&mut self, line: &str, start: usize) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if let Some(of) = self.block {
            if line.trim().is_empty() || indent > of {
                return;
            }
            self.block = None;
        }
        if matches!(line, "---" | "...") {
            return;
        }
        let bytes = line.as_bytes();
        let (mut at, mut owner, mut keyed) = (indent, indent, false);
        while at < bytes.len() {
            if let Some(quote) = self.quote {
                at = self.quoted(bytes, at, quote);
                continue;
            }
            let next_is_space = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
            match bytes[at] {
                b' ' | b'\t' => at += 1,
                b'#' => return,
                b'-' | b'?' if next_is_space => {
                    // What belongs to an item is indented by more than its dash, and a key's value by more than the key.
                    owner = at;
                    keyed = false;
                    at += 1;
                }
                b':' if next_is_space || self.depth > 0 => at += 1,
                b'"' | b'\'' => {
                    (owner, keyed) = if keyed { (owner, true) } else { (at, true) };
                    self.quote = Some(bytes[at]);
                    at += 1;
                }
                b'[' | b'{' => {
                    self.depth += 1;
                    at += 1;
                }
                b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    at += 1;
                }
                b',' if self.depth > 0 => at += 1,
                b'|' | b'>' if self.depth == 0 => {
                    self.block = Some(owner);
                    return;
                }
                // Tags, anchors and aliases.
                b'!' | b'&' | b'*' => at += line[at..].find(' ').unwrap_or(line.len() - at),
                _ => {
                    (owner, keyed) = if keyed { (owner, true) } else { (at, true) };
                    at = self.plain(line, start, at);
                }
            }
        }
    }

    /// The end of the quoted text, which may be in a later line.
    fn quoted(&mut self, bytes: &[u8], mut at: usize, quote: u8) -> usize {
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if quote == b'"' => at += 2,
                b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
                end if end == quote => {
                    self.quote = None;
                    return at + 1;
                }
                _ => at += 1,
            }
        }
        bytes.len()
    }

    fn plain(&mut self, line: &str, start: usize, from: usize) -> usize {
        let bytes = line.as_bytes();
        let ends = |at: usize| {
            let spaced = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
            match bytes[at] {
                b':' => spaced || self.depth > 0 && b",]}".contains(&bytes[at + 1]),
                b'#' => bytes[at - 1].is_ascii_whitespace(),
                b',' | b'[' | b']' | b'{' | b'}' => self.depth > 0,
                _ => false,
            }
        };
        let to = (from + 1..bytes.len()).find(|at| ends(*at)).unwrap_or(bytes.len());
        let end = from + line[from..to].trim_end().len();
        self.found.push(start + from..start + end);
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(yaml: &str) -> Vec<&str> {
        plain_scalars(yaml).into_iter().map(|place| &yaml[place]).collect()
    }

    #[test]
    fn what_yaml_1_1_reads_otherwise_is_known() {
        let otherwise = concat!(
            "y|Y|n|N|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|True|TRUE|False|FALSE|Null|NULL|~||<<|=|",
            "010|0777|-017|+1|0x1F|0b1010|0o17|1_000|9:16|16:9|1:1|190:20:30|190:20:30.15|1.|.5|+.5|",
            "-.5|1_0.5|.inf|-.INF|.NaN|01.5|2026-12-24|2026-1-2|2026-12-24T18:00:00Z|",
            "2026-12-24 18:00:00|+1e3",
        );
        for scalar in otherwise.split('|') {
            assert!(is_ambiguous(scalar), "{scalar:?} is read otherwise");
        }
        let alike = concat!(
            "true|false|null|0|1|-1|10|1.5|-0.5|360p|7d|10G|Yep|oN|tRUE|Offline|north|1.2.3|10.0.0.1|",
            "12:ab|sha256:1|2026|2026-12|20261224|0x|0xg|v1|a:b|1-2-3|2026-12-24x|-|+|.|e3|",
            "http://s3:9000|kube-system|1e|_1",
        );
        for scalar in alike.split('|') {
            assert!(!is_ambiguous(scalar), "{scalar:?} is read alike");
        }
    }

    #[test]
    fn plain_scalars_are_found_wherever_they_are() {
        let yaml = "# on\na: Off # no\n- y\n- n: 9:16\n  b: 'off'\nc: \"on\"\nd: |-\n  no\n\n  yes\ne: >\n  off\n\
                    f: {g: on, h: [No, \"n\", 1:1]}\ni:\n- - ~\n- k: |\n    on\n  l: off\nm: 'it''s on'\no: \"a\n  no\"\np: x#y\n";
        assert_eq!(
            scalars(yaml),
            [
                "a", "Off", "y", "n", "9:16", "b", "c", "d", "e", "f", "g", "on", "h", "No", "1:1", "i", "~",
                "k", "l", "off", "m", "o", "p", "x#y"
            ]
        );
    }

    #[test]
    fn only_what_is_read_otherwise_is_quoted() {
        let yaml = "enum:\n- Fail\n- Off\n- '1'\n- 9:16\ndefault: 10\ny: true\ntext: |-\n  off\n";
        let expected =
            "enum:\n- Fail\n- \"Off\"\n- '1'\n- \"9:16\"\ndefault: 10\n\"y\": true\ntext: |-\n  off\n";
        assert_eq!(quote_for_old_readers(yaml), expected);
    }
}
