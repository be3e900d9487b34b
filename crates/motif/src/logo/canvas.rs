//! Places on the picture and the text of the SVG.

use super::axis::{GAP, TICK, YAxis};
use super::glyphs::{self, GLYPHS};
use super::text::{self, Anchor, CAP_HEIGHT};
use super::{Highlight, LogoOptions};
use basewise_core::Alphabet;
use std::fmt::Write;

/// Part of a column that its letter takes.
const LETTER_SHARE: f64 = 0.94;
/// Letters lower than this are not seen, in px.
const LEAST_HEIGHT: f64 = 0.02;
const TINT: &str = "#f5c542";

/// A picture that grows element by element.
pub(super) struct Canvas<'a> {
    pub(super) options: &'a LogoOptions,
    y: YAxis,
    columns: usize,
    column_width: f64,
    height: f64,
    left: f64,
    top: f64,
    body: String,
    /// Lines and labels, which share their paint.
    lines: String,
    labels: String,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(columns: usize, y: YAxis, options: &'a LogoOptions) -> Self {
        let positive = |x: f64, least: f64| if x.is_finite() { x.clamp(least, 1e4) } else { least };
        let size = options.label_size();
        let tick_width = y.ticks.iter().map(|(_, label)| text::width(label, size)).fold(0.0, f64::max);
        let axis = if options.axes { size * (CAP_HEIGHT + 0.3) + 2.0 * GAP + tick_width + TICK + GAP } else { 0.0 };
        let top = if options.axes { size * 0.5 } else { 0.0 };
        let title = if options.title.is_some() { size * 1.2 * 1.5 } else { 0.0 };
        Self {
            options,
            y,
            columns,
            column_width: positive(options.column_width, 0.1),
            height: positive(options.height, 1.0),
            left: axis,
            top: top + title,
            body: String::new(),
            lines: String::new(),
            labels: String::new(),
        }
    }

    pub(super) fn left(&self) -> f64 {
        self.left
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.columns as f64 * self.column_width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub(super) fn column_centre(&self, column: usize) -> f64 {
        self.left + (column as f64 + 0.5) * self.column_width
    }

    /// Where a height is on the picture.
    fn level(&self, value: f64) -> f64 {
        self.top + self.height * (self.y.high - value) / (self.y.high - self.y.low)
    }

    pub(super) fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        let _ = write!(self.lines, "M{} {}L{} {}", short(x1), short(y1), short(x2), short(y2));
    }

    pub(super) fn label(&mut self, text: &str, x: f64, y: f64, anchor: Anchor, turned: bool) {
        text::label(&mut self.labels, text, x, y, self.options.label_size(), anchor, turned);
    }

    pub(super) fn highlights(&mut self) {
        for Highlight { start, end, color } in &self.options.highlights {
            let (start, end) = ((*start).min(self.columns), (*end).min(self.columns));
            if start < end {
                let x = self.left + start as f64 * self.column_width;
                let width = (end - start) as f64 * self.column_width;
                let color = escape(color.as_deref().unwrap_or(TINT));
                let _ = write!(
                    self.body,
                    r#"<rect x="{}" y="{}" width="{}" height="{}" fill="{color}" fill-opacity=".22"/>"#,
                    short(x),
                    short(self.top),
                    short(width),
                    short(self.height)
                );
            }
        }
    }

    pub(super) fn letters(&mut self, heights: &[[f64; 4]], alphabet: Alphabet) {
        for (column, row) in heights.iter().enumerate() {
            let mut order = [0, 1, 2, 3];
            order.sort_by(|&i, &j| row[i].abs().total_cmp(&row[j].abs()));
            let (mut up, mut down) = (0.0, 0.0);
            for base in order {
                let height = row[base];
                let end = if height > 0.0 { &mut up } else { &mut down };
                let (from, to) = (*end, *end + height);
                *end = to;
                self.letter(column, glyphs::of_base(base, alphabet == Alphabet::Rna), from, to);
            }
        }
    }

    /// A letter from one height to another: upside down where it leads downwards, cut off at the axis' span.
    fn letter(&mut self, column: usize, glyph: usize, from: f64, to: f64) {
        let (from, to) = (from.clamp(self.y.low, self.y.high), to.clamp(self.y.low, self.y.high));
        let (near, far) = (self.level(from), self.level(to));
        if (near - far).abs() < LEAST_HEIGHT {
            return;
        }
        let x = self.left + (column as f64 + (1.0 - LETTER_SHARE) / 2.0) * self.column_width;
        let _ = write!(
            self.body,
            r##"<use href="#bw-{}" transform="matrix({} 0 0 {} {} {})"/>"##,
            GLYPHS[glyph].letter,
            fine(self.column_width * LETTER_SHARE / 100.0),
            fine((near - far) / 100.0),
            short(x),
            short(far)
        );
    }

    pub(super) fn y_axis(&mut self) {
        let size = self.options.label_size();
        let x = self.left - GAP;
        self.line(x, self.top, x, self.bottom());
        let ticks = std::mem::take(&mut self.y.ticks);
        for (value, label) in &ticks {
            let y = self.level(*value);
            self.line(x - TICK, y, x, y);
            self.label(label, x - TICK - GAP, y + size * CAP_HEIGHT / 2.0, Anchor::End, false);
        }
        if self.y.low < 0.0 {
            let zero = self.level(0.0);
            self.line(self.left, zero, self.right(), zero);
        }
        let label = self.options.y_label.as_deref().unwrap_or(self.y.label);
        self.label(label, size * CAP_HEIGHT + 0.5, self.top + self.height / 2.0, Anchor::Middle, true);
    }

    pub(super) fn finish(mut self, description: &str) -> String {
        let size = self.options.label_size();
        let mut description = description.to_owned();
        if let Some(title) = &self.options.title {
            text::label(&mut self.labels, title, self.left, size, size * 1.2, Anchor::Start, false);
            description = format!("{title}: {description}");
        }
        let width = self.right() + if self.options.axes { size * 0.4 } else { 0.0 };
        let rows = if self.options.x_label.is_some() { 2.0 * CAP_HEIGHT + 0.45 + 0.25 } else { CAP_HEIGHT + 0.1 };
        let below = if self.options.axes { TICK + 2.0 * GAP + size * rows } else { 0.0 };
        let (width, height) = (width.max(1.0), self.bottom() + below);
        let definitions = if self.options.fragment { String::new() } else { glyphs::definitions() };
        let (w, h) = (short(width), short(height));
        let mut out = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{}">{definitions}{}"#,
            escape(&description),
            self.body
        );
        if !self.lines.is_empty() {
            let _ = write!(out, r#"<path fill="none" stroke="currentColor" stroke-width=".8" d="{}"/>"#, self.lines);
        }
        if !self.labels.is_empty() {
            let _ = write!(out, r#"<g fill="currentColor">{}</g>"#, self.labels);
        }
        out.push_str("</svg>");
        out
    }
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
