//! Dots as pixels, where there are too many to be shapes.

use super::cells::CellMap;
use super::frame::Frame;
use crate::report::markup::{Markup, tag};
use crate::report::number::coordinate;

/// Pixels along a unit of the drawing.
const DENSITY: f64 = 2.0;

/// A picture of the dots of a map in the plot area of `frame`.
pub(super) fn dots(frame: &Frame, map: &CellMap<'_>) -> Markup {
    let (left, right) = frame.x.range;
    let (bottom, top) = frame.y.range;
    let (width, height) = ((DENSITY * (right - left)) as usize, (DENSITY * (bottom - top)) as usize);
    let mut pixels = vec![0u8; 4 * width * height];
    for (point, code) in map.points.iter().zip(map.codes) {
        if !point.iter().all(|value| value.is_finite()) {
            continue;
        }
        let (x, y) = frame.at(point[0], point[1]);
        let (x, y) = ((DENSITY * (x - left)) as usize, (DENSITY * (y - top)) as usize);
        let rgb = code.map_or([153, 153, 153], |code| rgb(map.colour(code as usize)));
        for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
            if x < width && y < height {
                let at = 4 * (y * width + x);
                pixels[at..at + 3].copy_from_slice(&rgb);
                pixels[at + 3] = 255;
            }
        }
    }
    let Some(png) = png(width, height, &pixels) else { return Markup::new() };
    tag("image")
        .attr("x", coordinate(left))
        .attr("y", coordinate(top))
        .attr("width", coordinate(right - left))
        .attr("height", coordinate(bottom - top))
        .attr("href", format_args!("data:image/png;base64,{}", base64(&png)))
        .into()
}

/// Red, green and blue of a hue in degrees, saturation and lightness in percent (CSS Color 4, section 7.1).
fn rgb((hue, saturation, lightness): (f64, f64, f64)) -> [u8; 3] {
    let (s, l) = (saturation / 100.0, lightness / 100.0);
    let channel = |n: f64| {
        let k = (n + hue / 30.0) % 12.0;
        let value = l - s * l.min(1.0 - l) * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (255.0 * value).round() as u8
    };
    [channel(0.0), channel(8.0), channel(4.0)]
}

fn png(width: usize, height: usize, pixels: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

/// RFC 4648, section 4.
pub(in crate::report) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { letter as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn colours_are_those_of_css() {
        assert_eq!(rgb((0.0, 100.0, 50.0)), [255, 0, 0]);
        assert_eq!(rgb((240.0, 100.0, 25.0)), [0, 0, 128]);
        assert_eq!(rgb((90.0, 0.0, 100.0)), [255, 255, 255]);
    }
}
