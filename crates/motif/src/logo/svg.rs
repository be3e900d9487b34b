//! Drawings as SVG.

use super::canvas::{Drawing, Letter, Tint};
use super::glyphs::{self, GLYPHS};
use super::text;
use std::fmt::Write;

/// The standard tint.
pub(super) const TINT: &str = "#f5c542";

/// A drawing as one `<svg>` element. Writing into a string cannot fail.
pub(super) fn svg(drawing: &Drawing) -> String {
    let definitions = if drawing.fragment { String::new() } else { glyphs::definitions() };
    let (w, h) = (short(drawing.width), short(drawing.height));
    let mut out = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{}">{definitions}"#,
        escape(&drawing.description),
    );
    drawing.tints.iter().for_each(|tint| write_tint(&mut out, tint));
    drawing.letters.iter().for_each(|letter| write_letter(&mut out, letter));
    if !drawing.lines.is_empty() {
        out.push_str(r#"<path fill="none" stroke="currentColor" stroke-width=".8" d=""#);
        for &[x1, y1, x2, y2] in &drawing.lines {
            let _ = write!(out, "M{} {}L{} {}", short(x1), short(y1), short(x2), short(y2));
        }
        out.push_str(r#""/>"#);
    }
    if !drawing.labels.is_empty() {
        out.push_str(r#"<g fill="currentColor">"#);
        drawing.labels.iter().for_each(|label| text::write_label(&mut out, label));
        out.push_str("</g>");
    }
    out.push_str("</svg>");
    out
}

fn write_tint(out: &mut String, tint: &Tint) {
    let Tint { x, y, width, height, color } = tint;
    let (x, y, width, height) = (short(*x), short(*y), short(*width), short(*height));
    let color = escape(color.as_deref().unwrap_or(TINT));
    let _ =
        write!(out, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{color}" fill-opacity=".22"/>"#);
}

fn write_letter(out: &mut String, letter: &Letter) {
    let _ = write!(
        out,
        r##"<use href="#bw-{}" transform="matrix({} 0 0 {} {} {})"/>"##,
        GLYPHS[letter.glyph].letter,
        fine(letter.width / 100.0),
        fine(letter.height / 100.0),
        short(letter.x),
        short(letter.y)
    );
}

/// Two decimals at most.
fn short(x: f64) -> String {
    trimmed(format!("{x:.2}"))
}

/// Five decimals at most, for scales.
fn fine(x: f64) -> String {
    trimmed(format!("{x:.5}"))
}

fn trimmed(text: String) -> String {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// Text inside an attribute; characters that XML forbids are dropped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
