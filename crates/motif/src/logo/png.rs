//! Pictures as pixels.

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// More pixels than this are refused, 400 MB of memory.
const MOST_PIXELS: f64 = 1e8;

/// Why a picture has no pixels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PngError {
    /// The text is no SVG.
    #[error("expected an SVG picture: {0}")]
    Svg(String),
    /// The picture has no or too many pixels.
    #[error("expected a picture of 1 to 100 million pixels, found {width} x {height}; choose another scale")]
    Size {
        /// Pixels.
        width: u64,
        /// Pixels.
        height: u64,
    },
    /// The pixels could not be packed.
    #[error("the picture could not be written as PNG: {0}")]
    Encode(String),
}

/// Draws an SVG on white and packs it as PNG; `scale` 1 is one pixel a px (96 dots an inch), 3.125 is 300 dots.
///
/// # Errors
/// Text that is no SVG, or a picture too large or too small.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let tree = Tree::from_str(svg, &Options::default()).map_err(|error| PngError::Svg(error.to_string()))?;
    let width = (tree.size().width() * scale).ceil();
    let height = (tree.size().height() * scale).ceil();
    let size_error = || PngError::Size { width: width as u64, height: height as u64 };
    // Also refuses a scale that is not a number.
    if !(width >= 1.0 && height >= 1.0 && f64::from(width) * f64::from(height) <= MOST_PIXELS) {
        return Err(size_error());
    }
    let mut pixels = Pixmap::new(width as u32, height as u32).ok_or_else(size_error)?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError::Encode(error.to_string()))
}
