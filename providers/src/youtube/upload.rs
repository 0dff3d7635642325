//! What is said of a video when it is uploaded.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::PROVIDER;
use crate::error::ProviderError;

/// The category of those who name none: people and blogs.
const USUAL_CATEGORY: &str = "22";
/// Longest title of a video, in characters as JavaScript counts them: an emoji is two.
const MAX_TITLE_UNITS: usize = 100;
/// Longest description in bytes.
const MAX_DESCRIPTION_BYTES: usize = 5_000;
/// Most characters of all tags, with what the service counts between and around them.
const MAX_TAG_CHARACTERS: usize = 500;
/// Longest id in characters.
const MAX_ID_CHARACTERS: usize = 64;

/// A video's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoId(String);

impl VideoId {
    /// The id, if `text` is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=MAX_ID_CHARACTERS).contains(&text.len());
        let is_id = fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        is_id.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the video is watched.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://www.youtube.com/watch?v={}", self.0)
    }
}

/// Who may see a video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Privacy {
    /// The channel's owner.
    #[default]
    Private,
    /// Whoever has the link.
    Unlisted,
    /// Everybody.
    Public,
}

impl Privacy {
    fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Unlisted => "unlisted",
            Self::Public => "public",
        }
    }
}

/// A video that is to be uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// Its title; what is beyond 100 characters is cut off.
    pub title: String,
    /// Its description; what is beyond 5,000 bytes is cut off.
    pub description: String,
    /// Search words; those beyond 500 characters in all are left out.
    pub tags: Vec<String>,
    /// Number of its category; empty means people and blogs.
    pub category: String,
    /// Who may see it.
    pub privacy: Privacy,
    /// When it becomes public; it is private until then, whatever `privacy` says.
    pub publish_at: Option<Timestamp>,
    /// Whether it is made for children.
    pub made_for_kids: bool,
    /// Whether it shows what looks real and was made by a machine.
    pub synthetic: bool,
    /// Bytes of its file.
    pub size: u64,
    /// A word by which it is found again, kept among its tags.
    pub marker: String,
}

impl Upload {
    /// The video resource.
    pub(super) fn body(&self) -> Result<Value, ProviderError> {
        let title = self.fitting_title();
        if title.is_empty() {
            return Err(ProviderError::Configuration {
                provider: PROVIDER,
                message: "the video has no title; set the target's title".to_owned(),
            });
        }
        let category = if self.category.is_empty() { USUAL_CATEGORY } else { &self.category };
        let privacy = if self.publish_at.is_some() { Privacy::Private } else { self.privacy };
        let mut status = json!({
            "privacyStatus": privacy.name(),
            "selfDeclaredMadeForKids": self.made_for_kids,
            "containsSyntheticMedia": self.synthetic,
        });
        if let Some(at) = self.publish_at {
            status["publishAt"] = json!(at.to_string());
        }
        Ok(json!({
            "snippet": {
                "title": title,
                "description": self.fitting_description(),
                "tags": self.fitting_tags(),
                "categoryId": category,
            },
            "status": status,
        }))
    }

    /// What of the texts the service would not take and is therefore left out, as sentences; signs that stand in the place
    /// of others are not worth one.
    #[must_use]
    pub fn omitted(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.fitting_title() != one_line(&self.title) {
            notes.push(format!("the title was cut to YouTube's {MAX_TITLE_UNITS} characters"));
        }
        if self.fitting_description() != lines(&self.description) {
            notes.push(format!("the description was cut to YouTube's {MAX_DESCRIPTION_BYTES} bytes"));
        }
        let mut given: Vec<String> =
            self.tags.iter().map(|tag| tag_text(tag)).filter(|tag| !tag.is_empty()).collect();
        given.sort();
        given.dedup();
        let kept = self.fitting_tags();
        let dropped = given.iter().filter(|tag| !kept.contains(tag)).count();
        if dropped > 0 {
            notes.push(format!(
                "{dropped} tags were left out: YouTube takes {MAX_TAG_CHARACTERS} characters of them in all"
            ));
        }
        notes
    }

    fn fitting_title(&self) -> String {
        cut(&one_line(&self.title), MAX_TITLE_UNITS, char::len_utf16)
    }

    fn fitting_description(&self) -> String {
        cut(&lines(&self.description), MAX_DESCRIPTION_BYTES, char::len_utf8)
    }

    /// The tags that there is room for, and the marker, for which there always is.
    fn fitting_tags(&self) -> Vec<String> {
        // A tag with a space counts with quotes around it, and each but the first with a comma before it.
        let weight = |tag: &str| tag.encode_utf16().count() + if tag.contains(' ') { 3 } else { 1 };
        let mut room = MAX_TAG_CHARACTERS.saturating_sub(weight(&self.marker));
        let mut kept: Vec<String> = Vec::new();
        for tag in &self.tags {
            let tag = tag_text(tag);
            if tag.is_empty() || tag == self.marker || kept.contains(&tag) || weight(&tag) > room {
                continue;
            }
            room -= weight(&tag);
            kept.push(tag);
        }
        if !self.marker.is_empty() {
            kept.push(self.marker.clone());
        }
        kept
    }
}

/// The service takes neither angle brackets nor control characters in texts; line ends and tabs become plain ones.
fn lines(text: &str) -> String {
    let plain = |c: char| match c {
        '<' => '‹',
        '>' => '›',
        '\n' => c,
        '\u{2028}' | '\u{2029}' => '\n',
        c if c.is_control() => ' ',
        c => c,
    };
    let text: String = text.replace("\r\n", "\n").replace('\r', "\n").chars().map(plain).collect();
    text.trim().to_owned()
}

fn one_line(text: &str) -> String {
    lines(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Commas and quotes stand between and around tags.
fn tag_text(tag: &str) -> String {
    one_line(&tag.replace([',', '"'], " "))
}

/// The text up to where its characters, weighed, are more than `most`.
fn cut(text: &str, most: usize, weight: impl Fn(char) -> usize) -> String {
    let mut total = 0;
    let fits = |c: &char| {
        total += weight(*c);
        total <= most
    };
    let whole: String = text.chars().take_while(fits).collect();
    if whole.len() == text.len() { whole } else { whole.trim_end().to_owned() }
}
