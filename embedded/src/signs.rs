//! Pictures among letters: emoji and the like. Nobody says them and few fonts have them.

/// The text without its pictures. Punctuation, currencies and all letters and figures stay; spaces are made single.
pub(super) fn without_pictographs(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut after_picture = false;
    for sign in text.chars() {
        // The joiner belongs to letters too: between those of Indic scripts and Persian it is spelling.
        let joins = sign == '\u{200d}' && after_picture;
        after_picture = joins || is_pictograph(sign);
        if !after_picture {
            kept.push(sign);
        }
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Figures in circles and squared letters are letters and figures: they are said.
fn is_pictograph(sign: char) -> bool {
    !sign.is_alphanumeric()
        && matches!(
            sign,
            // Arrows, technical signs, boxes, shapes, dingbats.
            '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
            // Emoji, and what makes emoji of other signs.
            | '\u{1f000}'..='\u{1fbff}' | '\u{20e3}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_and_writing_stays() {
        for (text, kept) in [
            ("Party 🎉 time! 👩\u{200d}🚀", "Party time!"),
            ("1\u{fe0f}\u{20e3} first ❤\u{fe0f}", "1 first"),
            ("🇩🇪 Berlin → Rom ★", "Berlin Rom"),
            ("It’s 20 °C – “naïve” café… 5 €, ½ & ①", "It’s 20 °C – “naïve” café… 5 €, ½ & ①"),
            ("क्\u{200d}ष می\u{200c}خواهم 深海。", "क्\u{200d}ष می\u{200c}خواهم 深海。"),
            ("🎉", ""),
        ] {
            assert_eq!(without_pictographs(text), kept, "{text}");
        }
    }
}
