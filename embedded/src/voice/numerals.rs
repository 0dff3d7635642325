//! Numbers in Chinese characters, for readings of Japanese and Chinese, which know no figures.

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
/// Units within four figures, the largest first.
const UNITS: [(u64, char); 3] = [(1000, '千'), (100, '百'), (10, '十')];

/// What differs between the languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// A unit that is there once stands alone, and gaps are not said.
    Japanese,
    /// Units are counted, and a gap is a nought.
    Chinese,
}

/// The text with characters instead of its figures.
pub(super) fn in_characters(text: &str, counting: Counting) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|sign: char| sign.is_ascii_digit()) {
        whole.push_str(&rest[..start]);
        let figures = &rest[start..];
        let end = figures.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(figures.len());
        let run = &figures[..end];
        let is_year = counting == Counting::Chinese && run.len() == 4 && figures[end..].starts_with('年');
        match run.parse::<u64>() {
            Ok(value)
                if value < 1_000_000_000_000 && !is_year && (run.len() == 1 || !run.starts_with('0')) =>
            {
                whole.push_str(&number(value, counting));
            }
            _ => whole.extend(run.bytes().map(|figure| DIGITS[usize::from(figure - b'0')])),
        }
        rest = &figures[end..];
        // A decimal point between figures.
        if let Some(fraction) = rest.strip_prefix('.')
            && fraction.starts_with(|sign: char| sign.is_ascii_digit())
        {
            whole.push('点');
            let end = fraction.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(fraction.len());
            whole.extend(fraction[..end].bytes().map(|figure| DIGITS[usize::from(figure - b'0')]));
            rest = &fraction[end..];
        }
    }
    whole + rest
}

fn number(value: u64, counting: Counting) -> String {
    if value == 0 {
        return DIGITS[0].to_string();
    }
    let large = if counting == Counting::Chinese { '亿' } else { '億' };
    let mut text = String::new();
    for (size, unit) in [(100_000_000, Some(large)), (10_000, Some('万')), (1, None)] {
        let group = value / size % 10_000;
        if group == 0 {
            continue;
        }
        if counting == Counting::Chinese && !text.is_empty() && group < 1000 {
            text.push(DIGITS[0]);
        }
        text.push_str(&below_ten_thousand(group, counting, text.is_empty()));
        text.extend(unit);
    }
    text
}

fn below_ten_thousand(value: u64, counting: Counting, begins: bool) -> String {
    let mut text = String::new();
    let mut gap = false;
    for (size, unit) in UNITS {
        let digit = value / size % 10;
        if digit == 0 {
            gap = !text.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) && counting == Counting::Chinese {
            text.push(DIGITS[0]);
        }
        let silent =
            digit == 1 && (counting == Counting::Japanese || (size == 10 && begins && text.is_empty()));
        if !silent {
            text.push(DIGITS[digit as usize]);
        }
        text.push(unit);
    }
    if !value.is_multiple_of(10) {
        if gap && counting == Counting::Chinese {
            text.push(DIGITS[0]);
        }
        text.push(DIGITS[(value % 10) as usize]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_each_language_counts() {
        for (text, japanese, chinese) in [
            ("1960年", "千九百六十年", "一九六零年"),
            ("15", "十五", "十五"),
            ("115", "百十五", "一百一十五"),
            ("205", "二百五", "二百零五"),
            ("1005人", "千五人", "一千零五人"),
            ("11000米", "一万千米", "一万一千米"),
            ("10500", "一万五百", "一万零五百"),
            ("3.14", "三点一四", "三点一四"),
            ("007", "零零七", "零零七"),
            ("0", "零", "零"),
            ("海", "海", "海"),
        ] {
            assert_eq!(in_characters(text, Counting::Japanese), japanese);
            assert_eq!(in_characters(text, Counting::Chinese), chinese);
        }
    }
}
