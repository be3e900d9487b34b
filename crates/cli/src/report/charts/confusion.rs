//! True against predicted class, as shares of the true class.

use super::frame::{label, rect, svg};
use crate::report::data::Confusion;
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, coordinate};

/// Classes that are named in the drawing; more would be unreadable and are left to the table of metrics.
pub(in crate::report) const MOST_CLASSES: usize = 20;

/// Draws the matrix; `None` if the counts do not fit the classes, or there are too many to read.
pub(in crate::report) fn confusion(data: &Confusion) -> Option<Markup> {
    let n = data.classes.len();
    if n == 0 || n > MOST_CLASSES || data.counts.len() != n || data.counts.iter().any(|row| row.len() != n) {
        return None;
    }
    let cell = (290.0 / n as f64).clamp(34.0, 96.0);
    let longest = data.classes.iter().map(|c| shown(c).chars().count()).max().unwrap_or(0);
    // Crowded column names stand at an angle, and need room above and at the right.
    let slanted = 7.0 * longest as f64 > cell;
    let slant = if slanted { 4.6 * longest as f64 } else { 0.0 };
    let (left, top) = (26.0 + 7.0 * longest as f64, 52.0 + slant);
    let side = cell * n as f64;
    let mut content = Markup::new();
    content.push(label(left + side / 2.0, 14.0, "Predicted class").class("title middle"));
    content.push(label(0.0, top - 10.0, "True class").class("title"));
    for (i, (name, row)) in data.classes.iter().zip(&data.counts).enumerate() {
        let y = top + cell * i as f64;
        content.push(label(left - 8.0, y + cell / 2.0 + 4.0, shown(name)).class("key end"));
        let x = left + cell * (i as f64 + 0.5);
        let column = label(x, top - 10.0, shown(name));
        content.push(if slanted {
            column
                .class("key")
                .attr("transform", format_args!("rotate(-40 {} {})", coordinate(x), coordinate(top - 10.0)))
        } else {
            column.class("key middle")
        });
        let total = row.iter().sum::<usize>();
        for (j, &count) in row.iter().enumerate() {
            content.push(cell_of(left + cell * j as f64, y, cell, count, total, i == j));
        }
    }
    Some(svg(left + side + 2.0 + slant, top + side + 2.0, "Confusion matrix", content))
}

/// One cell: shaded by its share of the row, with count and share.
fn cell_of(x: f64, y: f64, side: f64, count: usize, total: usize, diagonal: bool) -> Markup {
    let share = if total == 0 { 0.0 } else { count as f64 / total as f64 };
    let class = if diagonal { "cell s1" } else { "cell s2" };
    let shade = rect(x + 1.0, y + 1.0, side - 2.0, side - 2.0)
        .class(class)
        .attr("fill-opacity", number::fixed(0.06 + 0.9 * share, 2));
    let text = if share > 0.8 { "count middle inverse" } else { "count middle" };
    let small = if share > 0.8 { "tick middle inverse" } else { "tick middle ink" };
    let mut markup =
        Markup::from(shade.add(tag("title").text(format!("{} of {}", number::grouped(count), number::grouped(total)))));
    let middle = x + side / 2.0;
    if side < 44.0 {
        return markup.with(label(middle, y + side / 2.0 + 4.0, number::grouped(count)).class(small));
    }
    markup.push(label(middle, y + side / 2.0, number::grouped(count)).class(text));
    markup.with(label(middle, y + side / 2.0 + 16.0, number::percent(share)).class(small))
}

/// A class name short enough for a margin.
fn shown(name: &str) -> String {
    if name.chars().count() <= 16 { name.to_owned() } else { name.chars().take(15).chain(['\u{2026}']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_that_does_not_fit_its_classes_is_left_out() {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        assert!(confusion(&Confusion { classes: classes.clone(), counts: vec![vec![1, 2]] }).is_none());
        assert!(confusion(&Confusion::default()).is_none());
        let drawn = confusion(&Confusion { classes, counts: vec![vec![3, 1], vec![0, 0]] });
        assert!(drawn.is_some_and(|svg| svg.into_string().contains("75\u{202f}%")));
    }
}
