//! How much JSON may hold that somebody sends: a text that was made to fill the memory is refused before it is read. Pure.

/// Most values of an object, of which each takes a hundred bytes in memory: four times those of the longest film.
pub const MAX_VALUES: usize = 20_000;

/// About how many values stand in a text of JSON: what separates them is counted.
#[must_use]
pub fn values(text: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_what_is_in_texts_is_not() {
        for (text, count) in [
            ("0", 1),
            ("[0,0]", 3),
            (r#"{"a":1,"b":{"c":2}}"#, 4),
            (r#"["a,[{\",",1]"#, 3),
            (r#"["\\",1,2]"#, 4),
        ] {
            assert_eq!(values(text.as_bytes()), count, "{text}");
        }
    }
}
