//! Pictures as pixels.

use super::canvas::Drawing;
use super::raster;
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

/// Draws any SVG on white and packs it as PNG; `scale` 1 is one pixel a px (96 dots an inch), 3.125 is 300 dots.
///
/// [`motif_png`](super::motif_png) and [`track_png`](super::track_png) draw logos without going through the text of an SVG.
///
/// # Errors
/// Text that is no SVG, or a picture too large or too small.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let tree = Tree::from_str(svg, &Options::default()).map_err(|error| PngError::Svg(error.to_string()))?;
    let mut pixels = blank(tree.size().width(), tree.size().height(), scale)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    encode(&pixels)
}

/// A drawing as PNG.
pub(super) fn drawn(drawing: &Drawing, scale: f32) -> Result<Vec<u8>, PngError> {
    let mut pixels = blank(drawing.width as f32, drawing.height as f32, scale)?;
    raster::draw(drawing, scale, &mut pixels);
    encode(&pixels)
}

/// White pixels for a picture of that many px.
fn blank(width: f32, height: f32, scale: f32) -> Result<Pixmap, PngError> {
    let (width, height) = ((width * scale).ceil(), (height * scale).ceil());
    let size_error = || PngError::Size { width: width as u64, height: height as u64 };
    // Also refuses a scale that is not a number.
    if !(width >= 1.0 && height >= 1.0 && f64::from(width) * f64::from(height) <= MOST_PIXELS) {
        return Err(size_error());
    }
    let mut pixels = Pixmap::new(width as u32, height as u32).ok_or_else(size_error)?;
    pixels.fill(Color::WHITE);
    Ok(pixels)
}

/// Packs opaque pixels. The compression is the fast one, for pictures that are mostly flat.
fn encode(pixels: &Pixmap) -> Result<Vec<u8>, PngError> {
    let rgb: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let failed = |error: png::EncodingError| PngError::Encode(error.to_string());
    let mut out = Vec::with_capacity(rgb.len() / 8);
    let mut encoder = png::Encoder::new(&mut out, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rgb).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
