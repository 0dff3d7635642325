//! Title cards: the words of the title over the upper half of a picture, as large as they fit, inside the
//! part that stays visible when the frame moves.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use cosmic_text::{Align, Attrs, Buffer, Family, FontSystem, Metrics, Shaping, SwashCache, Weight};
use videofactory_providers::error::ProviderError;

use super::canvas::Canvas;
use super::colour::Colour;
use crate::PROVIDER;

/// Of the picture's width, what words may cover.
const WIDTH: f32 = 0.74;
/// Of the picture's height, what words may cover, and where their middle lies.
const HEIGHT: f32 = 0.34;
const MIDDLE: f32 = 0.33;

/// Writes the title.
pub(super) fn write(canvas: &mut Canvas, title: &str) -> Result<(), ProviderError> {
    let mut fonts = fonts()
        .lock()
        .map_err(|_| configuration("the fonts could not be read; see the log above".to_owned()))?;
    if fonts.db().is_empty() {
        return Err(configuration(
            "no fonts are installed, so a title cannot be written; install the package fonts-noto-core"
                .to_owned(),
        ));
    }
    let (box_width, box_height) = (canvas.w() * WIDTH, canvas.h() * HEIGHT);
    let mut size = canvas.unit() * 0.15;
    let mut buffer = layout(&mut fonts, title, size, box_width);
    while (extent(&buffer).1 > box_height || extent(&buffer).0 > box_width) && size > 8.0 {
        size *= 0.92;
        buffer = layout(&mut fonts, title, size, box_width);
    }
    if let Some(letter) = missing(&buffer, title) {
        return Err(configuration(format!(
            "no installed font has the letter \"{letter}\" of the title \"{title}\"; install fonts for its script, such as fonts-noto-core or fonts-noto-cjk"
        )));
    }
    balance(&mut fonts, &mut buffer, box_width);
    let (wide, tall) = extent(&buffer);
    let (left, top) = ((canvas.w() - box_width) / 2.0, canvas.h() * MIDDLE - tall / 2.0);
    shade(canvas, (canvas.w() / 2.0, top + tall / 2.0), (wide, tall));
    paint(canvas, &mut fonts, &mut buffer, (left, top), size);
    Ok(())
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}

/// The installed fonts, read once a process.
fn fonts() -> &'static Mutex<FontSystem> {
    static FONTS: OnceLock<Mutex<FontSystem>> = OnceLock::new();
    FONTS.get_or_init(|| {
        let mut fonts = FontSystem::new();
        let installed = ["Noto Sans Display", "Noto Sans", "Open Sans", "DejaVu Sans"];
        let has = |name: &str| {
            fonts.db().faces().any(|face| face.families.iter().any(|(family, _)| family == name))
        };
        if let Some(name) = installed.into_iter().find(|name| has(name)) {
            fonts.db_mut().set_sans_serif_family(name);
        }
        Mutex::new(fonts)
    })
}

fn layout(fonts: &mut FontSystem, title: &str, size: f32, width: f32) -> Buffer {
    let mut buffer = Buffer::new(fonts, Metrics::new(size, size * 1.16));
    let attributes = Attrs::new().family(Family::SansSerif).weight(Weight::BOLD);
    buffer.set_size(Some(width), None);
    buffer.set_text(title, &attributes, Shaping::Advanced, Some(Align::Center));
    buffer.shape_until_scroll(fonts, false);
    buffer
}

fn extent(buffer: &Buffer) -> (f32, f32) {
    buffer
        .layout_runs()
        .fold((0.0, 0.0), |(wide, _), run| (f32::max(wide, run.line_w), run.line_top + run.line_height))
}

/// The first letter of the title that no font has a glyph for.
fn missing(buffer: &Buffer, title: &str) -> Option<char> {
    let lost = |glyph: &&cosmic_text::LayoutGlyph| glyph.glyph_id == 0;
    let at = buffer.layout_runs().find_map(|run| run.glyphs.iter().find(lost).map(|glyph| glyph.start))?;
    title.get(at..)?.chars().next().filter(|letter| letter.is_alphanumeric())
}

/// Narrows the lines as far as their number allows, so that no single word is left on the last one.
fn balance(fonts: &mut FontSystem, buffer: &mut Buffer, width: f32) {
    let lines = buffer.layout_runs().count();
    let fits = |fonts: &mut FontSystem, buffer: &mut Buffer, width: f32| {
        buffer.set_size(Some(width), None);
        buffer.shape_until_scroll(fonts, false);
        buffer.layout_runs().count() <= lines && extent(buffer).0 <= width + 0.5
    };
    let (mut low, mut high) = (width * 0.3, width);
    for _ in 0..8 {
        let middle = f32::midpoint(low, high);
        if fits(fonts, buffer, middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    buffer.set_size(Some(high), None);
    buffer.shape_until_scroll(fonts, false);
}

/// Darkens what lies behind the words, softly, so that white reads on any picture.
fn shade(canvas: &mut Canvas, (cx, cy): (f32, f32), (wide, tall): (f32, f32)) {
    let reach = canvas.unit() * 0.34;
    let (rx, ry) = (wide * 0.5, tall * 0.5);
    let (from, to) = ((cy - ry - reach).max(0.0) as usize, (cy + ry + reach).max(0.0) as usize);
    canvas.shade(from, to, |x, y, pixel| {
        let (dx, dy) = (((x as f32 - cx).abs() - rx).max(0.0), ((y as f32 - cy).abs() - ry).max(0.0));
        let near = (1.0 - (dx * dx + dy * dy).sqrt() / reach).max(0.0);
        pixel.scale(1.0 - 0.36 * near * near * (3.0 - 2.0 * near))
    });
}

fn paint(
    canvas: &mut Canvas,
    fonts: &mut FontSystem,
    buffer: &mut Buffer,
    (left, top): (f32, f32),
    size: f32,
) {
    let narrowed = (canvas.w() * WIDTH - buffer.size().0.unwrap_or(0.0)) / 2.0;
    let (left, top) = ((left + narrowed) as i32, top as i32);
    let mut cache = SwashCache::new();
    let mut covers: HashMap<(i32, i32), u8> = HashMap::new();
    buffer.draw(fonts, &mut cache, cosmic_text::Color::rgb(255, 255, 255), |x, y, _, _, colour| {
        let cover = covers.entry((x, y)).or_insert(0);
        *cover = (*cover).max(colour.a());
    });
    let shadow = (size * 0.035).ceil() as i32;
    let mut ordered: Vec<((i32, i32), u8)> = covers.into_iter().collect();
    ordered.sort_unstable();
    for ((x, y), cover) in &ordered {
        canvas.dot(left + x + shadow / 2, top + y + shadow, Colour::BLACK, f32::from(*cover) / 255.0 * 0.5);
    }
    for ((x, y), cover) in &ordered {
        canvas.dot(left + x, top + y, Colour::hex(0xfffdf6), f32::from(*cover) / 255.0);
    }
}
