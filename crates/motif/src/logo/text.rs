//! Labels as outlines.
//!
//! The outlines are Roboto Regular's (Apache-2.0, Copyright 2015 Google Inc.), reduced to what labels need.

use super::canvas::Label;
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

/// The letters of a label with their offsets from its start, in 1/1000 of the font size; those without an outline show as
/// `?`.
pub(super) fn letters(text: &str) -> impl Iterator<Item = (u32, char, &'static str)> {
    let shown = text.chars().filter_map(|letter| {
        let known = if OUTLINES.contains_key(&letter) { letter } else { '?' };
        OUTLINES.get(&known).map(|outline| (known, outline))
    });
    shown.scan(0, |pen, (letter, outline)| {
        let at = *pen;
        *pen += outline.advance;
        Some((at, letter, outline.path))
    })
}

/// All letters that have an outline, with the outline.
pub(super) fn outlines() -> impl Iterator<Item = (char, &'static str)> {
    OUTLINES.iter().map(|(&letter, outline)| (letter, outline.path))
}

/// Where the base line of a label begins.
pub(super) fn origin(label: &Label) -> (f64, f64) {
    let shift = match label.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width(&label.text, label.size) / 2.0,
        Anchor::End => -width(&label.text, label.size),
    };
    if label.turned { (label.x, label.y - shift) } else { (label.x + shift, label.y) }
}

/// A `<path>` with a label.
pub(super) fn write_label(out: &mut String, label: &Label) {
    let (x, y) = origin(label);
    let turn = if label.turned { "rotate(-90)" } else { "" };
    // Writing into a string cannot fail.
    let _ = write!(out, r#"<path transform="translate({x:.2} {y:.2}){turn}scale({})" d=""#, label.size / 1000.0);
    for (pen, _, path) in letters(&label.text).filter(|(_, _, path)| !path.is_empty()) {
        let _ = write!(out, "M{pen} 0{path}");
    }
    out.push_str("\"/>");
}
