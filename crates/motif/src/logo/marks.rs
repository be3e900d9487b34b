//! Brackets with names above the plot, in as many rows as keep them apart.

use super::canvas::Canvas;
use super::text::{self, Anchor};
use super::{LogoOptions, Mark};

/// Height of a row of marks, as a multiple of the size of labels.
const ROW: f64 = 2.0;
/// Height of the ends of a bracket, in px.
const END: f64 = 3.0;
/// Space between neighbours in a row, in px.
const APART: f64 = 4.0;

/// The middle of a name of twice `half`, moved so that it does not leave a plot of this width.
fn centre_within(middle: f64, half: f64, width: f64) -> f64 {
    middle.min(width - half).max(half)
}

/// The rows that marks take, the lowest first, by their index.
#[derive(Default)]
pub(super) struct Rows(Vec<Vec<usize>>);

impl Rows {
    /// Each mark in the lowest row with space for its bracket and its name, in the order of the options.
    pub(super) fn of(options: &LogoOptions, column_width: f64, columns: usize) -> Self {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let extent = |mark: &Mark| {
            let (from, to) = (mark.start as f64 * column_width, mark.end.min(columns) as f64 * column_width);
            let half = text::width(&mark.label, options.label_size()) / 2.0;
            let centre = centre_within((from + to) / 2.0, half, columns as f64 * column_width);
            (from.min(centre - half) - APART, to.max(centre + half) + APART)
        };
        for (index, mark) in options.marks.iter().enumerate().filter(|(_, mark)| mark.start < mark.end.min(columns)) {
            let own = extent(mark);
            let is_free = |row: &&mut Vec<usize>| {
                row.iter().map(|&other| extent(&options.marks[other])).all(|(from, to)| own.1 <= from || to <= own.0)
            };
            match rows.iter_mut().find(is_free) {
                Some(row) => row.push(index),
                None => rows.push(vec![index]),
            }
        }
        Self(rows)
    }

    /// How much of the picture they take, in px.
    pub(super) fn height(&self, options: &LogoOptions) -> f64 {
        self.0.len() as f64 * ROW * options.label_size()
    }

    /// Draws them above the plot.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let options = canvas.options;
        let size = options.label_size();
        for (row, marks) in self.0.iter().enumerate() {
            let foot = canvas.top() - (row as f64 + 0.25) * ROW * size;
            for mark in marks.iter().map(|&index| &options.marks[index]) {
                let (from, to) = (canvas.edge(mark.start) + 0.5, canvas.edge(mark.end) - 0.5);
                canvas.line(from, foot - END, to, foot - END);
                canvas.line(from, foot, from, foot - END);
                canvas.line(to, foot, to, foot - END);
                let half = text::width(&mark.label, size) / 2.0;
                let width = canvas.right() - canvas.left();
                let centre = canvas.left() + centre_within((from + to) / 2.0 - canvas.left(), half, width);
                canvas.label(&mark.label, centre, foot - END - 0.25 * size, Anchor::Middle, false);
            }
        }
    }
}
