//! Sequence logos and attribution tracks as SVG and PNG.
//!
//! Letters are outlines that fill their box exactly, so a letter's height is the number it stands for. Axis labels
//! are outlines too: a picture looks the same in a browser, a PDF and a PNG, with no font installed. Lines and labels
//! take `currentColor`, so they follow the page's text in dark mode.
//!
//! A stand-alone picture defines its letters itself. On a page with many, put [`glyph_defs`] once into the body and
//! draw with [`LogoOptions::fragment`]; the definitions are the same everywhere, so mixing both does no harm.

mod axis;
mod canvas;
mod glyphs;
mod marks;
mod png;
mod raster;
mod svg;
mod text;

pub use glyphs::glyph_defs;
pub use png::{PngError, png};

use crate::Motif;
use axis::{XAxis, YAxis};
use basewise_core::Alphabet;
use canvas::{Canvas, Drawing};

/// Keeps sums and spans of heights finite.
const LARGEST: f64 = 1e30;

/// What the height of a motif's letters means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogoScale {
    /// Bits: the stack is as high as the position is informative, 0 to 2 (Schneider and Stephens 1990).
    #[default]
    Information,
    /// Probabilities: every stack is 1 high.
    Probability,
}

/// Positions marked by a tinted background.
#[derive(Clone, Debug, PartialEq)]
pub struct Highlight {
    /// First position, 0-based in the drawn matrix.
    pub start: usize,
    /// One past the last position.
    pub end: usize,
    /// A CSS colour; none takes the standard tint.
    pub color: Option<String>,
}

/// Positions under a bracket with a name, such as a motif's site.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// First position, 0-based in the drawn matrix.
    pub start: usize,
    /// One past the last position.
    pub end: usize,
    /// What is written above.
    pub label: String,
}

/// How a logo or a track is drawn. Lengths are in px (1/96 inch).
#[derive(Clone, Debug, PartialEq)]
pub struct LogoOptions {
    /// The meaning of heights in [`motif_svg`].
    pub scale: LogoScale,
    /// Whether [`motif_svg`] takes the small-sample bias off the information.
    pub small_sample: bool,
    /// Letters of [`track_svg`]; a motif brings its own.
    pub alphabet: Alphabet,
    /// Width of one position.
    pub column_width: f64,
    /// Height of the plot without axis and title.
    pub height: f64,
    /// Size of the labels.
    pub font_size: f64,
    /// Written above.
    pub title: Option<String>,
    /// Whether axes are drawn at all.
    pub axes: bool,
    /// The label of the y axis; none takes `bits`, `probability` or `contribution`.
    pub y_label: Option<String>,
    /// The label of the x axis; none leaves it out.
    pub x_label: Option<String>,
    /// The number below the first position (such as -70 for a window around a site).
    pub start: i64,
    /// The span of the y axis of [`track_svg`]; none takes it from the data. Give one for tracks to be compared.
    pub y_range: Option<(f64, f64)>,
    /// Tinted positions.
    pub highlights: Vec<Highlight>,
    /// Positions under named brackets, between title and plot.
    pub marks: Vec<Mark>,
    /// Whether letters are left to the page's [`glyph_defs`].
    pub fragment: bool,
}

impl Default for LogoOptions {
    fn default() -> Self {
        Self {
            scale: LogoScale::Information,
            small_sample: false,
            alphabet: Alphabet::Dna,
            column_width: 20.0,
            height: 80.0,
            font_size: 10.0,
            title: None,
            axes: true,
            y_label: None,
            x_label: None,
            start: 1,
            y_range: None,
            highlights: Vec::new(),
            marks: Vec::new(),
            fragment: false,
        }
    }
}

impl LogoOptions {
    /// Settings for an attribution track: narrower columns and a flatter plot.
    pub fn track() -> Self {
        Self { column_width: 8.0, height: 72.0, ..Self::default() }
    }

    /// The size of the labels within what can be drawn.
    fn label_size(&self) -> f64 {
        if self.font_size.is_finite() { self.font_size.clamp(1.0, 1e3) } else { 10.0 }
    }
}

/// The logo of a motif as one `<svg>` element.
pub fn motif_svg(motif: &Motif, options: &LogoOptions) -> String {
    svg::svg(&motif_drawing(motif, options))
}

/// The logo of a motif on white as PNG, the picture of [`motif_svg`]; `scale` as in [`png()`]. Of the colours of highlights
/// only `#rrggbb` are known here.
///
/// # Errors
/// A picture too large or too small.
pub fn motif_png(motif: &Motif, options: &LogoOptions, scale: f32) -> Result<Vec<u8>, PngError> {
    png::drawn(&motif_drawing(motif, options), scale)
}

fn motif_drawing(motif: &Motif, options: &LogoOptions) -> Drawing {
    let bits = if options.small_sample { motif.information_corrected() } else { motif.information() };
    let heights: Vec<[f64; 4]> = match options.scale {
        LogoScale::Information => {
            motif.probabilities.iter().zip(bits).map(|(row, bits)| row.map(|p| p * bits)).collect()
        }
        LogoScale::Probability => motif.probabilities.clone(),
    };
    let y = match options.scale {
        LogoScale::Information => YAxis::fixed(0.0, 2.0, &[0.0, 1.0, 2.0], "bits"),
        LogoScale::Probability => YAxis::fixed(0.0, 1.0, &[0.0, 0.5, 1.0], "probability"),
    };
    let description =
        format!("sequence logo of {}, {} positions, consensus {}", motif.label(), motif.len(), motif.consensus());
    draw(&heights, motif.alphabet, y, &description, options)
}

/// Letters of given heights as one `<svg>` element: one row a position, in the order A C G T (U).
///
/// Positive letters stand on the axis, negative ones hang from it upside down; within each direction the largest is
/// outermost. Numbers that are not finite count as 0, and 1e30 is the largest.
pub fn track_svg(heights: &[[f64; 4]], options: &LogoOptions) -> String {
    svg::svg(&track_drawing(heights, options))
}

/// Letters of given heights on white as PNG, the picture of [`track_svg`]; `scale` as in [`png()`]. Of the colours of
/// highlights only `#rrggbb` are known here.
///
/// # Errors
/// A picture too large or too small.
pub fn track_png(heights: &[[f64; 4]], options: &LogoOptions, scale: f32) -> Result<Vec<u8>, PngError> {
    png::drawn(&track_drawing(heights, options), scale)
}

fn track_drawing(heights: &[[f64; 4]], options: &LogoOptions) -> Drawing {
    let heights: Vec<[f64; 4]> =
        heights.iter().map(|row| row.map(|h| if h.is_finite() { h.clamp(-LARGEST, LARGEST) } else { 0.0 })).collect();
    let (low, high) = options.y_range.unwrap_or_else(|| extent(&heights));
    let y = YAxis::spanning(low, high, "contribution");
    let description = format!("attribution track of {} positions", heights.len());
    draw(&heights, options.alphabet, y, &description, options)
}

/// The lowest and the highest end of a stack.
fn extent(heights: &[[f64; 4]]) -> (f64, f64) {
    let sum = |row: &[f64; 4], sign: f64| row.iter().filter(|&&h| h * sign > 0.0).sum::<f64>();
    let low = heights.iter().map(|row| sum(row, -1.0)).fold(0.0, f64::min);
    let high = heights.iter().map(|row| sum(row, 1.0)).fold(0.0, f64::max);
    (low, high)
}

fn draw(heights: &[[f64; 4]], alphabet: Alphabet, y: YAxis, description: &str, options: &LogoOptions) -> Drawing {
    let mut canvas = Canvas::new(heights.len(), y, options);
    canvas.highlights();
    canvas.letters(heights, alphabet);
    canvas.marks();
    if options.axes {
        canvas.y_axis();
        XAxis::new(heights.len(), options).draw(&mut canvas);
    }
    canvas.finish(description)
}

#[cfg(test)]
mod tests;
