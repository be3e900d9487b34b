//! Labels as outlines.
//!
//! The outlines are Roboto Regular's (Apache-2.0, Copyright 2015 Google Inc.), reduced to what labels need.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

/// What a label is aligned by, along its reading direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Height of a capital or a digit, in font sizes.
pub(super) const CAP_HEIGHT: f64 = 0.711;

struct Outline {
    /// In 1/1000 of the font size.
    advance: u32,
    path: &'static str,
}

static OUTLINES: LazyLock<BTreeMap<char, Outline>> = LazyLock::new(|| {
    let parse = |line: &'static str| {
        let mut fields = line.splitn(3, '\t');
        let letter = fields.next()?.chars().next()?;
        Some((letter, Outline { advance: fields.next()?.parse().ok()?, path: fields.next()? }))
    };
    include_str!("label_font.txt").lines().filter_map(parse).collect()
});

fn outline(letter: char) -> Option<&'static Outline> {
    OUTLINES.get(&letter).or_else(|| OUTLINES.get(&'?'))
}

/// Width of a label in px.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().filter_map(outline).map(|o| f64::from(o.advance)).sum::<f64>() * size / 1000.0
}

/// A `<path>` with a label whose base line passes through `(x, y)`; `turned` reads upwards. Letters without an
/// outline show as `?`.
pub(super) fn label(out: &mut String, text: &str, x: f64, y: f64, size: f64, anchor: Anchor, turned: bool) {
    let shift = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width(text, size) / 2.0,
        Anchor::End => -width(text, size),
    };
    let (x, y) = if turned { (x, y - shift) } else { (x + shift, y) };
    let turn = if turned { "rotate(-90)" } else { "" };
    // Writing into a string cannot fail.
    let _ = write!(out, r#"<path transform="translate({x:.2} {y:.2}){turn}scale({})" d=""#, size / 1000.0);
    let mut pen = 0;
    for glyph in text.chars().filter_map(outline) {
        if !glyph.path.is_empty() {
            let _ = write!(out, "M{pen} 0{}", glyph.path);
        }
        pen += glyph.advance;
    }
    out.push_str("\"/>");
}
