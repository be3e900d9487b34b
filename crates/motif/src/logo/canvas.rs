//! Where everything is on the picture.

use super::LogoOptions;
use super::axis::{GAP, TICK, YAxis};
use super::glyphs;
use super::marks::Rows;
use super::text::{self, Anchor, CAP_HEIGHT};
use basewise_core::Alphabet;

/// Part of a column that its letter takes.
const LETTER_SHARE: f64 = 0.94;
/// Letters lower than this are not seen, in px.
const LEAST_HEIGHT: f64 = 0.02;

/// A picture as shapes with their places, in px, y downwards; written as SVG or drawn as pixels.
pub(super) struct Drawing {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) tints: Vec<Tint>,
    pub(super) letters: Vec<Letter>,
    /// From one point to another.
    pub(super) lines: Vec<[f64; 4]>,
    pub(super) labels: Vec<Label>,
    /// For those who cannot see it.
    pub(super) description: String,
    /// Whether the letters are defined elsewhere on the page.
    pub(super) fragment: bool,
}

/// A tinted rectangle.
pub(super) struct Tint {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// A CSS colour; none is the standard tint.
    pub(super) color: Option<String>,
}

/// A letter in a box; one of negative height is upside down.
pub(super) struct Letter {
    /// Index of its outline.
    pub(super) glyph: usize,
    pub(super) x: f64,
    /// The end of the box at which the outline's top is.
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A line of text whose base line passes through `(x, y)`.
pub(super) struct Label {
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) y: f64,
    /// Of the font, in px.
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    /// Whether it reads upwards.
    pub(super) turned: bool,
}

/// A picture that grows element by element.
pub(super) struct Canvas<'a> {
    pub(super) options: &'a LogoOptions,
    y: YAxis,
    columns: usize,
    column_width: f64,
    height: f64,
    left: f64,
    top: f64,
    marks: Rows,
    drawing: Drawing,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(columns: usize, y: YAxis, options: &'a LogoOptions) -> Self {
        let positive = |x: f64, least: f64| if x.is_finite() { x.clamp(least, 1e4) } else { least };
        let size = options.label_size();
        let tick_width = y.ticks.iter().map(|(_, label)| text::width(label, size)).fold(0.0, f64::max);
        let axis = if options.axes { size * (CAP_HEIGHT + 0.3) + 2.0 * GAP + tick_width + TICK + GAP } else { 0.0 };
        let top = if options.axes { size * 0.5 } else { 0.0 };
        let title = if options.title.is_some() { size * 1.2 * 1.5 } else { 0.0 };
        let column_width = positive(options.column_width, 0.1);
        let marks = Rows::of(options, column_width, columns);
        Self {
            options,
            y,
            columns,
            column_width,
            height: positive(options.height, 1.0),
            left: axis,
            top: top + title + marks.height(options),
            marks,
            drawing: Drawing {
                width: 0.0,
                height: 0.0,
                tints: Vec::new(),
                letters: Vec::with_capacity(4 * columns),
                lines: Vec::new(),
                labels: Vec::new(),
                description: String::new(),
                fragment: options.fragment,
            },
        }
    }

    pub(super) fn left(&self) -> f64 {
        self.left
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.columns as f64 * self.column_width
    }

    pub(super) fn top(&self) -> f64 {
        self.top
    }

    /// The left edge of a column; of the one after the last, the right edge of the plot.
    pub(super) fn edge(&self, column: usize) -> f64 {
        self.left + column.min(self.columns) as f64 * self.column_width
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
        self.drawing.lines.push([x1, y1, x2, y2]);
    }

    pub(super) fn label(&mut self, text: &str, x: f64, y: f64, anchor: Anchor, turned: bool) {
        let size = self.options.label_size();
        self.drawing.labels.push(Label { text: text.to_owned(), x, y, size, anchor, turned });
    }

    pub(super) fn highlights(&mut self) {
        for highlight in &self.options.highlights {
            let (start, end) = (highlight.start.min(self.columns), highlight.end.min(self.columns));
            if start < end {
                self.drawing.tints.push(Tint {
                    x: self.left + start as f64 * self.column_width,
                    y: self.top,
                    width: (end - start) as f64 * self.column_width,
                    height: self.height,
                    color: highlight.color.clone(),
                });
            }
        }
    }

    pub(super) fn marks(&mut self) {
        let rows = std::mem::take(&mut self.marks);
        rows.draw(self);
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
        let width = self.column_width * LETTER_SHARE;
        self.drawing.letters.push(Letter { glyph, x, y: far, width, height: near - far });
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

    pub(super) fn finish(self, description: &str) -> Drawing {
        let size = self.options.label_size();
        let mut drawing = self.drawing;
        description.clone_into(&mut drawing.description);
        if let Some(title) = &self.options.title {
            drawing.description = format!("{title}: {description}");
            let (text, size) = (title.clone(), size * 1.2);
            drawing.labels.push(Label {
                text,
                x: self.left,
                y: size / 1.2,
                size,
                anchor: Anchor::Start,
                turned: false,
            });
        }
        let beside = if self.options.axes { size * 0.4 } else { 0.0 };
        drawing.width = (self.left + self.columns as f64 * self.column_width + beside).max(1.0);
        let rows = if self.options.x_label.is_some() { 2.0 * CAP_HEIGHT + 0.45 + 0.25 } else { CAP_HEIGHT + 0.1 };
        let below = if self.options.axes { TICK + 2.0 * GAP + size * rows } else { 0.0 };
        drawing.height = self.top + self.height + below;
        drawing.hold_labels();
        drawing
    }
}

impl Drawing {
    /// Moves labels that would begin before the left or the upper edge onto the picture, and lets it grow to the right and
    /// downwards until no label is cut off.
    fn hold_labels(&mut self) {
        for label in &mut self.labels {
            let [left, top, ..] = label.extent();
            label.x += (-left).max(0.0);
            label.y += (-top).max(0.0);
            let [_, _, right, bottom] = label.extent();
            self.width = self.width.max(right);
            self.height = self.height.max(bottom);
        }
    }
}

impl Label {
    /// Left, upper, right and lower end of the text, whose letters are taken to stand on the base line.
    pub(super) fn extent(&self) -> [f64; 4] {
        let (x, y) = text::origin(self);
        let (length, height) = (text::width(&self.text, self.size), self.size * CAP_HEIGHT);
        if self.turned { [x - height, y - length, x, y] } else { [x, y - height, x + length, y] }
    }
}
