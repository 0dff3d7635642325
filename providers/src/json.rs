//! JSON as language models write it: with half of a surrogate pair, or with line ends inside of strings. What was paid for is
//! not thrown away for that.

use serde::de::DeserializeOwned;

/// Reads JSON; where it is none by its letter, without what language models get wrong in it.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes).or_else(|error| serde_json::from_slice(&fixed(bytes)).map_err(|_| error))
}

/// The same with escapes of lone surrogates left out, and control characters within strings escaped.
fn fixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut in_string) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => {
                let length = match surrogate(bytes, at) {
                    None => 2,
                    Some(0xd800..0xdc00) if matches!(surrogate(bytes, at + 6), Some(0xdc00..0xe000)) => 12,
                    Some(_) => {
                        at += 6;
                        continue;
                    }
                };
                out.extend(bytes[at..].iter().take(length));
                at += length;
                continue;
            }
            b'"' => {
                in_string = !in_string;
                out.push(b'"');
            }
            b'\n' if in_string => out.extend(br"\n"),
            0..0x20 if in_string => out.push(b' '),
            other => out.push(*other),
        }
        at += 1;
    }
    out
}

/// The surrogate whose escape begins here, if one does.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(br"\u")?;
    let code = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..0xe000).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_language_models_get_wrong_is_read() {
        for (text, expected) in [
            (r#"["a\ud83db"]"#, json!(["ab"])),
            (r#"["\ude00"]"#, json!([""])),
            (r#"["\ud83d\ude00 whole", "\ud83d\u0041"]"#, json!(["😀 whole", "A"])),
            ("[\"two\nlines\tand \u{1}\"]", json!(["two\nlines and  "])),
            (r#"{"k\\": "quo\"te\ud800"}"#, json!({"k\\": "quo\"te"})),
            (r#"["\\ud83d stays\ud83d"]"#, json!([r"\ud83d stays"])),
        ] {
            assert_eq!(read::<Value>(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_reported_as_it_came() {
        for text in ["", "{", "[\"a\"", r#"["\ud83d"#, r#"["\u12"]"#] {
            let strict = serde_json::from_str::<Value>(text).unwrap_err().to_string();
            assert_eq!(read::<Value>(text.as_bytes()).unwrap_err().to_string(), strict);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read::<Value>(&bytes);
        }

        #[test]
        fn json_stays_what_it_is(text: String) {
            let json = serde_json::to_vec(&text).unwrap();
            prop_assert_eq!(fixed(&json), json);
        }
    }
}
