//! Effects of all substitutions of a region as a picture: a row for each base, a column for each position.

use basewise_core::{Interval, Strand};
use std::fmt::Write;

const CELL: f64 = 9.0;
const ROW: f64 = 16.0;
const LEFT: f64 = 28.0;
const TOP: f64 = 34.0;

/// The picture, as SVG, headed by where it is: red raises the score, blue lowers it; the base that is there has a dot.
pub(super) fn heat_map(numbers: &[[Option<f32>; 4]], place: &Interval, title: &str) -> String {
    let largest =
        numbers.iter().flatten().flatten().map(|x| f64::from(x.abs())).filter(|x| x.is_finite()).fold(0.0, f64::max);
    let (width, height) = (LEFT + CELL * numbers.len() as f64 + 12.0, TOP + 4.0 * ROW + 46.0);
    let strand = if place.strand == Strand::Reverse { ", reverse strand" } else { "" };
    let title = format!("{}:{}-{}{strand}. {title}", place.chrom, place.start + 1, place.end);
    // Wide enough for the title, at about 7 px a letter.
    let (wide, name) = (width.max(LEFT + 7.0 * title.chars().count() as f64 + 12.0), escape(&title));
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height}" width="{wide}" height="{height}" role="img" aria-label="{name}" font-family="system-ui, sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/><g fill="#222"><text x="{LEFT}" y="16">{name}</text>"##
    );
    for (row, letter) in "ACGT".chars().enumerate() {
        let _ = write!(svg, r#"<text x="12" y="{}">{letter}</text>"#, TOP + ROW * (row as f64 + 0.75));
    }
    let below = TOP + 4.0 * ROW;
    for (column, _) in numbers.iter().enumerate() {
        let position = place.start + column as u64 + 1;
        if position.is_multiple_of(20) || numbers.len() < 20 && column == 0 {
            let x = LEFT + CELL * (column as f64 + 0.5);
            let _ = write!(svg, r#"<text x="{x}" y="{}" text-anchor="middle">{position}</text>"#, below + 14.0);
        }
    }
    svg.push_str("</g>");
    for (column, row) in numbers.iter().enumerate() {
        let x = LEFT + CELL * column as f64;
        for (base, number) in row.iter().enumerate() {
            let y = TOP + ROW * base as f64;
            match number {
                Some(number) => {
                    let _ = write!(
                        svg,
                        r#"<rect x="{x}" y="{y}" width="{CELL}" height="{ROW}" fill="{}"><title>{} {}: {number:.3}</title></rect>"#,
                        color(f64::from(*number), largest),
                        place.start + column as u64 + 1,
                        ['A', 'C', 'G', 'T'][base]
                    );
                }
                None if row.iter().any(Option::is_some) => {
                    let _ = write!(
                        svg,
                        r##"<circle cx="{}" cy="{}" r="1.8" fill="#444"/>"##,
                        x + CELL / 2.0,
                        y + ROW / 2.0
                    );
                }
                None => {}
            }
        }
    }
    legend(&mut svg, below + 24.0, largest);
    svg.push_str("</svg>");
    svg
}

/// Text that XML takes for text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A bar from the largest fall to the largest rise.
fn legend(svg: &mut String, y: f64, largest: f64) {
    const STEPS: i32 = 20;
    for step in -STEPS..=STEPS {
        let share = f64::from(step) / f64::from(STEPS);
        let x = LEFT + 50.0 + 3.0 * f64::from(step + STEPS);
        let _ = write!(svg, r#"<rect x="{x}" y="{y}" width="3" height="8" fill="{}"/>"#, color(share, 1.0));
    }
    let right = LEFT + 50.0 + 3.0 * f64::from(2 * STEPS + 1) + 6.0;
    let _ = write!(
        svg,
        r##"<g fill="#222"><text x="{}" y="{}" text-anchor="end">{:.3}</text><text x="{right}" y="{}">{largest:.3}</text></g>"##,
        LEFT + 44.0,
        y + 8.0,
        -largest,
        y + 8.0
    );
}

/// White at 0, to red above and to blue below.
fn color(value: f64, largest: f64) -> String {
    let share = if largest > 0.0 && value.is_finite() { (value / largest).clamp(-1.0, 1.0) } else { 0.0 };
    let [r, g, b] = if share >= 0.0 { [178.0, 24.0, 43.0] } else { [33.0, 102.0, 172.0] };
    let mix = |end: f64| (255.0 + (end - 255.0) * share.abs()).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(r), mix(g), mix(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_red_where_the_score_rises_and_blue_where_it_falls() {
        assert_eq!(
            [color(0.0, 1.0), color(2.0, 2.0), color(-2.0, 2.0), color(1.0, 0.0)],
            ["#ffffff", "#b2182b", "#2166ac", "#ffffff"]
        );
        let place = Interval { chrom: "c".into(), start: 18, end: 20, strand: Strand::Forward };
        let svg = heat_map(&[[None, Some(1.0), Some(-1.0), Some(0.5)], [None; 4]], &place, "a < b");
        assert_eq!((svg.matches("<title>").count(), svg.matches("<circle").count()), (3, 1));
        assert!(svg.contains(">c:19-20. a &lt; b</text>"), "{svg}");
        let reverse = heat_map(&[[None; 4]; 2], &Interval { strand: Strand::Reverse, ..place }, "score");
        assert!(reverse.contains(">c:19-20, reverse strand. score</text>"), "{reverse}");
        assert!(svg.contains(">20</text>") && svg.contains("19 C: 1.000"), "{svg}");
    }
}
