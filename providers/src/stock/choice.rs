//! Which of what was found fits a scene best. Pure.

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Pixels across and down of the film's frame.
    pub width: u32,
    pub height: u32,
    /// Of a clip; none for a picture.
    pub seconds: Option<u32>,
}

impl Wanted {
    pub fn picture(width: u32, height: u32) -> Self {
        Self { width: width.max(1), height: height.max(1), seconds: None }
    }

    pub fn clip(width: u32, height: u32, seconds: u32) -> Self {
        Self { seconds: Some(seconds), ..Self::picture(width, height) }
    }

    /// The frame's shape, as libraries know three.
    pub fn shape(&self) -> Shape {
        match self.width.cmp(&self.height) {
            std::cmp::Ordering::Less => Shape::Portrait,
            std::cmp::Ordering::Equal => Shape::Square,
            std::cmp::Ordering::Greater => Shape::Landscape,
        }
    }
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Landscape,
    Portrait,
    Square,
}

/// Something that a library has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub id: String,
    /// Where the file is that suits the frame.
    pub link: String,
    /// Pixels of that file.
    pub width: u32,
    pub height: u32,
    /// Of a clip.
    pub seconds: u32,
    /// What the library says that it shows, in lower case.
    pub about: String,
    /// Who made it, and where.
    pub credit: String,
}

/// What a word that is found in the library's own description is worth; beside it, a place further down in its list costs
/// little, and another shape much, because most of the picture would be cut off.
const A_WORD: f64 = 1.0;
const A_PLACE: f64 = 0.04;
const SHAPE: f64 = 2.5;
/// What it costs to have half of the frame's pixels, or to last half as long as the scene.
const TOO_SMALL: f64 = 1.0;
const TOO_SHORT: f64 = 1.5;

/// The best of what was found, which the library has put into its own order.
pub(super) fn best(found: Vec<Found>, words: &[String], wanted: &Wanted) -> Option<Found> {
    let mut best: Option<(f64, Found)> = None;
    for (place, one) in found.into_iter().enumerate() {
        let score = score(&one, place, words, wanted);
        if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
            best = Some((score, one));
        }
    }
    best.map(|(_, found)| found)
}

fn score(found: &Found, place: usize, words: &[String], wanted: &Wanted) -> f64 {
    let shape = |width: u32, height: u32| f64::from(width.max(1)).ln() - f64::from(height.max(1)).ln();
    let reported = words.iter().filter(|word| found.about.contains(word.as_str())).count();
    let off_shape = (shape(found.width, found.height) - shape(wanted.width, wanted.height)).abs();
    let pixels = |width: u32, height: u32| f64::from(width.max(1)) * f64::from(height.max(1));
    // How often it would have to be doubled.
    let small = (pixels(wanted.width, wanted.height) / pixels(found.width, found.height)).log2().max(0.0);
    let seconds = f64::from(wanted.seconds.unwrap_or_default());
    let short = if seconds > 0.0 { (seconds / f64::from(found.seconds.max(1))).log2().max(0.0) } else { 0.0 };
    A_WORD * count(reported)
        - A_PLACE * count(place)
        - SHAPE * off_shape
        - TOO_SMALL * small
        - TOO_SHORT * short
}

#[expect(clippy::cast_precision_loss, reason = "lists are short")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The file that suits the frame: the smallest that fills it, else the largest.
pub(super) fn file<T>(files: Vec<(u32, u32, T)>, wanted: &Wanted) -> Option<(u32, u32, T)> {
    let is_large_enough = |width: u32, height: u32| width >= wanted.width && height >= wanted.height;
    let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
    files.into_iter().min_by_key(|(width, height, _)| {
        let fits = is_large_enough(*width, *height);
        let size = pixels(*width, *height);
        (!fits, if fits { size } else { u64::MAX - size })
    })
}
