//! BCP-47 tags of languages.

/// The primary subtag of a tag, in small letters: `pt` of `pt-BR`.
#[must_use]
pub fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_and_region_are_no_part_of_it() {
        for (tag, expected) in [("pt-BR", "pt"), ("zh_Hant_TW", "zh"), ("DE", "de"), ("", "")] {
            assert_eq!(primary(tag), expected, "{tag}");
        }
    }
}
