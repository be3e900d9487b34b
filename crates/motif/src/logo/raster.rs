//! Drawings as pixels, without the way through the text of an SVG.

use super::canvas::{Drawing, Label};
use super::glyphs::GLYPHS;
use super::svg::TINT;
use super::text;
use resvg::tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Shader, Stroke, Transform};
use resvg::usvg::{Node, Options, Tree};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// Opacity of tints.
const TINT_OPACITY: f32 = 0.22;
/// Width of lines in px.
const LINE_WIDTH: f32 = 0.8;

/// All outlines as paths, by the letter; those of bases by their digit in [`GLYPHS`].
struct Paths {
    bases: Vec<Option<Path>>,
    labels: BTreeMap<char, Path>,
}

static PATHS: LazyLock<Paths> = LazyLock::new(|| {
    let bases = parsed(GLYPHS.iter().map(|glyph| glyph.outline.to_owned()).collect());
    let outlines: Vec<(char, String)> =
        text::outlines().filter(|(_, path)| !path.is_empty()).map(|(c, path)| (c, format!("M0 0{path}"))).collect();
    let paths = parsed(outlines.iter().map(|(_, path)| path.clone()).collect());
    let labels = outlines.iter().zip(paths).filter_map(|((c, _), path)| Some((*c, path?))).collect();
    Paths { bases, labels }
});

/// Outlines in the words of SVG as paths, once for the life of the program.
fn parsed(outlines: Vec<String>) -> Vec<Option<Path>> {
    let mut svg = String::from(r#"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">"#);
    for (i, outline) in outlines.iter().enumerate() {
        // Writing into a string cannot fail.
        let _ = write!(svg, r#"<path id="p{i}" d="{outline}"/>"#);
    }
    svg.push_str("</svg>");
    let mut paths = vec![None; outlines.len()];
    let Ok(tree) = Tree::from_str(&svg, &Options::default()) else { return paths };
    for node in tree.root().children() {
        if let Node::Path(path) = node
            && let Some(slot) =
                path.id().strip_prefix('p').and_then(|n| n.parse().ok()).and_then(|n: usize| paths.get_mut(n))
        {
            *slot = Some(path.data().clone());
        }
    }
    paths
}

/// Draws on pixels that are white. Tints whose colour is not `#rrggbb` have the standard one.
pub(super) fn draw(drawing: &Drawing, scale: f32, pixels: &mut Pixmap) {
    let zoom = Transform::from_scale(scale, scale);
    for tint in &drawing.tints {
        let mut color = tint.color.as_deref().and_then(hex).or_else(|| hex(TINT)).unwrap_or(Color::BLACK);
        color.apply_opacity(TINT_OPACITY);
        let rectangle = Rect::from_xywh(tint.x as f32, tint.y as f32, tint.width as f32, tint.height as f32);
        if let Some(rectangle) = rectangle {
            pixels.fill_rect(rectangle, &paint(color), zoom, None);
        }
    }
    let paints: Vec<Paint<'_>> = GLYPHS.iter().map(|glyph| paint(hex(glyph.color).unwrap_or(Color::BLACK))).collect();
    for letter in &drawing.letters {
        let (sx, sy) = (letter.width as f32 / 100.0, letter.height as f32 / 100.0);
        let place = Transform::from_row(sx, 0.0, 0.0, sy, letter.x as f32, letter.y as f32).post_concat(zoom);
        if let Some(path) = &PATHS.bases[letter.glyph] {
            pixels.fill_path(path, &paints[letter.glyph], FillRule::Winding, place, None);
        }
    }
    let black = paint(Color::BLACK);
    let mut lines = PathBuilder::new();
    for &[x1, y1, x2, y2] in &drawing.lines {
        lines.move_to(x1 as f32, y1 as f32);
        lines.line_to(x2 as f32, y2 as f32);
    }
    if let Some(lines) = lines.finish() {
        let stroke = Stroke { width: LINE_WIDTH, ..Stroke::default() };
        pixels.stroke_path(&lines, &black, &stroke, zoom, None);
    }
    drawing.labels.iter().for_each(|label| draw_label(label, &black, zoom, pixels));
}

fn draw_label(label: &Label, black: &Paint<'_>, zoom: Transform, pixels: &mut Pixmap) {
    let (x, y) = text::origin(label);
    let size = (label.size / 1000.0) as f32;
    let turn = if label.turned { Transform::from_rotate(-90.0) } else { Transform::identity() };
    let place =
        Transform::from_scale(size, size).post_concat(turn).post_translate(x as f32, y as f32).post_concat(zoom);
    for (pen, letter, _) in text::letters(&label.text) {
        if let Some(path) = PATHS.labels.get(&letter) {
            pixels.fill_path(path, black, FillRule::Winding, place.pre_translate(pen as f32, 0.0), None);
        }
    }
}

fn paint(color: Color) -> Paint<'static> {
    Paint { shader: Shader::SolidColor(color), anti_alias: true, ..Paint::default() }
}

/// A colour of the form `#rrggbb`.
fn hex(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some(Color::from_rgba8(part(0)?, part(2)?, part(4)?, 255))
}
