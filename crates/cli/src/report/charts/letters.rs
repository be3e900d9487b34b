//! Sequence letters at the height of a number: logos of motifs and tracks of attributions.
//!
//! The letters are drawn by `basewise_motif`, once in the page's [`glyphs`] and then only referred to, so that a page with
//! thousands of letters stays small. Axes and marks are the page's own, so that they look like those of its other figures.

use super::frame::{Frame, Margins, label, line, rect, svg};
use super::scale::{Scale, Ticks, extent};
use crate::report::data::Highlight;
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, coordinate};
use basewise_core::Alphabet;
use basewise_motif::Motif;
use basewise_motif::logo::{LogoOptions, glyph_defs, motif_svg, track_svg};

/// The letters' outlines, once a page.
pub(in crate::report) fn glyphs() -> Markup {
    Markup::drawn(glyph_defs())
}

/// A track of letters above and below zero.
pub(in crate::report) struct LetterTrack<'a> {
    /// For those who cannot see it.
    pub(in crate::report) title: String,
    /// Height of A, C, G and T at each position.
    pub(in crate::report) heights: &'a [[f64; 4]],
    /// Label of the first position.
    pub(in crate::report) start: i64,
    /// Marked stretches.
    pub(in crate::report) highlights: &'a [Highlight],
    /// Least and greatest stack, common to the tracks that are compared.
    pub(in crate::report) range: (f64, f64),
    /// Height of the whole drawing.
    pub(in crate::report) height: f64,
    /// Whether the fourth letter is T or U.
    pub(in crate::report) alphabet: Alphabet,
}

/// Heights of the stacks below and above zero at their extremes; never an empty range.
pub(in crate::report) fn stack_range<'a>(tracks: impl IntoIterator<Item = &'a [[f64; 4]]>) -> (f64, f64) {
    let (mut low, mut high) = (0f64, 0f64);
    for stack in tracks.into_iter().flatten() {
        let finite = || stack.iter().copied().filter(|v| v.is_finite());
        low = low.min(finite().filter(|v| *v < 0.0).sum());
        high = high.max(finite().filter(|v| *v > 0.0).sum());
    }
    if high - low > 0.0 { (low, high) } else { (0.0, 1.0) }
}

/// Units per position: the width of the page where letters stay readable, else as wide as they need to scroll.
fn pitch(positions: usize) -> f64 {
    match 812.0 / positions.max(1) as f64 {
        fitting if fitting >= 5.7 => fitting.min(22.0),
        _ => 6.5,
    }
}

/// The plot area that tracks and profiles of one length share, so that they align.
fn track_frame(positions: usize, start: i64, height: f64, bottom: f64, y: (f64, f64)) -> Frame {
    let margins = Margins { left: 38.0, right: 6.0, top: 14.0, bottom };
    let width = margins.left + margins.right + pitch(positions) * positions as f64;
    Frame::new(width, height, margins, (start as f64, start as f64 + positions as f64), y)
}

/// Draws a track. Letters above zero stand with the greatest on top; those below hang upside down.
pub(in crate::report) fn letter_track(track: &LetterTrack) -> Markup {
    let frame = track_frame(track.heights.len(), track.start, track.height, 24.0, track.range);
    let mut content = marked(&frame, track.start, track.highlights);
    content.push(value_axis(&frame));
    let zero = frame.y.at(0.0);
    content.push(line(frame.x.range.0, zero, frame.x.range.1, zero).class("axis"));
    content.push(position_axis(&frame));
    let options =
        LogoOptions { alphabet: track.alphabet, y_range: Some(track.range), ..bare(&frame, track.heights.len()) };
    let letters = Markup::drawn(track_svg(track.heights, &options));
    frame.svg(&track.title, content.with(placed(frame.x.range.0, frame.y.range.1, letters)))
}

/// Draws a quantity by position as bars that align with a track of the same length.
pub(in crate::report) fn profile(values: &[f64], start: i64, highlights: &[Highlight], title: &str) -> Markup {
    let highest = extent(values.iter().copied()).map_or(1.0, |(_, high)| if high > 0.0 { high } else { 1.0 });
    let frame = track_frame(values.len(), start, 96.0, 24.0, (0.0, highest));
    let mut content = marked(&frame, start, highlights);
    content.push(value_axis(&frame));
    for (i, &value) in values.iter().enumerate().filter(|(_, v)| v.is_finite() && **v > 0.0) {
        let (x, y) = frame.at(start as f64 + i as f64, value);
        content.push(rect(x + 0.4, y, pitch(values.len()) - 0.8, frame.y.range.0 - y).class("bar s1"));
    }
    content.push(line(frame.x.range.0, frame.y.range.0, frame.x.range.1, frame.y.range.0).class("axis"));
    content.push(position_axis(&frame));
    frame.svg(title, content)
}

/// The information content of a motif, in bits, against a uniform background.
pub(in crate::report) fn logo(motif: &Motif, title: &str) -> Markup {
    let y = Scale { domain: (0.0, 2.0), range: (72.0, 4.0) };
    let column_width = (232.0 / motif.len().max(1) as f64).min(24.0);
    let options = LogoOptions { column_width, height: 68.0, axes: false, fragment: true, ..LogoOptions::default() };
    let mut content = placed(24.0, 4.0, Markup::drawn(motif_svg(motif, &options)));
    content.push(line(20.0, y.range.1, 20.0, y.range.0).class("axis"));
    for bits in [0.0, 1.0, 2.0] {
        content.push(line(16.0, y.at(bits), 20.0, y.at(bits)).class("axis"));
        content.push(label(13.0, y.at(bits) + 3.6, bits).class("tick end"));
    }
    svg(260.0, 78.0, title, content)
}

/// Mean contributions of a pattern's bases, as small as a [`logo`].
pub(in crate::report) fn small_track(heights: &[[f64; 4]], alphabet: Alphabet, title: &str) -> Markup {
    let range = stack_range([heights]);
    let y = Scale { domain: range, range: (72.0, 4.0) };
    let column_width = (232.0 / heights.len().max(1) as f64).min(24.0);
    let options = LogoOptions {
        column_width,
        height: 68.0,
        axes: false,
        fragment: true,
        alphabet,
        y_range: Some(range),
        ..LogoOptions::track()
    };
    let mut content = placed(24.0, 4.0, Markup::drawn(track_svg(heights, &options)));
    content.push(line(20.0, y.range.1, 20.0, y.range.0).class("axis"));
    content.push(line(20.0, y.at(0.0), 24.0 + column_width * heights.len() as f64, y.at(0.0)).class("axis"));
    for value in [range.0, range.1].into_iter().filter(|v| *v != 0.0) {
        content.push(label(18.0, y.at(value) + 3.6, super::super::number::significant(value)).class("tick end"));
    }
    svg(260.0, 78.0, title, content)
}

/// Letters that fill the plot area of a frame, without axes of their own.
fn bare(frame: &Frame, positions: usize) -> LogoOptions {
    let height = frame.y.range.0 - frame.y.range.1;
    LogoOptions { column_width: pitch(positions), height, axes: false, fragment: true, ..LogoOptions::track() }
}

/// A drawing within a drawing.
fn placed(x: f64, y: f64, inner: Markup) -> Markup {
    tag("g").attr("transform", format_args!("translate({} {})", coordinate(x), coordinate(y))).add(inner).into()
}

/// Shaded stretches with their names above.
fn marked(frame: &Frame, start: i64, highlights: &[Highlight]) -> Markup {
    let mut markup = Markup::new();
    for highlight in highlights.iter().filter(|h| h.end > h.start) {
        let left = frame.x.at(start as f64 + highlight.start as f64);
        let right = frame.x.at(start as f64 + highlight.end as f64);
        let top = frame.y.range.1;
        markup.push(rect(left, top, right - left, frame.y.range.0 - top).class("highlight"));
        markup.push(label((left + right) / 2.0, top - 3.0, &highlight.label).class("note middle"));
    }
    markup
}

/// Zero and the two extremes, where they are not too close to zero to print.
fn value_axis(frame: &Frame) -> Markup {
    let (low, high) = frame.y.domain;
    let zero = frame.y.at(0.0);
    let mut markup = Markup::new();
    for value in [low, high] {
        let y = frame.y.at(value);
        if (y - zero).abs() > 11.0 {
            markup.push(line(frame.x.range.0 - 4.0, y, frame.x.range.0, y).class("axis"));
            markup.push(label(frame.x.range.0 - 6.0, y + 3.6, short(value)).class("tick end"));
        }
    }
    markup.push(line(frame.x.range.0, frame.y.range.0, frame.x.range.0, frame.y.range.1).class("axis"));
    markup.with(label(frame.x.range.0 - 6.0, zero + 3.6, "0").class("tick end"))
}

/// Two digits: the axis is narrow.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 10.0 => number::fixed(value, 0),
        v if v >= 1.0 => number::fixed(value, 1),
        v if v >= 0.01 => number::fixed(value, 2),
        _ => number::significant(value),
    }
}

/// Position labels under the middle of their letters.
fn position_axis(frame: &Frame) -> Markup {
    let (low, high) = frame.x.domain;
    let width = frame.x.range.1 - frame.x.range.0;
    let ticks = Ticks::whole(low, high - 1.0, (width / 68.0).clamp(2.0, 40.0) as usize);
    let half = 0.5 * width / (high - low).max(1.0);
    let bottom = frame.y.range.0;
    let mut markup = Markup::new();
    for &value in &ticks.values {
        let x = frame.x.at(value) + half;
        markup.push(line(x, bottom + 2.0, x, bottom + 6.0).class("axis"));
        markup.push(label(x, bottom + 18.0, ticks.label(value)).class("tick middle"));
    }
    markup
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_stacks_and_never_empty() {
        let track = [[1.0, 2.0, 0.0, -4.0], [0.0, 0.0, f64::NAN, 0.0]];
        assert_eq!(stack_range([&track[..]]), (-4.0, 3.0));
        assert_eq!(stack_range([]), (0.0, 1.0));
    }

    #[test]
    fn letters_follow_the_alphabet_and_the_common_range() {
        let track = |alphabet| LetterTrack {
            title: "<t>".to_owned(),
            heights: &[[0.0, 0.0, 0.0, 1.0], [0.5, 0.0, -0.5, 0.0]],
            start: -1,
            highlights: &[],
            range: (-1.0, 1.0),
            height: 118.0,
            alphabet,
        };
        let dna = letter_track(&track(Alphabet::Dna)).into_string();
        assert!(
            dna.contains("#bw-T") && dna.contains("#bw-A") && dna.contains("#bw-G") && !dna.contains("#bw-U"),
            "{dna}"
        );
        assert!(dna.contains("&lt;t&gt;") && !dna.contains("<t>"));
        assert!(letter_track(&track(Alphabet::Rna)).into_string().contains("#bw-U"));
    }

    #[test]
    fn tracks_and_profiles_of_nothing_and_of_one_base_are_drawn() {
        for heights in [&[][..], &[[0.0, 2.0, 0.0, 0.0]][..], &[[f64::NAN; 4]][..]] {
            let range = stack_range([heights]);
            let track = LetterTrack {
                title: String::new(),
                heights,
                start: 0,
                highlights: &[],
                range,
                height: 118.0,
                alphabet: Alphabet::Dna,
            };
            let drawn = letter_track(&track).into_string();
            assert!(drawn.starts_with("<svg") && !drawn.contains("NaN"), "{drawn}");
        }
        assert!(!profile(&[f64::NAN, 0.0], 0, &[], "").into_string().contains("NaN"));
    }

    #[test]
    fn long_tracks_keep_readable_letters() {
        assert!(pitch(140) * 140.0 <= 812.1);
        assert!((pitch(375) - 6.5).abs() < 1e-9);
        assert!((pitch(40) - 20.3).abs() < 1e-9, "an enlarged stretch fills the width");
        assert!((pitch(1) - 22.0).abs() < 1e-9);
        assert!((pitch(0) - 22.0).abs() < 1e-9);
    }
}
