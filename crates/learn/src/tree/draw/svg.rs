//! A tree as SVG.

use super::Drawing;
use std::fmt::Write;

const FONT: &str = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
/// Width of a box by its longest line, and the least.
const LETTER: f64 = 8.0;
const PADDING: f64 = 20.0;
const MIN_WIDTH: f64 = 84.0;
const HEIGHT: f64 = 44.0;
const GAP: f64 = 16.0;
const LEVEL: f64 = 92.0;
const MARGIN: f64 = 16.0;
/// Letters of a line that are shown.
const MOST_LETTERS: usize = 28;
/// Fill of leaves by class (Okabe and Ito 2008), and of numbers from low to high.
const CLASSES: [[u8; 3]; 7] =
    [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [0, 114, 178], [213, 94, 0]];
const LOW: [u8; 3] = [248, 248, 248];
const HIGH: [u8; 3] = [86, 180, 233];

/// A node with its place.
struct Placed {
    node: usize,
    /// Of the middle of the box.
    x: f64,
    y: f64,
    width: f64,
    lines: [String; 2],
    /// Places of the children in the list.
    children: Option<[usize; 2]>,
}

pub(super) fn draw(drawing: &Drawing<'_>) -> String {
    let placed = place(drawing);
    let width = placed.iter().map(|node| node.x + node.width / 2.0).fold(0.0, f64::max) + MARGIN;
    let height = placed.iter().map(|node| node.y).fold(0.0, f64::max) + HEIGHT / 2.0 + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" font-family=\"{FONT}\" font-size=\"12\" text-anchor=\"middle\" fill=\"#222\" role=\"img\">\n\
         <title>decision tree</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for node in &placed {
        for (side, &child) in node.children.iter().flatten().enumerate() {
            edge(&mut svg, node, &placed[child], side == 0);
        }
    }
    let fill = Fill::new(drawing, &placed);
    placed.iter().for_each(|node| shape(&mut svg, drawing, node, &fill));
    svg.push_str("</svg>\n");
    svg
}

/// Leaves from left to right, each parent above the middle of its children and nothing above each other.
fn place(drawing: &Drawing<'_>) -> Vec<Placed> {
    let mut placed = Vec::new();
    let mut open = vec![(0, 0, None)];
    while let Some((node, depth, parent)) = open.pop() {
        let own = placed.len();
        if let Some((parent, side)) = parent {
            let parent: &mut Placed = &mut placed[parent];
            parent.children.get_or_insert([0, 0])[side] = own;
        }
        let children = drawing.children(node, depth);
        let lines = match children {
            Some(_) => {
                let (name, rule) = drawing.question(node);
                [name.to_owned(), rule]
            }
            None => [drawing.value(node), drawing.size(node)],
        };
        let letters = lines.iter().map(|line| shortened(line).chars().count()).max().unwrap_or(0);
        let width = (letters as f64 * LETTER + PADDING).max(MIN_WIDTH);
        let y = MARGIN + HEIGHT / 2.0 + depth as f64 * LEVEL;
        placed.push(Placed { node, x: 0.0, y, width, lines, children: None });
        if let Some([left, right]) = children {
            open.push((right, depth + 1, Some((own, 1))));
            open.push((left, depth + 1, Some((own, 0))));
        }
    }
    spread(&mut placed);
    placed
}

/// Moves each right side as near to the left side as boxes of the same level allow. Children come after parents, in the
/// list of a walk that goes down left first, so a subtree is one stretch of the list.
fn spread(placed: &mut [Placed]) {
    let mut ends: Vec<usize> = (1..=placed.len()).collect();
    for own in (0..placed.len()).rev() {
        let Some([left, right]) = placed[own].children else { continue };
        ends[own] = ends[right];
        let level = |node: &Placed| (node.y / LEVEL) as usize;
        let levels = placed[own..ends[own]].iter().map(level).max().unwrap_or(0) + 1;
        let mut edge = vec![f64::NEG_INFINITY; levels];
        for node in &placed[left..ends[left]] {
            edge[level(node)] = edge[level(node)].max(node.x + node.width / 2.0 + GAP);
        }
        let moved = placed[right..ends[right]]
            .iter()
            .map(|node| edge[level(node)] - (node.x - node.width / 2.0))
            .fold(f64::NEG_INFINITY, f64::max);
        placed[right..ends[right]].iter_mut().for_each(|node| node.x += moved);
        placed[own].x = (placed[left].x + placed[right].x) / 2.0;
    }
    let first = placed.iter().map(|node| node.x - node.width / 2.0).fold(f64::INFINITY, f64::min);
    placed.iter_mut().for_each(|node| node.x += MARGIN - first);
}

/// A line from a question to an answer.
fn edge(svg: &mut String, from: &Placed, to: &Placed, yes: bool) {
    let (top, bottom) = (from.y + HEIGHT / 2.0, to.y - HEIGHT / 2.0);
    let middle = (top + bottom) / 2.0;
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {top:.1} C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {bottom:.1}\" fill=\"none\" \
         stroke=\"#999\" stroke-width=\"1.2\"/>",
        from.x, from.x, to.x, to.x
    );
    let (word, anchor, x) =
        if yes { ("yes", "end", to.x.min(from.x) - 4.0) } else { ("no", "start", to.x.max(from.x) + 4.0) };
    let y = bottom - 6.0;
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"11\" fill=\"#666\">{word}</text>"
    );
}

/// A box with its lines.
fn shape(svg: &mut String, drawing: &Drawing<'_>, node: &Placed, fill: &Fill) {
    let (x, y) = (node.x - node.width / 2.0, node.y - HEIGHT / 2.0);
    let inner = node.children.is_some();
    let (fill, stroke) = if inner { ("#fff".to_owned(), "#444") } else { (fill.of(drawing, node.node), "#888") };
    let round = if inner { 3.0 } else { HEIGHT / 2.0 };
    let full = node.lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join(" ");
    let _ = writeln!(
        svg,
        "<g><title>{full}; n = {}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{HEIGHT}\" \
         rx=\"{round}\" fill=\"{fill}\" stroke=\"{stroke}\"/>",
        drawing.tree.nodes()[node.node].rows,
        node.width
    );
    for (place, line) in node.lines.iter().enumerate() {
        let y = node.y - 4.0 + 16.0 * place as f64;
        let text = escaped(&shortened(line));
        let weight = if place == 0 { 600 } else { 400 };
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{y:.1}\" font-weight=\"{weight}\">{text}</text>", node.x);
    }
    svg.push_str("</g>\n");
}

/// Colours of leaves.
struct Fill {
    low: f64,
    high: f64,
}

impl Fill {
    fn new(drawing: &Drawing<'_>, placed: &[Placed]) -> Self {
        let leaves = placed.iter().filter(|node| node.children.is_none()).map(|node| drawing.tree.values(node.node)[0]);
        let (low, high) =
            leaves.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        Self { low, high }
    }

    fn of(&self, drawing: &Drawing<'_>, node: usize) -> String {
        let values = drawing.tree.values(node);
        let (colour, share) = if values.len() == 1 {
            let range = self.high - self.low;
            (HIGH, if range > 0.0 { (values[0] - self.low) / range } else { 0.5 })
        } else {
            let (class, chance) = (drawing.class(node), 1.0 / values.len() as f64);
            (CLASSES[class % CLASSES.len()], ((values[class] - chance) / (1.0 - chance)).clamp(0.0, 1.0))
        };
        let mix = |place: usize| f64::from(LOW[place]) + share * (f64::from(colour[place]) - f64::from(LOW[place]));
        format!("rgb({:.0},{:.0},{:.0})", mix(0), mix(1), mix(2))
    }
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= MOST_LETTERS {
        return line.to_owned();
    }
    line.chars().take(MOST_LETTERS - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    let control = |letter: char| letter.is_control();
    text.replace(control, " ").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
